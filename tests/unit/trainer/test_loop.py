from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import WhisperForConditionalGeneration

from trainer import loop
from trainer.checkpoint import Progress
from trainer.examples import ExampleSource
from trainer.loop import Plan, Run, train
from trainer.model import Size, new_model
from trainer.tokenizer import Speller

PLAN = Plan(utterances=24, batch=4, warm_up_steps=2)


class Killed(Exception):
    pass


def _train(
    folder: Path, plan: Plan, speller: Speller, size: Size, source: ExampleSource, kill_after: int | None = None
) -> Run:
    run = Run.start(folder, new_model(size, speller, plan.seed), speller, plan)
    real, steps = loop.step, 0

    def step(*arguments: object) -> object:
        nonlocal steps
        if steps == kill_after:
            raise Killed
        steps += 1
        return real(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "step", step)
        train(run, source, speller, plan)
    return run


def test_a_killed_run_resumes_to_the_very_weights_of_an_unbroken_one(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    every_step = Plan(**{**vars(PLAN), "checkpoint_every_s": 0.0})
    unbroken = _train(tmp_path / "unbroken", PLAN, speller, tiny, tones)
    with pytest.raises(Killed):
        _train(tmp_path / "killed", every_step, speller, tiny, tones, kill_after=4)
    resumed = _train(tmp_path / "killed", every_step, speller, tiny, tones)
    assert resumed.progress.batches == unbroken.progress.batches == 6
    for name, module in unbroken.modules.items():
        theirs = module.state_dict()
        for key, value in resumed.modules[name].state_dict().items():
            torch.testing.assert_close(value, theirs[key], rtol=0, atol=0)


def test_a_finished_run_trains_no_further(speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path) -> None:
    _train(tmp_path, PLAN, speller, tiny, tones)
    again = _train(tmp_path, PLAN, speller, tiny, tones, kill_after=0)
    assert again.progress.batches == 6


def test_measures_are_logged_of_the_averaged_model(
    speller: Speller, tiny: Size, tones: ExampleSource, tmp_path: Path
) -> None:
    plan = Plan(**{**vars(PLAN), "measure_every_s": 0.0})
    run = Run.start(tmp_path, new_model(tiny, speller, 1), speller, plan)

    def measure(model: WhisperForConditionalGeneration) -> dict[str, float]:
        assert model is run.average.model
        return {"wer_percent": 12.5}

    train(run, tones, speller, plan, measure)
    entries = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert {"batches": 1, "wer_percent": 12.5} in entries
    assert json.loads((tmp_path / "plan.json").read_text())["utterances"] == 24


def test_the_rate_rises_and_then_falls_to_nothing() -> None:
    plan = Plan(utterances=3200, batch=32, warm_up_steps=10, learning_rate=1.0)
    rates = [plan.rate(Progress(batches)) for batches in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(0.91)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[100] == 0.0


def test_a_plan_of_minutes_ends_by_the_clock() -> None:
    plan = Plan(utterances=32, minutes=2.0)
    assert plan.done(Progress(batches=1000, elapsed_s=60.0)) == 0.5
    assert plan.done(Progress(batches=1000, elapsed_s=121.0)) == 1.0
