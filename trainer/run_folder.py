"""Reads a run's folder without torch: its plan, metrics, evaluations, and the clips of its epochs.

A run may be in progress, or have been killed in the middle of a line: complete files and lines are read, and the names
of the others are reported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from trainer.errors import TrainerError

PLAN_NAME, METRICS_NAME, SEEN_NAME, RECORD_NAME = "plan.json", "metrics.jsonl", "seen.json", "undertext.json"
#: The log of a run, with timestamps.
LOG_NAME = "train.log"
#: The outcome of a trial of a study, in a sentence: it may have been pruned, or have left no model.
ENDED_NAME = "ended.txt"
#: The checkpoints that a run writes.
MODELS = ("best", "last")
#: The metric that decides which model is the best, and when to stop early.
DEV_WER = "dev_wer_percent"
#: The metric that breaks its ties.
DEV_CER = "dev_cer_percent"
#: Key of plan.json that may differ when a run resumes: on another machine, say.
UNCHECKED = "environment"

Parsed = TypeVar("Parsed")


class RunError(TrainerError):
    """A folder is not a run; the message says why."""


@dataclass(frozen=True)
class RunFolder:
    """The contents of a run's folder.

    Attributes:
        metrics: one entry for each complete line, each with its `step`.
        seen: the contents of seen.json; None until training has ended.
        evaluations: the contents of each evaluation-*.json.
        ended: the outcome as a trial of a study; empty if it is not a trial, or has not ended.
        declared: the contents of undertext.json of `best` and `last`, if they exist.
        unread: files that are damaged or incomplete.
    """

    path: Path
    plan: Mapping[str, Any]
    metrics: Sequence[Mapping[str, float]]
    seen: Mapping[str, Any] | None
    evaluations: Sequence[Mapping[str, Any]]
    declared: Mapping[str, Mapping[str, Any]]
    ended: str
    unread: Sequence[str]

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def finished(self) -> bool:
        """Whether training has ended: `last` and seen.json are the last things that a run writes."""
        return self.seen is not None and "last" in self.declared

    @property
    def steps(self) -> int:
        return max((int(row["step"]) for row in self.metrics), default=0)

    @cached_property
    def best(self) -> tuple[int, float] | None:
        """Step and value of the lowest word error rate on dev, in percent; None before the first evaluation."""
        measured = [row for row in self.metrics if DEV_WER in row]
        # Of equal results the latest, which is the one that training keeps.
        best = min(measured, key=lambda row: (row[DEV_WER], row.get(DEV_CER, 0.0), -row["step"]), default=None)
        return None if best is None else (int(best["step"]), best[DEV_WER])

    def series(self, name: str) -> list[tuple[float, float]]:
        """Return the steps and values of one metric."""
        return [(row["step"], row[name]) for row in self.metrics if name in row]

    def last(self, name: str) -> float | None:
        """Return the latest value of one metric."""
        return next((row[name] for row in reversed(self.metrics) if name in row), None)


def read_run(path: Path) -> RunFolder:
    """Read a run's folder.

    Raises:
        RunError: the folder is not a run.
    """
    if not (path / PLAN_NAME).exists():
        raise RunError(no_run(path))
    unread: list[str] = []

    def read(file: Path, of_text: Callable[[str], Parsed]) -> Parsed | None:
        try:
            return of_text(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError):
            unread.append(str(file.relative_to(path)))
            return None

    plan = read_plan(path)
    declared = {name: read(path / name / RECORD_NAME, _document) for name in MODELS}
    evaluations = [read(file, _evaluation) for file in sorted(path.glob("evaluation-*.json"))]
    return RunFolder(
        path,
        plan,
        read(path / METRICS_NAME, _lines) or (),
        read(path / SEEN_NAME, _document),
        [document for document in evaluations if document],
        {name: document for name, document in declared.items() if document},
        read(path / ENDED_NAME, str.strip) or "",
        unread,
    )


def read_plan(path: Path) -> Mapping[str, Any]:
    """Read plan.json of a run's folder.

    Raises:
        RunError: the file is damaged.
    """
    try:
        return _document((path / PLAN_NAME).read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path / PLAN_NAME} is damaged: it is not a JSON object") from error


def no_run(path: Path) -> str:
    """Say in a sentence why a folder is not a run."""
    trials = sorted(trial.parent for trial in path.glob(f"trial-*/{PLAN_NAME}"))
    if not trials:
        return f"{path} is not a run: it has no {PLAN_NAME}"
    kept = [trial for trial in trials if (trial / "best").is_dir()]
    best = f"its best trial is {kept[0]}" if len(kept) == 1 else f"{path / 'report.html'} names the best one"
    return f"{path} is a study, and its trials are runs: {best}"


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return the values of a nested document by their dotted paths: plan.weights.ctc."""
    values_by_path: dict[str, Any] = {}
    for key, value in values.items():
        values_by_path.update(flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {f"{above}{key}": value})
    return values_by_path


def _document(text: str) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return document


def _evaluation(text: str) -> Mapping[str, Any]:
    document = _document(text)
    for name in ("model", "corpus", "split", "alarm", "conditions", "groups"):
        document[name]  # without these keys, it is not one of our evaluations
    return document


def _lines(text: str) -> list[Mapping[str, float]]:
    """Parse the complete lines: the last line of a killed run may be incomplete."""
    lines = text.split("\n")
    rows = [json.loads(line) for line in lines[:-1]]
    return [row for row in rows if "step" in row]
