"""The folder of a run that has ended and was evaluated, with a name that is no text for a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NASTY = "<script>alert(1)</script> & $x^2$"


def planned(dropout: float) -> dict[str, Any]:
    return {
        "plan": {
            "utterances": 90,
            "seed": 1,
            "examples": ["radio", NASTY, ""],
            "learning_rate": 4e-4,
            "label_smoothing": 0.0,
            "batches": {"shape": {"examples": 8, "seconds": 60.0, "least_s": 0.0, "most_s": 7.0}, "spec_augment": 0.5},
        },
        "model": {"name": NASTY, "fingerprint": "abc", "dropout": dropout, "lora": None},
        "data": {"clips": 30, "left_out": {"longer than the context of 7 s": 2}, "language": ""},
        "environment": {
            **{"corpus": f"corpora/{NASTY}", "hours": 0.5, "command": f"train {NASTY}", "torch": "2.13"},
            "given": {"--dropout": str(dropout)},
        },
    }


def _group(value: str, drawn: int, percent: float) -> dict[str, Any]:
    there = {"clips": 15, "hours": 0.25, "expected_percent": 50.0}
    return {"value": value, **there, "draws": drawn, "drawn_percent": percent, "distinct": drawn, "drawn_hours": 0.2}


def seen_of_it() -> dict[str, Any]:
    epochs = [
        {
            "epoch": number,
            "draws": 30,
            "hours": 0.5,
            "without_speech": 2,
            "groups": {
                "accent": [_group(NASTY, 20 - number, 66.7 - number), _group("dalmål", 10 + number, 33.3 + number)],
                "gender": [_group("female", 30, 100.0)],
            },
        }
        for number in range(3)
    ]
    return {"columns": ["accent", "gender"], "epochs": epochs}


def _summary(errors: int) -> dict[str, Any]:
    counts = {"utterances": 40, "words": 40, "substitutions": errors, "deletions": 0, "insertions": 0}
    rate = 2.5 * errors
    ends = {"wer_interval_percent": [rate - 1, rate + 2], "wer_interval_by_speaker_percent": None}
    return {**counts, "wer_percent": rate, "cer_percent": rate / 2, **ends}


def _evaluation(which: Path, errors: int, raised: bool = False) -> dict[str, Any]:
    conditions = [("short", 7.0, None), ("full", 30.0, None), ("short", 7.0, 10.0), ("full", 30.0, 10.0)]
    rows = [{"id": str(n), "reference": "hej", "words": 1, "errors": int(n < errors)} for n in range(40)]
    return {
        **{"model": str(which), "corpus": f"corpora/{NASTY}", "split": "test", "limit": None, "seed": 1},
        "device": "CPU, 1 threads",
        "normalisers": {"sv": "basic"},
        "figures": {"short_context_penalty_points": 0.75, "false_words_per_hour": 2.0, "samples_per_s": 80.0},
        "alarm": {"raised": raised, "sentence": f"It says {NASTY}."},
        "conditions": [
            {
                **{"context": context, "context_s": s, "snr_db": snr, "left_out": 3},
                **_summary(errors + bool(snr)),
                "errors": {str(n): int(n < errors) for n in range(40)},
            }
            for context, s, snr in conditions
        ],
        "groups": {"accent": {NASTY: _summary(errors), "dalmål": _summary(1)}, "gender": {"female": _summary(errors)}},
        "confusions": {"substitutions": [[NASTY, "nio", 4]], "deletions": [["ja", 2]], "insertions": []},
        "worst": [{"reference": NASTY, "hypothesis": "nej", "errors": 2, "words": 3, "truncated": True}],
        "rows": rows,
    }


def ended(folder: Path, dropout: float = 0.1, errors: int = 4, raised: bool = False) -> Path:
    """A run that has ended and was evaluated."""
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps(planned(dropout)))
    metrics: list[dict[str, float]] = [
        {"step": 10 * n, "loss": 3 / n, "cross_entropy": 2 / n, "ctc": 1 / n, "learning_rate": 1e-3, "samples_per_s": 8}
        for n in range(1, 10)
    ]
    metrics += [{"step": step, "dev_loss": 0.4, "dev_wer_percent": wer} for step, wer in ((30, 9), (60, 5), (90, 5))]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in metrics))
    (folder / "seen.json").write_text(json.dumps(seen_of_it()))
    for which in ("best", "last"):
        (folder / which).mkdir()
        (folder / which / "undertext.json").write_text(json.dumps({"languages": ["sv"], "context_s": 7.0}))
    document = _evaluation(folder / "best", errors, raised)
    (folder / "evaluation-best-x-test.json").write_text(json.dumps(document))
    return folder
