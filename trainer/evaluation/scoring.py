"""Word and character error rates: every error by its kind, and which words are mistaken for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import jiwer


@dataclass(frozen=True)
class Score:
    """Errors over a set of utterances, in words or in characters (`words` then counts those)."""

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
    """How often which words were taken for which, were left out, or were put in."""

    substitutions: Counter[tuple[str, str]]
    deletions: Counter[str]
    insertions: Counter[str]


def word_scores(references: Sequence[str], hypotheses: Sequence[str]) -> tuple[list[Score], Confusions]:
    """Score normalised texts one by one. A reference without words has none to miss: whatever is written is put in."""
    confusions = Confusions(Counter(), Counter(), Counter())
    scores: list[Score] = []
    if not references:
        return scores, confusions
    found = jiwer.process_words(list(references), list(hypotheses), **_SPLIT_WORDS)
    for reference, hypothesis, chunks in zip(found.references, found.hypotheses, found.alignments, strict=True):
        scores.append(_score(len(reference), chunks))
        for chunk in chunks:
            said = reference[chunk.ref_start_idx : chunk.ref_end_idx]
            heard = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
            if chunk.type == "substitute":
                confusions.substitutions.update(zip(said, heard, strict=True))
            elif chunk.type == "delete":
                confusions.deletions.update(said)
            elif chunk.type == "insert":
                confusions.insertions.update(heard)
    return scores, confusions


def character_scores(references: Sequence[str], hypotheses: Sequence[str]) -> list[Score]:
    """Score normalised texts one by one, in characters, spaces among them."""
    if not references:
        return []
    found = jiwer.process_characters(list(references), list(hypotheses), **_SPLIT_CHARACTERS)
    return [_score(len(said), chunks) for said, chunks in zip(found.references, found.alignments, strict=True)]


# jiwer's own transforms refuse a reference without words, and such a reference is our measure of silence.
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
