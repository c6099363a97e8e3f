"""Recognise chunks with an engine: cut them into utterances, and move word times to their sources' clocks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transcriber.engine import Engine, Hypothesis, Recognition, Turn, Utterance
from transcriber.joining.join import join
from transcriber.orthography import join_words
from transcriber.prompt import Prompt
from transcriber.turns import PAUSE_SAMPLES
from wire.audio import SAMPLE_RATE_HZ
from wire.chunk import Chunk
from wire.messages import Task

#: Overlap of the windows that a chunk is cut into when it is longer than the engine's context, in seconds.
OVERLAP_S = 1.0

#: Turns closer together than this are one turn, detected in two windows, in seconds: no sentence is so short.
_ONE_TURN_S = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Stretch:
    """Audio of a chunk, its beginning on the source's clock, and its prompt."""

    chunk: Chunk
    audio: NDArray[np.float32]
    begin_s: float
    prompt: Prompt
    may_turn: bool = False  # as of an utterance

    def cut(self, places_s: Sequence[float]) -> list[_Stretch]:
        """Cut it in the pauses at some places, on the source's clock. Each part includes the whole pause at either end.

        Otherwise a model would take a word at the very end of its audio for one that is cut. Only the first part keeps
        the previous text in its prompt.
        """
        places = [round((place_s - self.begin_s) * SAMPLE_RATE_HZ) for place_s in places_s]
        begins = [0, *(max(0, place - PAUSE_SAMPLES // 2) for place in places)]
        ends = [*(place + PAUSE_SAMPLES // 2 for place in places), len(self.audio)]
        return [
            _Stretch(
                self.chunk,
                self.audio[start:end],
                self.begin_s + start / SAMPLE_RATE_HZ,
                replace(self.prompt, previous="") if start else self.prompt,
            )
            for start, end in zip(begins, ends, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of a stretch that fits into the engine's context, on the source's clock."""

    stretch: int  # its index
    begin_s: float
    end_s: float


def recognise(
    engine: Engine,
    chunks: Sequence[Chunk],
    task: Task,
    previous: Callable[[Chunk], str] = lambda chunk: "",
    *,
    follow_turns: bool = True,
) -> list[list[Recognition]]:
    """Recognise chunks: for each, one result per part between two turns, with word times on the source's clock.

    A chunk longer than the engine's context is recognised in overlapping windows, which are joined like the windows of
    successive chunks. A chunk in which the language turns is decoded again, in parts.

    Args:
        task: of chunks that do not name one.
        previous: returns the text before a chunk; called only if the model was trained with prompts.
        follow_turns: detect turns in chunks whose language is not given.
    """
    whole = [
        _Stretch(
            chunk,
            np.frombuffer(chunk.transcribed_pcm, dtype="<i2").astype(np.float32) / 32768.0,
            chunk.transcribed_from_s,
            Prompt(chunk.hot_words, previous(chunk) if engine.uses_prompts else ""),
            follow_turns,
        )
        for chunk in chunks
    ]
    first = _recognise_stretches(engine, whole, task)
    turned = [(stretch, result.turns) for stretch, result in zip(whole, first, strict=True) if result.turns]
    parts = [part for stretch, turns in turned for part in stretch.cut([turn.start_s for turn in turns[1:]])]
    groups = [parts[start : start + len(chunks)] for start in range(0, len(parts), max(1, len(chunks)))]
    again = (result for group in groups for result in _recognise_stretches(engine, group, task))
    return [_assign_turns(result.turns, again) if result.turns else [result] for result in first]


def _assign_turns(turns: Sequence[Turn], parts: Iterator[Recognition]) -> list[Recognition]:
    """The results of the parts between turns, each with the language that begins there first if it is a candidate.

    Neighbouring parts share the pause between them. A word placed in it belongs to the part that has its middle.
    """
    ends_s = [*(turn.start_s for turn in turns[1:]), float("inf")]
    results: list[Recognition] = []
    for turn, end_s in zip(turns, ends_s, strict=True):
        result = next(parts)
        start_s = turn.start_s if results else -float("inf")
        languages = sorted(result.hypotheses, key=lambda language: language != turn.language)
        hypotheses = {language: _clipped(result.hypotheses[language], start_s, end_s) for language in languages}
        results.append(replace(result, hypotheses=hypotheses))
    return results


def _clipped(hypothesis: Hypothesis, start_s: float, end_s: float) -> Hypothesis:
    """A hypothesis with only the words whose middles lie between two times."""
    words = tuple(word for word in hypothesis.words if start_s <= word.middle_s < end_s)
    if len(words) == len(hypothesis.words):
        return hypothesis
    return replace(hypothesis, words=words, text=join_words((word.text for word in words), hypothesis.language))


def _recognise_stretches(engine: Engine, stretches: Sequence[_Stretch], task: Task) -> list[Recognition]:
    """Recognise stretches, window by window."""
    utterances: list[Utterance] = []
    places: list[_Window] = []
    for index, stretch in enumerate(stretches):
        chunk, begin_s = stretch.chunk, stretch.begin_s
        for start, end in windows(len(stretch.audio), round(engine.context_s * SAMPLE_RATE_HZ)):
            audio = stretch.audio[start:end]
            utterances.append(Utterance(audio, chunk.language, chunk.task or task, stretch.prompt, stretch.may_turn))
            places.append(_Window(index, begin_s + start / SAMPLE_RATE_HZ, begin_s + end / SAMPLE_RATE_HZ))
    results = [_shifted(r, place.begin_s) for r, place in zip(engine.transcribe(utterances), places, strict=True)]
    by_stretch = itertools.groupby(zip(results, places, strict=True), key=lambda part: part[1].stretch)
    return [_merge_windows(list(parts)) for _, parts in by_stretch]


def windows(samples: int, limit: int) -> list[tuple[int, int]]:
    """Begin and end of the fewest equally long windows of at most `limit` samples that cover `samples` and overlap."""
    overlap = min(round(OVERLAP_S * SAMPLE_RATE_HZ), limit // 2)
    if samples <= limit:
        return [(0, samples)]
    count = -(-(samples - overlap) // (limit - overlap))
    step = -(-(samples - overlap) // count)
    return [(start, min(samples, start + step + overlap)) for start in range(0, samples - overlap, step)]


def _shifted(result: Recognition, by_s: float) -> Recognition:
    """Shift a result by `by_s` seconds. Round times to the millisecond, as the seam stores them."""
    return replace(
        result,
        hypotheses={
            language: replace(
                hypothesis,
                words=tuple(
                    replace(word, start_s=round(word.start_s + by_s, 3), end_s=round(word.end_s + by_s, 3))
                    for word in hypothesis.words
                ),
            )
            for language, hypothesis in result.hypotheses.items()
        },
        turns=tuple(turn._replace(start_s=turn.start_s + by_s) for turn in result.turns),
    )


def _merge_windows(parts: Sequence[tuple[Recognition, _Window]]) -> Recognition:
    """Merge the results of a stretch's windows.

    There is a hypothesis for each language that is a candidate in any window; a window in which it is not a candidate
    contributes its likeliest hypothesis.
    """
    every = [result.probabilities for result, _ in parts]
    mean = {language: sum(p[language] for p in every) / len(every) for language in every[0]}
    languages = {language for result, _ in parts for language in result.hypotheses}
    hypotheses = {}
    for language in sorted(languages, key=lambda language: (-mean.get(language, 0.0), language)):
        first, *others = [(result.hypotheses.get(language, result.likeliest), window) for result, window in parts]
        whole, end_s = first[0], first[1].end_s
        for hypothesis, window in others:
            whole, end_s = _join_hypotheses(whole, hypothesis, window.begin_s, end_s), window.end_s
        # The text's language, from a window in which the spoken language is a candidate.
        text_language = next(
            result.hypotheses[language].language for result, _ in parts if language in result.hypotheses
        )
        hypotheses[language] = replace(whole, language=text_language)
    return Recognition(hypotheses, mean, _merge_turns([result.turns for result, _ in parts]))


def _merge_turns(windows: Sequence[Sequence[Turn]]) -> tuple[Turn, ...]:
    """The turns in successive windows, without those that two windows detected in their overlap."""
    kept: list[Turn] = []
    for turns in windows:
        # The first entry of a window is its beginning, not a turn.
        kept += [turn for turn in turns[1:] if turn.start_s > kept[-1].start_s + _ONE_TURN_S] if kept else turns
    return tuple(turn for n, turn in enumerate(kept) if not n or turn.language != kept[n - 1].language)


def _join_hypotheses(before: Hypothesis, after: Hypothesis, begin_s: float, end_s: float) -> Hypothesis:
    words, _ = join(before.words, after.words, begin_s=begin_s, end_s=end_s)
    tokens = before.tokens + after.tokens
    total = before.mean_log_probability * before.tokens + after.mean_log_probability * after.tokens
    return Hypothesis(
        words=tuple(words),
        text=join_words((word.text for word in words), after.language),
        language=after.language,
        mean_log_probability=total / tokens if tokens else 0.0,
        no_speech_probability=min(before.no_speech_probability, after.no_speech_probability),
        tokens=tokens,
        truncated=before.truncated or after.truncated,
    )
