"""What an evaluation found, and its form in evaluation-NAME.json."""

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

#: full: all that the encoder was built for. short: what it declares, or as long as the windows of live captions.
Context = Literal["full", "short"]
CONTEXTS: tuple[Context, ...] = ("full", "short")

#: How many of the worst utterances, and of each kind of confusion, are listed.
WORST, CONFUSED = 20, 30
#: Points of WER from which on a model is said to know single utterances alone.
WINDOWS_PENALTY_POINTS = 2.0


@dataclass(frozen=True)
class Condition:
    """One pass over the utterances. `left_out` are longer than the context; `snr_db` None is clean."""

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
        """Its form in JSON; of the rows, their errors by the utterances' ids."""
        about = {"context": self.context, "context_s": self.context_s, "snr_db": self.snr_db}
        errors = {row.utterance.id: row.words.errors for row in self.rows if row.reference}
        return {**about, "left_out": self.left_out, **self.summary.document(), "errors": errors}


@dataclass(frozen=True)
class Windows:
    """Several utterances in each window, as on air; and what the same had alone, in percent of words."""

    summary: Summary
    alone_wer_percent: float


@dataclass(frozen=True)
class Evaluation:
    """Everything that was found. The first condition is the one that counts: rows, groups and alarm are of it."""

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
        """What the short context costs, in points of WER, over the utterances that both heard; None: there are none."""
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
        """What evaluation-NAME-utterances.jsonl holds: each utterance, those with the most errors first."""
        context_s = self.conditions[0].context_s
        for row in self.by_errors:
            rate = round(row.words.wer_percent, 1) if row.words.words else None
            about = {"text": row.utterance.text, "wer_percent": rate, "context_s": context_s}
            yield {**row.document(), **about}

    @property
    def longer(self) -> list[Row]:
        """Of speech that is too long for the context that counts, and was heard at another."""
        counted = {row.utterance.id for row in self.conditions[0].rows}
        found = {row.utterance.id: row for each in self.conditions for row in each.rows if row.reference}
        return [row for id, row in found.items() if id not in counted]

    @property
    def figures(self) -> dict[str, float]:
        """Numbers by name; what could not be measured is left out."""
        first = self.conditions[0]
        found = {
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
        return {name: round(value, 4) for name, value in found.items() if value is not None}

    def document(self) -> dict[str, Any]:
        """What evaluation-NAME.json holds."""
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
            # What was said in the others, so that evaluations can be compared at every context.
            "longer": [_said(row) for row in self.longer],
        }


def measured_on(document: Mapping[str, Any]) -> str:
    """Which clips an evaluation-NAME.json is of: the corpus, its split, and how many were drawn from that."""
    drawn = f", {document['limit']} clips drawn by seed {document.get('seed')}" if document.get("limit") else ""
    return f"{Path(str(document['corpus'])).name} {document['split']}{drawn}"


def agreement_on(document: Mapping[str, Any]) -> str:
    """What the error rates of an evaluation-NAME.json say where a model wrote its references; empty: as ever."""
    return agreement(measured_on(document), document.get("written_by", ()))


def contexts_of(conditions: Sequence[tuple[str, float, float | None]]) -> list[str | None]:
    """What each condition's context is called, by context, seconds and noise of all; None: it was told before.

    A model that declares all of its context has no shorter one.
    """
    heard = [(context_s, snr_db) for _, context_s, snr_db in conditions]
    names: list[str | None] = []
    for place, (context, context_s, snr_db) in enumerate(conditions):
        name = context if heard.count((context_s, snr_db)) == 1 else "full and short"
        names.append(None if heard.index((context_s, snr_db)) < place else f"{name} {context_s:g} s")
    return names


def _said(row: Row) -> dict[str, Any]:
    return {"id": row.utterance.id, "reference": row.reference, "words": row.words.words}


def advice_on_windows(points: float) -> str:
    """What helps, where several utterances in a window cost so many points of WER."""
    return (
        ": it has learnt too little of several: more --join, or more steps" if points > WINDOWS_PENALTY_POINTS else ""
    )
