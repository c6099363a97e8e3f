"""A run's folder as it stands, read without torch: its plan, metrics, evaluations, and what its epochs saw.

A run may be under way, or have been killed in the middle of a line: what is whole is read, and the rest is told.
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
#: What a run said, with times.
LOG_NAME = "train.log"
#: How a trial of a search ended, in a sentence: it may have been pruned, or have left no model.
ENDED_NAME = "ended.txt"
#: Models that a run leaves, whole ones.
MODELS = ("best", "last")
#: The measure that decides which model is the best, and when to stop.
DECISIVE = "dev_wer_percent"
#: What breaks its ties.
CHARACTERS = "dev_cer_percent"
#: In plan.json beside the plan: where a run goes on is not how it was begun.
UNCHECKED = "environment"

Found = TypeVar("Found")


class RunError(TrainerError):
    """A folder is no run; the text says why."""


@dataclass(frozen=True)
class RunFolder:
    """What a run has left so far.

    Attributes:
        metrics: one entry for each whole line, each with its `step`.
        seen: what seen.json holds; None until training has ended.
        evaluations: what each evaluation-*.json holds.
        ended: how it ended as a trial of a search; empty: it is none, or has not.
        declared: what undertext.json of `best` and `last` says, as far as they are there.
        unread: files that are damaged, or half written.
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
        """Its last model and what its epochs saw are the last things that a run writes."""
        return self.seen is not None and "last" in self.declared

    @property
    def steps(self) -> int:
        return max((int(row["step"]) for row in self.metrics), default=0)

    @cached_property
    def best(self) -> tuple[int, float] | None:
        """Step and value of the lowest word error rate on dev, in percent; None: nothing was measured yet."""
        measured = [row for row in self.metrics if DECISIVE in row]
        # Of equals the later one, as training keeps it.
        best = min(measured, key=lambda row: (row[DECISIVE], row.get(CHARACTERS, 0.0), -row["step"]), default=None)
        return None if best is None else (int(best["step"]), best[DECISIVE])

    def series(self, name: str) -> list[tuple[float, float]]:
        """Steps and values of one measure."""
        return [(row["step"], row[name]) for row in self.metrics if name in row]

    def last(self, name: str) -> float | None:
        """The latest value of one measure."""
        return next((row[name] for row in reversed(self.metrics) if name in row), None)


def read_run(path: Path) -> RunFolder:
    """What there is of a run.

    Raises:
        RunError: it is none.
    """
    if not (path / PLAN_NAME).exists():
        raise RunError(no_run(path))
    unread: list[str] = []

    def whole(file: Path, of_text: Callable[[str], Found]) -> Found | None:
        try:
            return of_text(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError):
            unread.append(str(file.relative_to(path)))
            return None

    plan = read_plan(path)
    declared = {name: whole(path / name / RECORD_NAME, _document) for name in MODELS}
    evaluations = [whole(file, _evaluation) for file in sorted(path.glob("evaluation-*.json"))]
    return RunFolder(
        path,
        plan,
        whole(path / METRICS_NAME, _lines) or (),
        whole(path / SEEN_NAME, _document),
        [document for document in evaluations if document],
        {name: document for name, document in declared.items() if document},
        whole(path / ENDED_NAME, str.strip) or "",
        unread,
    )


def read_plan(path: Path) -> Mapping[str, Any]:
    """What plan.json in a run's folder says.

    Raises:
        RunError: it is damaged.
    """
    try:
        return _document((path / PLAN_NAME).read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path / PLAN_NAME} is damaged: it is no JSON object") from error


def no_run(path: Path) -> str:
    """What a folder is that is no run, in a sentence."""
    trials = sorted(trial.parent for trial in path.glob(f"trial-*/{PLAN_NAME}"))
    if not trials:
        return f"{path} is no run: it has no {PLAN_NAME}"
    kept = [trial for trial in trials if (trial / "best").is_dir()]
    best = f"its best trial is {kept[0]}" if len(kept) == 1 else f"{path / 'report.html'} tells which trial is the best"
    return f"{path} is a search, and its trials are runs: {best}"


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Values of a document by the path to each: plan.weights.ctc."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found.update(flat(value, f"{above}{key}.") if isinstance(value, Mapping) else {f"{above}{key}": value})
    return found


def _document(text: str) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("no JSON object")
    return document


def _evaluation(text: str) -> Mapping[str, Any]:
    document = _document(text)
    for name in ("model", "corpus", "split", "alarm", "conditions", "groups"):
        document[name]  # one that lacks them is none of ours
    return document


def _lines(text: str) -> list[Mapping[str, float]]:
    """Whole lines: of a killed run, the last may be half of one."""
    lines = text.split("\n")
    found = [json.loads(line) for line in lines[:-1]]
    return [row for row in found if "step" in row]
