"""Decide, before decoding, what to do with each chunk that a worker has taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from wire.messages import Content
from wire.queue import Delivery


@dataclass
class Triage:
    """Chunks by how they are handled."""

    damaged: list[Delivery] = field(default_factory=list)  # the entry cannot be parsed: a gap, and dead-lettered
    exhausted: list[Delivery] = field(default_factory=list)  # delivered too often: dead-lettered
    shed: list[Delivery] = field(default_factory=list)  # live and too old: skipped, marked as a gap
    quiet: list[Delivery] = field(default_factory=list)  # nothing to decode: silence, music, a gap, an end mark
    speech: list[Delivery] = field(default_factory=list)


def triage(deliveries: Iterable[Delivery], *, now_s: float, max_lag_s: float, max_deliveries: int) -> Triage:
    """Sort chunks into lists, each in order of source, epoch and sequence number, live ones first.

    Args:
        now_s: Unix time.
        max_lag_s: age at which a live chunk is shed.
    """
    result = Triage()
    for delivery in sorted(deliveries, key=lambda d: (not d.chunk.live, d.chunk.source, d.chunk.epoch, d.chunk.seq)):
        chunk = delivery.chunk
        if delivery.damage:
            result.damaged.append(delivery)
        elif chunk.content is not Content.SPEECH or not chunk.n_samples:
            result.quiet.append(delivery)
        elif delivery.deliveries > max_deliveries:
            result.exhausted.append(delivery)
        elif chunk.live and chunk.captured_s and now_s - chunk.captured_s > max_lag_s:
            result.shed.append(delivery)
        else:
            result.speech.append(delivery)
    return result
