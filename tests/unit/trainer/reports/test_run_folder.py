"""Reading a run's folder without torch."""

from __future__ import annotations

import json
from pathlib import Path

from trainer.run_folder import read_run
from trainer.training.plan import Progress


def test_the_best_step_is_the_one_whose_model_is_kept(tmp_path: Path) -> None:
    measures = [(100, 5.0, 2.0), (200, 3.0, 1.0), (300, 3.0, 1.0), (400, 3.0, 1.5)]
    rows = [{"step": step, "dev_wer_percent": words, "dev_cer_percent": letters} for step, words, letters in measures]
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    progress = Progress()
    kept = [step for step, words, letters in measures if progress.update_best(words, letters)]
    assert read_run(tmp_path).best == (kept[-1], 3.0)
