"""What is done with each chunk that a worker has taken, decided before any of them is decoded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from wire.messages import Content
from wire.queue import Delivery


@dataclass
class Triage:
    """Chunks by what is to be done with them."""

    damaged: list[Delivery] = field(default_factory=list)  # cannot be decoded: a gap, and to the dead letters
    exhausted: list[Delivery] = field(default_factory=list)  # handed out too often: to the dead letters
    shed: list[Delivery] = field(default_factory=list)  # live, and too old to be worth the time
    quiet: list[Delivery] = field(default_factory=list)  # nothing to decode: silence, music, a gap, an end mark
    speech: list[Delivery] = field(default_factory=list)


def triage(deliveries: Iterable[Delivery], *, now_s: float, max_lag_s: float, max_deliveries: int) -> Triage:
    """Sort chunks, each list in the order of its sources' sequences.

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
