"""The result of an evaluation, and its JSON form in evaluation-NAME.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from trainer.corpus.corrections import agreement
from trainer.evaluation.alarm import Alarm
from trainer.evaluation.probes import Probes
from trainer.evaluation.scoring import Confusions, total
from trainer.evaluation.summary import Row, Summary

#: full: the encoder's whole context. short: the context that the model declares, or that of live captions.
Context = Literal["full", "short"]
CONTEXTS: tuple[Context, ...] = ("full", "short")

#: How many of the worst utterances, and of each kind of confusion, are listed.
WORST, CONFUSED = 20, 30
#: Above this penalty, the report says that the model has learnt too little of several utterances in a window.
WINDOWS_PENALTY_POINTS = 2.0


@dataclass(frozen=True)
class Condition:
    """One pass over the utterances. `left_out` are longer than the context; `snr_db` is None for clean audio."""

    context: Context
    context_s: float
    snr_db: float | None
    rows: tuple[Row, ...]
    left_out: int
    elapsed_s: float
    summary: Summary

    @property
    def audio_s(self) -> float:
        return sum(row.utterance.duration_s for row in self.rows)

    def document(self) -> dict[str, Any]:
        """Its JSON form; rows are reduced to their errors by utterance id."""
        about = {"context": self.context, "context_s": self.context_s, "snr_db": self.snr_db}
        errors = {row.utterance.id: row.words.errors for row in self.rows if row.reference}
        return {**about, "left_out": self.left_out, **self.summary.document(), "errors": errors}


@dataclass(frozen=True)
class Windows:
    """Several utterances in each window, as on air, and the WER of the same utterances alone."""

    summary: Summary
    alone_wer_percent: float


@dataclass(frozen=True)
class Evaluation:
    """All results. The first condition is the main one, which rows, groups and alarm refer to."""

    model: str
    device: str
    normalisers: Mapping[str, str]
    conditions: tuple[Condition, ...]
    groups: Mapping[str, Mapping[str, Summary]]
    confusions: Confusions
    windows: Windows | None
    probes: Probes | None
    alarm: Alarm

    @property
    def overall(self) -> Summary:
        return self.conditions[0].summary

    @cached_property
    def penalty_points(self) -> float | None:
        """The cost of the short context in points of WER, over the utterances that fit both; None if there are none."""
        clean = {condition.context: condition for condition in self.conditions if condition.snr_db is None}
        if len(clean) < 2:
            return None
        both = set.intersection(*({row.utterance.id for row in condition.rows} for condition in clean.values()))
        full, short = (
            total(row.words for row in clean[context].rows if row.reference and row.utterance.id in both)
            for context in CONTEXTS
        )
        return short.wer_percent - full.wer_percent if full.words else None

    @property
    def by_errors(self) -> list[Row]:
        """All utterances, those with the most errors first."""
        rows = self.conditions[0].rows
        return sorted(rows, key=lambda row: (-row.words.errors, -row.words.wer_percent, row.utterance.id))

    @property
    def worst(self) -> list[Row]:
        """Utterances with the most errors."""
        return [row for row in self.by_errors if row.words.errors][:WORST]

    def utterances(self) -> Iterator[dict[str, Any]]:
        """The lines of evaluation-NAME-utterances.jsonl: each utterance, those with the most errors first."""
        context_s = self.conditions[0].context_s
        for row in self.by_errors:
            rate = round(row.words.wer_percent, 1) if row.words.words else None
            about = {"text": row.utterance.text, "wer_percent": rate, "context_s": context_s}
            yield {**row.document(), **about}

    @property
    def longer(self) -> list[Row]:
        """Speech that is too long for the main context, but was measured at another."""
        main = {row.utterance.id for row in self.conditions[0].rows}
        spoken = {row.utterance.id: row for condition in self.conditions for row in condition.rows if row.reference}
        return [row for id, row in spoken.items() if id not in main]

    @property
    def figures(self) -> dict[str, float]:
        """Numbers by name, without those that could not be measured."""
        first = self.conditions[0]
        figures = {
            "wer_percent": self.overall.wer_percent if self.overall.utterances else None,
            "cer_percent": self.overall.characters.wer_percent if self.overall.utterances else None,
            "loss": self.probes.readings["usual"].loss if self.probes else None,
            "short_context_penalty_points": self.penalty_points,
            "windows_wer_percent": self.windows.summary.wer_percent if self.windows else None,
            "windows_penalty_points": (
                self.windows.summary.wer_percent - self.windows.alone_wer_percent if self.windows else None
            ),
            "false_words_per_hour": self.overall.false_words_per_hour,
            "samples_per_s": len(first.rows) / max(first.elapsed_s, 1e-9),
            "real_time_factor": first.audio_s / max(first.elapsed_s, 1e-9),
        }
        return {name: round(value, 4) for name, value in figures.items() if value is not None}

    def document(self) -> dict[str, Any]:
        """The contents of evaluation-NAME.json."""
        alarm = {"raised": self.alarm.raised, "sentence": self.alarm.sentence, **asdict(self.alarm)}
        return {
            "model": self.model,
            "device": self.device,
            "normalisers": dict(self.normalisers),
            "overall": self.overall.document(),
            "figures": self.figures,
            "alarm": {**alarm, "probes": asdict(self.probes) if self.probes else None},
            "conditions": [condition.document() for condition in self.conditions],
            "windows": self.windows.summary.document() if self.windows else None,
            "groups": {
                column: {value: summary.document() for value, summary in groups.items()}
                for column, groups in self.groups.items()
            },
            "confusions": {
                "substitutions": [[*pair, n] for pair, n in self.confusions.substitutions.most_common(CONFUSED)],
                "deletions": [[word, n] for word, n in self.confusions.deletions.most_common(CONFUSED)],
                "insertions": [[word, n] for word, n in self.confusions.insertions.most_common(CONFUSED)],
            },
            "worst": [row.document() for row in self.worst],
            "rows": [row.document() for row in self.conditions[0].rows],
            # References of the longer ones, so that evaluations can be compared at every context.
            "longer": [_reference(row) for row in self.longer],
        }


def measured_on(document: Mapping[str, Any]) -> str:
    """What an evaluation-NAME.json measured on: the corpus, the split, and how many clips were drawn from it."""
    drawn = f", {document['limit']} clips drawn by seed {document.get('seed')}" if document.get("limit") else ""
    return f"{Path(str(document['corpus'])).name} {document['split']}{drawn}"


def agreement_on(document: Mapping[str, Any]) -> str:
    """A note on an evaluation-NAME.json whose references were written by a model; otherwise empty."""
    return agreement(measured_on(document), document.get("written_by", ()))


def contexts_of(conditions: Sequence[tuple[str, float, float | None]]) -> list[str | None]:
    """Names of the contexts of conditions, given as (context, seconds, noise); None for a repeated condition.

    Full and short context are the same if a model declares its whole context.
    """
    measured = [(context_s, snr_db) for _, context_s, snr_db in conditions]
    names: list[str | None] = []
    for place, (context, context_s, snr_db) in enumerate(conditions):
        name = context if measured.count((context_s, snr_db)) == 1 else "full and short"
        names.append(None if measured.index((context_s, snr_db)) < place else f"{name} {context_s:g} s")
    return names


def _reference(row: Row) -> dict[str, Any]:
    return {"id": row.utterance.id, "reference": row.reference, "words": row.words.words}


def advice_on_windows(points: float) -> str:
    """The end of a sentence on the penalty of several utterances in a window: what to do if it is large."""
    return ": train it with a higher --join, or for more steps" if points > WINDOWS_PENALTY_POINTS else ""
