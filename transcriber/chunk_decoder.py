"""Decode chunks in batches, grouping successive chunks of a source where possible, and filter the hypotheses."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from transcriber import grouping
from transcriber.engine import Engine, Hypothesis, Recognition
from transcriber.outcome import Outcome, Part, Reading
from transcriber.recognition import recognise
from transcriber.rules import doubtful, judge
from transcriber.settings import Settings
from wire.bus import UNAVAILABLE
from wire.chunk import Chunk
from wire.messages import split_source
from wire.metrics import TranscriberMetrics
from wire.queue import Delivery

log = logging.getLogger(__name__)

#: Chunks with their outcomes, or the errors that they caused.
Settled: TypeAlias = list[tuple[Delivery, Outcome | Exception]]

#: Chunks that are decoded as one utterance.
Group: TypeAlias = Sequence[Delivery]

#: Weight of the newest batch in the moving average of the time per window.
_WEIGHT = 0.3


class ChunkDecoder:
    """Decodes chunks.

    Args:
        previous: returns the text before a chunk; called only if the model was trained with prompts.
    """

    def __init__(self, settings: Settings, metrics: TranscriberMetrics, previous: Callable[[Chunk], str]) -> None:
        self._settings = settings
        self._metrics = metrics
        self._previous = previous
        #: Moving average of the time per window, in seconds; infinite before the first batch.
        self.window_s = float("inf")

    def decode(self, engine: Engine, deliveries: Sequence[Delivery]) -> Iterator[Settled]:
        """Decode chunks, and yield results batch by batch. Groups with unreliable results are decoded again singly."""
        retried: list[Group] = []
        for batch in self._batches(grouping.group_chunks(deliveries, engine.context_s)):
            settled, unreliable = self._decode(engine, batch)
            yield settled
            retried += unreliable
        for batch in self._batches(retried):
            yield self._decode(engine, batch)[0]

    def _batches(self, groups: Sequence[Group]) -> Iterator[Sequence[Group]]:
        size = self._settings.batch_size
        for first in range(0, len(groups), size):
            yield groups[first : first + size]

    def _decode(self, engine: Engine, groups: Sequence[Group]) -> tuple[Settled, list[Group]]:
        """Decode groups in one batch, or one by one if that fails; also return the chunks to decode again alone."""
        began_s = time.perf_counter()
        wholes = [grouping.merge([delivery.chunk for delivery in group]) for group in groups]
        task, follow_turns = self._settings.task, self._settings.follow_turns
        recognitions: list[list[Recognition]] | None
        try:
            recognitions = recognise(engine, wholes, task, self._previous, follow_turns=follow_turns)
        except UNAVAILABLE:
            raise
        except Exception as error:  # noqa: BLE001  # no error of an engine may affect the other chunks
            if len(groups) == len(groups[0]) == 1:
                return [(groups[0][0], error)], []
            log.warning("a batch of %d failed, retrying one by one: %s", len(groups), repr(error))
            recognitions = None
        if recognitions is None:  # outside the handler: the traceback keeps the batch's tensors in the device's memory
            if len(groups) == 1:
                return [], _singly(groups[0])
            tried = [self._decode(engine, [group]) for group in groups]
            settled_chunks = [one for settled, _ in tried for one in settled]
            return settled_chunks, [one for _, unreliable in tried for one in unreliable]
        busy_s = time.perf_counter() - began_s
        self.window_s = _moving_average(self.window_s, busy_s / len(groups))
        settled: Settled = []
        retried: list[Group] = []
        for group, whole, parts in zip(groups, wholes, recognitions, strict=True):
            if len(group) > 1 and not grouping.is_reliable(whole, parts):
                retried += _singly(group)
                continue
            filtered = [self._part(whole, part) for part in parts]
            chunks = [delivery.chunk for delivery in group]
            window = group[0].entry_id.decode()  # unique: a chunk decoded again is alone, or in another entry's window
            settled += zip(group, grouping.split(chunks, filtered, engine.title, window), strict=True)
        self._count([delivery.chunk for delivery, _ in settled], sum(map(len, groups)), busy_s)
        return settled, retried

    def _part(self, chunk: Chunk, recognition: Recognition) -> Part:
        """Filter the hypotheses of a chunk or a part of it, one for each candidate language."""
        readings = {spoken: self._filtered(chunk, hypothesis) for spoken, hypothesis in recognition.hypotheses.items()}
        return Part.of(readings, recognition.probabilities)

    def _filtered(self, chunk: Chunk, hypothesis: Hypothesis) -> Reading:
        """The accepted part of a hypothesis. Rejected text never reaches a caption."""
        verdict = judge(hypothesis)
        if verdict.reason:
            log.info("%s: %r rejected: %s", chunk.place, hypothesis.text, verdict.reason)
        return Reading(verdict.accepted.words, hypothesis.language, doubtful(hypothesis), verdict.reason or "")

    def _count(self, chunks: Sequence[Chunk], decoded: int, busy_s: float) -> None:
        for chunk in chunks:
            if chunk.partial:
                continue
            kind, _ = split_source(chunk.source)
            self._metrics.audio_s.labels(str(kind)).inc(chunk.duration_s)
        self._metrics.batch.observe(decoded)
        self._metrics.busy_s.inc(busy_s)
        if audio_s := sum(chunk.duration_s for chunk in chunks):
            self._metrics.real_time_factor.set(busy_s / audio_s)


def _moving_average(before: float, now: float) -> float:
    """The moving average, updated with a new value."""
    return now if math.isinf(before) else before + _WEIGHT * (now - before)


def _singly(group: Group) -> list[Group]:
    return [[delivery] for delivery in group]
