"""Compare captions with the reference text, word by word, within a measured period. Pure functions.

Only sentences spoken entirely within the period count. The captions and sentences around it are aligned as well, so
that a word at the edge finds its counterpart instead of counting as an error; then only the words of counted sentences
are scored. An invented word belongs to the reference word before it. Only words are aligned, not times, so clocks need
not agree.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jiwer

#: A step is evaluated if the reference has at least this many complete words in it.
MIN_WORDS = 3
#: Length of a run of invented words that counts as a repetition, and the distance, in words, to search for the
#: original.
REPEAT_WORDS, REPEAT_NEAR = 3, 20


@dataclass(frozen=True)
class TruthWord:
    """A word of the reference. Times are Unix times."""

    text: str
    start_s: float
    end_s: float
    language: str
    counted: bool


@dataclass
class Errors:
    """Error counts of one language, or of all."""

    words: int = 0
    substituted: int = 0
    deleted: int = 0
    inserted: int = 0

    @property
    def wer_percent(self) -> float | None:
        """Word error rate; None without reference words."""
        if not self.words:
            return None
        return 100 * (self.substituted + self.deleted + self.inserted) / self.words

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.words + other.words,
            self.substituted + other.substituted,
            self.deleted + other.deleted,
            self.inserted + other.inserted,
        )


@dataclass
class Alignment:
    """Reference words with their counterparts in the captions, and invented words.

    `matched[i]` is the caption word aligned to reference word i ("" if there is none) and `matched_index[i]` its index
    in `hypothesis` (-1: none); `invented` holds, for each place, the index of the reference word before it (-1: none)
    and the words.
    """

    truth: Sequence[TruthWord]
    hypothesis: Sequence[str]
    matched: list[str] = field(default_factory=list)
    matched_index: list[int] = field(default_factory=list)
    invented: list[tuple[int, list[str]]] = field(default_factory=list)

    def by_language(self) -> dict[str, Errors]:
        """Errors of the counted words."""
        errors: dict[str, Errors] = {}
        for word, matched in zip(self.truth, self.matched, strict=True):
            if word.counted:
                count = errors.setdefault(word.language, Errors())
                count.words += 1
                count.deleted += matched == ""
                count.substituted += matched not in ("", word.text)
        for index, words in self.invented:
            if index >= 0 and self.truth[index].counted:
                errors[self.truth[index].language].inserted += len(words)
        return errors

    def lost_steps(self, start_s: float, step_s: float) -> set[int]:
        """Steps of the period with reference words of which none was captioned."""
        return {step for step, places in self._steps(start_s, step_s) if not any(self.matched[i] for i in places)}

    def doubled_steps(self, start_s: float, step_s: float) -> set[int]:
        """Steps of the period in which a run of words was captioned twice."""
        repeats = [index for index, words in self.invented if index >= 0 and self._repeats(index, words)]
        return {step for step, places in self._steps(start_s, step_s) if any(i in places for i in repeats)}

    def _steps(self, start_s: float, step_s: float) -> Iterator[tuple[int, set[int]]]:
        """Number and reference words of every step with enough of them; a word across a border is in neither step."""
        steps: dict[int, set[int]] = {}
        for i, word in enumerate(self.truth):
            step = int((word.start_s - start_s) // step_s)
            if word.counted and step == int((word.end_s - start_s) // step_s):
                steps.setdefault(step, set()).add(i)
        return ((step, places) for step, places in sorted(steps.items()) if len(places) >= MIN_WORDS)

    def _repeats(self, index: int, words: list[str]) -> bool:
        near = [word.text for word in self.truth[max(0, index - REPEAT_NEAR) : index + 1 + REPEAT_NEAR]]
        originals = set(_runs(near, REPEAT_WORDS))
        return any(run in originals for run in _runs(words, REPEAT_WORDS))


def align(truth: Sequence[TruthWord], hypothesis: Sequence[str]) -> Alignment:
    """Align the reference with the captions' words, both normalised, with the fewest errors."""
    result = Alignment(truth, hypothesis, matched=[""] * len(truth), matched_index=[-1] * len(truth))
    if not truth or not hypothesis:
        result.invented = [(-1, list(hypothesis))] if hypothesis else []
        return result
    words = [word.text for word in truth]
    for chunk in jiwer.process_words(" ".join(words), " ".join(hypothesis)).alignments[0]:
        if chunk.type == "insert":
            result.invented.append((chunk.ref_start_idx - 1, list(hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx])))
        elif chunk.type != "delete":
            for i, j in zip(
                range(chunk.ref_start_idx, chunk.ref_end_idx),
                range(chunk.hyp_start_idx, chunk.hyp_end_idx),
                strict=True,
            ):
                result.matched[i], result.matched_index[i] = hypothesis[j], j
    return result


def truth_words(sentences: Iterable[Mapping[str, Any]], start_s: float, end_s: float) -> list[TruthWord]:
    """The normalised words of the demo station's truth; those of sentences entirely within the period count."""
    words = []
    for sentence in sentences:
        counted = start_s <= sentence["start_s"] and sentence["end_s"] <= end_s
        for word in sentence["words"]:
            words += [
                TruthWord(text, word["start_s"], word["end_s"], sentence["language"], counted)
                for text in normalised(word["text"])
            ]
    return words


def caption_words(captions: Iterable[Mapping[str, Any]]) -> list[str]:
    """The normalised words of captions, in their order."""
    return list(itertools.chain.from_iterable(normalised(caption["text"]) for caption in captions))


def normalised(text: str) -> list[str]:
    """Lower-case words without punctuation, keeping å ä ö: as transformers' BasicTextNormalizer for plain sentences."""
    text = unicodedata.normalize("NFKC", text.lower())
    return "".join(" " if unicodedata.category(c)[0] in "MSP" else c for c in text).split()


def _runs(words: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[i : i + length]) for i in range(len(words) - length + 1))
