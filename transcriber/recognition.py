"""Chunks in, what was heard on their sources' clocks out: between the worker, which knows chunks, and an engine."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from transcriber.context import Prompt
from transcriber.engine import Engine, Heard, Hypothesis, Utterance
from transcriber.join import join
from transcriber.orthography import joined
from wire.audio import SAMPLE_RATE_HZ
from wire.messages import Chunk, Task

#: Overlap of the windows that a chunk is cut into when it is longer than the engine's context, in seconds.
OVERLAP_S = 1.0


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of a chunk's audio, on its source's clock."""

    chunk: int  # its index
    begin_s: float
    end_s: float


def recognise(
    engine: Engine, chunks: Sequence[Chunk], task: Task, previous: Callable[[Chunk], str] = lambda chunk: ""
) -> list[Heard]:
    """What was heard in each chunk; times of its words are those of the source.

    A chunk that is longer than the engine hears at once is recognised in overlapping windows, which are joined as the
    windows of successive chunks are.

    Args:
        task: of the chunks that do not name theirs.
        previous: what was said before a chunk; asked only for a model that was trained to be told.
    """
    utterances: list[Utterance] = []
    places: list[_Window] = []
    for index, chunk in enumerate(chunks):
        audio = np.frombuffer(chunk.heard, dtype="<i2").astype(np.float32) / 32768.0
        begin_s = chunk.begin_s
        prompt = Prompt(chunk.hot_words, previous(chunk) if engine.remembers else "")
        for start, end in windows(len(audio), round(engine.context_s * SAMPLE_RATE_HZ)):
            utterances.append(Utterance(audio[start:end], chunk.language, chunk.task or task, prompt))
            places.append(_Window(index, begin_s + start / SAMPLE_RATE_HZ, begin_s + end / SAMPLE_RATE_HZ))
    heard = [_later(h, place.begin_s) for h, place in zip(engine.transcribe(utterances), places, strict=True)]
    by_chunk = itertools.groupby(zip(heard, places, strict=True), key=lambda part: part[1].chunk)
    return [_whole(list(parts)) for _, parts in by_chunk]


def windows(samples: int, limit: int) -> list[tuple[int, int]]:
    """Begin and end of as few equally long windows of at most `limit` samples as cover `samples` with an overlap."""
    overlap = min(round(OVERLAP_S * SAMPLE_RATE_HZ), limit // 2)
    if samples <= limit:
        return [(0, samples)]
    count = -(-(samples - overlap) // (limit - overlap))
    step = -(-(samples - overlap) // count)
    return [(start, min(samples, start + step + overlap)) for start in range(0, samples - overlap, step)]


def _later(heard: Heard, by_s: float) -> Heard:
    """The same, `by_s` seconds later. To the millisecond, as the seam keeps words while they wait in it."""
    return replace(
        heard,
        hypotheses={
            language: replace(
                hypothesis,
                words=tuple(
                    replace(word, start_s=round(word.start_s + by_s, 3), end_s=round(word.end_s + by_s, 3))
                    for word in hypothesis.words
                ),
            )
            for language, hypothesis in heard.hypotheses.items()
        },
    )


def _whole(parts: Sequence[tuple[Heard, _Window]]) -> Heard:
    """What was heard in a chunk, out of what was heard in its windows.

    In every language that one of them may be in; a window that is certainly in another is believed in that.
    """
    every = [heard.probabilities for heard, _ in parts]
    mean = {language: sum(p[language] for p in every) / len(every) for language in every[0]}
    languages = {language for heard, _ in parts for language in heard.hypotheses}
    hypotheses = {}
    for language in sorted(languages, key=lambda language: (-mean.get(language, 0.0), language)):
        first, *others = [(heard.hypotheses.get(language, heard.likeliest), window) for heard, window in parts]
        whole, end_s = first[0], first[1].end_s
        for hypothesis, window in others:
            whole, end_s = _joined(whole, hypothesis, window.begin_s, end_s), window.end_s
        # That of a window in which the language was out of the question is not the chunk's.
        written = next(heard.hypotheses[language].language for heard, _ in parts if language in heard.hypotheses)
        hypotheses[language] = replace(whole, language=written)
    return Heard(hypotheses, mean)


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
