"""What is heard in chunks: decoded in batches, several of a source at once where that is possible, and judged."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from transcriber import together
from transcriber.engine import Engine, Heard, Hypothesis
from transcriber.outcome import Outcome, Part, Reading
from transcriber.recognition import recognise
from transcriber.rules import doubtful, judge
from wire.bus import AWAY
from wire.chunk import Chunk
from wire.messages import Task, split_source
from wire.metrics import TranscriberMetrics
from wire.queue import Delivery

log = logging.getLogger(__name__)

#: What became of chunks: their outcome, or why there is none.
Settled: TypeAlias = list[tuple[Delivery, Outcome | Exception]]

#: Chunks that are heard at once.
Group: TypeAlias = Sequence[Delivery]


#: What one batch weighs in what a window takes of late.
_FADE = 0.3


class Listener:
    """Hears chunks.

    Args:
        previous: what was said before a chunk; asked only for a model that was trained to be told.
        batch_size: most windows that are decoded together.
        task: what is done with the speech of sources that do not name a task.
        follow_turns: whether chunks are looked through for turns of their language.
    """

    def __init__(
        self,
        metrics: TranscriberMetrics,
        previous: Callable[[Chunk], str],
        *,
        batch_size: int,
        task: Task,
        follow_turns: bool,
    ) -> None:
        self._metrics = metrics
        self._previous = previous
        self._batch_size = batch_size
        self._task = task
        self._follow_turns = follow_turns
        #: What a window takes, in seconds, of late; none has been heard yet.
        self.window_s = float("inf")

    def hear(self, engine: Engine, deliveries: Sequence[Delivery]) -> Iterator[Settled]:
        """What became of chunks, batch by batch. What several at once give no trust in is heard again, each alone."""
        alone: list[Group] = []
        for batch in self._batches(together.groups(deliveries, engine.context_s)):
            settled, doubted = self._decode(engine, batch)
            yield settled
            alone += doubted
        for batch in self._batches(alone):
            yield self._decode(engine, batch)[0]

    def _batches(self, groups: Sequence[Group]) -> Iterator[Sequence[Group]]:
        for first in range(0, len(groups), self._batch_size):
            yield groups[first : first + self._batch_size]

    def _decode(self, engine: Engine, groups: Sequence[Group]) -> tuple[Settled, list[Group]]:
        """Decode groups in one batch, and if that fails, each by itself; and which chunks are to be heard alone."""
        began_s = time.perf_counter()
        wholes = [together.as_one([delivery.chunk for delivery in group]) for group in groups]
        heard: list[list[Heard]] | None
        try:
            heard = recognise(engine, wholes, self._task, self._previous, follow_turns=self._follow_turns)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001  # whatever an engine raises, the other chunks must not suffer
            if len(groups) == len(groups[0]) == 1:
                return [(groups[0][0], error)], []
            log.warning("a batch of %d failed and is tried one by one: %s", len(groups), repr(error))
            heard = None
        if heard is None:  # not in the handler: the error holds all that the batch had in the device's memory
            if len(groups) == 1:
                return [], _each(groups[0])
            tried = [self._decode(engine, [group]) for group in groups]
            return [one for settled, _ in tried for one in settled], [one for _, doubted in tried for one in doubted]
        busy_s = time.perf_counter() - began_s
        self.window_s = _lately(self.window_s, busy_s / len(groups))
        settled: Settled = []
        alone: list[Group] = []
        for group, whole, parts in zip(groups, wholes, heard, strict=True):
            if len(group) > 1 and not together.trusted(whole, parts):
                alone += _each(group)
                continue
            judged = [self._part(whole, part) for part in parts]
            chunks = [delivery.chunk for delivery in group]
            window = group[0].entry_id.decode()  # who hears a chunk again takes it alone, or out of another entry
            settled += zip(group, together.apart(chunks, judged, engine.title, window), strict=True)
        self._count([delivery.chunk for delivery, _ in settled], sum(map(len, groups)), busy_s)
        return settled, alone

    def _part(self, chunk: Chunk, heard: Heard) -> Part:
        """What was heard in a chunk or a part of it, in each language that it may be in."""
        readings = {spoken: self._believed(chunk, hypothesis) for spoken, hypothesis in heard.hypotheses.items()}
        return Part.of(readings, heard.probabilities)

    def _believed(self, chunk: Chunk, hypothesis: Hypothesis) -> Reading:
        """A hypothesis as far as it is believed. What is not ends here: it reaches no caption."""
        verdict = judge(hypothesis)
        if verdict.reason:
            place = (chunk.source, chunk.epoch, chunk.seq)
            log.info("%s %d/%d: %r rejected: %s", *place, hypothesis.text, verdict.reason)
        return Reading(verdict.believed.words, hypothesis.language, doubtful(hypothesis), verdict.reason or "")

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


def _lately(before: float, now: float) -> float:
    """A mean in which what was fades."""
    return now if math.isinf(before) else before + _FADE * (now - before)


def _each(group: Group) -> list[Group]:
    return [[delivery] for delivery in group]
