"""Word and character error rates by kind of error, and confusions of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import jiwer


@dataclass(frozen=True)
class Score:
    """Errors over a set of utterances, in words, or in characters (`words` then counts characters)."""

    words: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def wer_percent(self) -> float:
        return 100 * self.errors / max(1, self.words)

    def __add__(self, other: Self) -> Score:
        return Score(
            self.words + other.words,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


def total(scores: Iterable[Score]) -> Score:
    return sum(scores, Score())


@dataclass(frozen=True)
class Confusions:
    """Counts of substituted, deleted and inserted words."""

    substitutions: Counter[tuple[str, str]]
    deletions: Counter[str]
    insertions: Counter[str]


def word_scores(references: Sequence[str], hypotheses: Sequence[str]) -> tuple[list[Score], Confusions]:
    """Score each normalised text. With an empty reference, all words of the hypothesis are insertions."""
    confusions = Confusions(Counter(), Counter(), Counter())
    scores: list[Score] = []
    if not references:
        return scores, confusions
    output = jiwer.process_words(list(references), list(hypotheses), **_SPLIT_WORDS)
    for reference, hypothesis, chunks in zip(output.references, output.hypotheses, output.alignments, strict=True):
        scores.append(_score(len(reference), chunks))
        for chunk in chunks:
            spoken = reference[chunk.ref_start_idx : chunk.ref_end_idx]
            written = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
            if chunk.type == "substitute":
                confusions.substitutions.update(zip(spoken, written, strict=True))
            elif chunk.type == "delete":
                confusions.deletions.update(spoken)
            elif chunk.type == "insert":
                confusions.insertions.update(written)
    return scores, confusions


def character_scores(references: Sequence[str], hypotheses: Sequence[str]) -> list[Score]:
    """Score each normalised text in characters, including spaces."""
    if not references:
        return []
    output = jiwer.process_characters(list(references), list(hypotheses), **_SPLIT_CHARACTERS)
    return [_score(len(text), chunks) for text, chunks in zip(output.references, output.alignments, strict=True)]


# jiwer's default transforms reject empty references, which we use to measure silence.
_SPLIT_WORDS = {
    f"{side}_transform": jiwer.Compose([jiwer.Strip(), jiwer.ReduceToListOfListOfWords()])
    for side in ("reference", "hypothesis")
}
_SPLIT_CHARACTERS = {
    f"{side}_transform": jiwer.Compose([jiwer.Strip(), jiwer.ReduceToListOfListOfChars()])
    for side in ("reference", "hypothesis")
}


def _score(words: int, chunks: Sequence[jiwer.AlignmentChunk]) -> Score:
    kinds: Counter[str] = Counter()
    for chunk in chunks:
        kinds[chunk.type] += max(
            chunk.ref_end_idx - chunk.ref_start_idx,
            chunk.hyp_end_idx - chunk.hyp_start_idx,
        )
    return Score(words, kinds["substitute"], kinds["delete"], kinds["insert"])
