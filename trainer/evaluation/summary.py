"""Summary of a set of utterances: error rates by kind, with intervals, and words written for silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.evaluation.intervals import Interval, interval, rule_of_three
from trainer.evaluation.scoring import Score, total
from trainer.evaluation.utterances import Utterance


@dataclass(frozen=True)
class Row:
    """The result for one utterance. Reference and hypothesis are normalised, `text` is the model's output."""

    utterance: Utterance
    reference: str
    hypothesis: str
    text: str
    words: Score
    characters: Score
    tokens: int
    truncated: bool

    def document(self) -> dict[str, Any]:
        """Its entry in evaluation-NAME.json."""
        return {
            "id": self.utterance.id,
            "reference": self.reference,
            "hypothesis": self.hypothesis,
            "written": self.text,
            "errors": self.words.errors,
            "words": self.words.words,
            "seconds": round(self.utterance.duration_s, 3),
            "tokens": self.tokens,
            "truncated": self.truncated,
        }


@dataclass(frozen=True)
class Summary:
    """Figures of a set.

    Attributes:
        utterances: the number of those with speech, which the error rates are about.
        by_utterance, by_speaker: 95 % intervals of the word error rate; None if there is too little data. Without
            errors there is none by speaker, as the variation between speakers is unknown.
        silent_s, false_words: seconds without speech, and words written in them.
    """

    utterances: int
    words: Score
    characters: Score
    by_utterance: Interval | None
    by_speaker: Interval | None
    silent_s: float
    false_words: int

    @property
    def wer_percent(self) -> float:
        return self.words.wer_percent

    @property
    def false_words_per_hour(self) -> float | None:
        return 3600 * self.false_words / self.silent_s if self.silent_s else None

    def document(self) -> dict[str, Any]:
        """Its JSON form."""
        return {
            "utterances": self.utterances,
            "words": self.words.words,
            "wer_percent": round(self.words.wer_percent, 3),
            "wer_interval_percent": _ends(self.by_utterance),
            "wer_interval_by_speaker_percent": _ends(self.by_speaker),
            "substitutions": self.words.substitutions,
            "deletions": self.words.deletions,
            "insertions": self.words.insertions,
            "cer_percent": round(self.characters.wer_percent, 3),
            "characters": self.characters.words,
            "character_substitutions": self.characters.substitutions,
            "character_deletions": self.characters.deletions,
            "character_insertions": self.characters.insertions,
            "silent_s": round(self.silent_s, 3),
            "false_words": self.false_words,
            "false_words_per_hour": self.false_words_per_hour,
        }


def summarise(rows: Sequence[Row], seed: int) -> Summary:
    """Summarise rows."""
    spoken = [row for row in rows if row.reference]
    # A text that the normaliser empties, such as `Hmm.` in English, is not silence.
    silent = [row for row in rows if not row.reference and not row.utterance.text]
    scores = [row.words for row in spoken]
    words = total(scores)
    speakers = [row.utterance.columns.get("speaker", "") for row in spoken]
    return Summary(
        len(spoken),
        words,
        total(row.characters for row in spoken),
        rule_of_three(words.words) if words.words and not words.errors else interval(scores, seed=seed),
        interval(scores, speakers, seed) if speakers and all(speakers) else None,
        sum(row.utterance.duration_s for row in silent),
        sum(row.words.insertions for row in silent),
    )


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [round(interval.low_percent, 3), round(interval.high_percent, 3)]
