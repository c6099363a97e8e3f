"""Chunks in, hypotheses on their sources' clocks out: between the worker, which knows chunks, and an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from transcriber.context import Prompt
from transcriber.engine import Engine, Hypothesis, Task, Utterance
from transcriber.join import join
from transcriber.orthography import joined
from wire.audio import SAMPLE_RATE_HZ
from wire.messages import Chunk

#: Overlap of the windows that a chunk is cut into when it is longer than the engine's context, in seconds.
OVERLAP_S = 1.0

#: The language of a chunk, given the probabilities of those that the model knows.
ChooseFor = Callable[[Chunk, Mapping[str, float]], str]


def recognise(engine: Engine, chunks: Sequence[Chunk], task: Task, choose: ChooseFor) -> list[Hypothesis]:
    """One hypothesis for each chunk; times of its words are those of the source.

    A chunk that is longer than the engine hears at once is recognised in overlapping windows, which are joined as the
    windows of successive chunks are.
    """
    utterances: list[Utterance] = []
    owners: list[int] = []
    begins_s: list[float] = []
    for index, chunk in enumerate(chunks):
        audio = np.frombuffer(chunk.pcm, dtype="<i2").astype(np.float32) / 32768.0
        for start, end in windows(len(audio), round(engine.context_s * SAMPLE_RATE_HZ)):
            utterances.append(Utterance(audio[start:end], chunk.language, task, Prompt(chunk.hot_words)))
            owners.append(index)
            begins_s.append(chunk.start_s - chunk.lead_s + start / SAMPLE_RATE_HZ)
    heard = engine.transcribe(utterances, lambda index, probabilities: choose(chunks[owners[index]], probabilities))
    results: list[Hypothesis | None] = [None] * len(chunks)
    ends_s = [0.0] * len(chunks)
    for hypothesis, owner, begin_s, utterance in zip(heard, owners, begins_s, utterances, strict=True):
        placed = _later(hypothesis, begin_s)
        before = results[owner]
        results[owner] = _joined(before, placed, begin_s, ends_s[owner]) if before else placed
        ends_s[owner] = begin_s + len(utterance.audio) / SAMPLE_RATE_HZ
    return [hypothesis or Hypothesis() for hypothesis in results]


def windows(samples: int, limit: int) -> list[tuple[int, int]]:
    """Begin and end of as few equally long windows of at most `limit` samples as cover `samples` with an overlap."""
    overlap = min(round(OVERLAP_S * SAMPLE_RATE_HZ), limit // 2)
    if samples <= limit:
        return [(0, samples)]
    count = -(-(samples - overlap) // (limit - overlap))
    step = -(-(samples - overlap) // count)
    return [(start, min(samples, start + step + overlap)) for start in range(0, samples - overlap, step)]


def _later(hypothesis: Hypothesis, by_s: float) -> Hypothesis:
    words = tuple(replace(word, start_s=word.start_s + by_s, end_s=word.end_s + by_s) for word in hypothesis.words)
    return replace(hypothesis, words=words)


def _joined(before: Hypothesis, after: Hypothesis, begin_s: float, end_s: float) -> Hypothesis:
    words = join(before.words, after.words, begin_s=begin_s, end_s=end_s)
    tokens = before.tokens + after.tokens
    total = before.mean_log_probability * before.tokens + after.mean_log_probability * after.tokens
    return Hypothesis(
        words=tuple(words),
        text=joined((word.text for word in words), after.language),
        language=after.language,
        mean_log_probability=total / tokens if tokens else 0.0,
        no_speech_probability=min(before.no_speech_probability, after.no_speech_probability),
        tokens=tokens,
        truncated=before.truncated or after.truncated,
    )
