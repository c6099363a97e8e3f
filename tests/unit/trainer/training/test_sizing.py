"""Default batch sizes, and the number of steps of a run."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from trainer.corpus.clips import Corpus
from trainer.training.batches import BEGINNING, rounds
from trainer.training.options import Options, command_to_repeat, option_values
from trainer.training.run_setup import Setup, load_checkpoint, set_up
from trainer.training.team import Team


@pytest.fixture(autouse=True)
def _notes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trainer")


def _setup(options: Options) -> Setup:
    corpus = Corpus(options.corpus)
    return set_up(options, corpus, load_checkpoint(options, corpus), Team())


@pytest.fixture
def options(corpus: Path, checkpoint: Path, tmp_path: Path) -> Options:
    return Options(corpus, str(checkpoint), tmp_path / "run", warm_up=5)


@pytest.mark.parametrize(
    ("asked", "batch"),
    [
        ({"epochs": 110}, 64),
        ({"epochs": 30}, 16),
        ({"epochs": 2}, 8),
        ({"epochs": 2, "batch": 64}, 64),
        ({"epochs": 30, "accumulate": 2}, 8),
        # At most four fit into eight seconds, so smaller batches give no more steps.
        ({"epochs": 2, "batch_s": 8.0}, 64),
    ],
)
def test_batches_are_as_large_as_possible_with_enough_steps(
    options: Options, asked: dict[str, Any], batch: int, caplog: pytest.LogCaptureFixture
) -> None:
    asked_for = replace(options, **asked)
    plan = _setup(asked_for).plan
    assert plan.batches.shape.examples == batch
    assert (f"--batch {batch}: batches of up to {batch} clips give" in caplog.text) == (batch < 64)
    assert f"--batch {batch} " in command_to_repeat(asked_for, plan)


def test_measures_are_spread_over_the_expected_steps(options: Options) -> None:
    # Short clips fill a batch by number, long ones by seconds, so few batches have the mean size.
    setup = _setup(replace(options, epochs=3, batch=16, batch_s=10, measures=4, context_s=2.0, join=0.0))
    plan, heard, steps = setup.plan, 0, 0
    for batches, _ in rounds(setup.source, plan.seed, plan.batches.shape, BEGINNING):
        heard, steps = heard + len(batches[0]), steps + 1
        if heard >= plan.utterances:
            break
    assert plan.measure_every_steps == -(-steps // 4)


def _begun(options: Options, batch: int, **environment: Any) -> None:
    """A run as started by an older version, which expected more steps."""
    plan = asdict(_setup(replace(options, batch=batch)).plan) | {"measure_every_steps": 77}
    options.run.mkdir()
    document = {"plan": plan, "environment": {"given": option_values(options), **environment}}
    (options.run / "plan.json").write_text(json.dumps(document))


def test_a_resumed_run_keeps_its_estimates(options: Options) -> None:
    _begun(options, 64)
    failed = _setup(options).plan
    assert (failed.batches.shape.examples, failed.measure_every_steps) == (8, 16), "there is nothing to resume"
    (options.run / "metrics.jsonl").touch()
    onward = _setup(options).plan
    assert (onward.batches.shape.examples, onward.measure_every_steps) == (64, 77)
    # The number of measures affects only an estimate in the plan.
    assert _setup(replace(options, measures=3)).plan.measure_every_steps != 77
    assert _setup(replace(options, batch=16)).plan.batches.shape.examples == 16


def test_estimates_for_another_number_of_processes_are_not_kept(options: Options) -> None:
    _begun(options, 64, processes=2)
    (options.run / "metrics.jsonl").touch()
    assert _setup(options).plan.batches.shape.examples == 8
