"""How large batches are where nobody said, and how many steps a run will take."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from trainer.corpus.clips import Corpus
from trainer.training.batches import BEGINNING, rounds
from trainer.training.deciding import Decided, decide, load
from trainer.training.options import Options, command, given
from trainer.training.team import Team


@pytest.fixture(autouse=True)
def _notes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trainer")


def _decided(options: Options) -> Decided:
    corpus = Corpus(options.corpus)
    return decide(options, corpus, load(options, corpus), Team())


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
        # No more than four fit into eight seconds, so that smaller batches make no more steps.
        ({"epochs": 2, "batch_s": 8.0}, 64),
    ],
)
def test_batches_are_as_large_as_leaves_steps_enough(
    options: Options, asked: dict[str, Any], batch: int, caplog: pytest.LogCaptureFixture
) -> None:
    asked_for = replace(options, **asked)
    plan = _decided(asked_for).plan
    assert plan.batches.shape.examples == batch
    assert (f"--batch {batch}: batches of up to {batch} clips make" in caplog.text) == (batch < 64)
    assert f"--batch {batch} " in command(asked_for, plan)


def test_measures_are_spread_over_the_steps_that_there_will_be(options: Options) -> None:
    # Short clips fill a batch by their number, long ones by their seconds: hardly one has as many as the mean would.
    decided = _decided(replace(options, epochs=3, batch=16, batch_s=10, measures=4, context_s=2.0, join=0.0))
    plan, heard, steps = decided.plan, 0, 0
    for batches, _ in rounds(decided.source, plan.seed, plan.batches.shape, BEGINNING):
        heard, steps = heard + len(batches[0]), steps + 1
        if heard >= plan.utterances:
            break
    assert plan.measure_every_steps == -(-steps // 4)


def _begun(options: Options, batch: int, **environment: Any) -> None:
    """As an earlier version may have begun this run, in which more steps were expected."""
    plan = asdict(_decided(replace(options, batch=batch)).plan) | {"measure_every_steps": 77}
    options.run.mkdir()
    document = {"plan": plan, "environment": {"given": given(options), **environment}}
    (options.run / "plan.json").write_text(json.dumps(document))


def test_a_run_that_goes_on_keeps_what_was_expected_of_it(options: Options) -> None:
    _begun(options, 64)
    failed = _decided(options).plan
    assert (failed.batches.shape.examples, failed.measure_every_steps) == (8, 16), "it left nothing to go on with"
    (options.run / "metrics.jsonl").touch()
    onward = _decided(options).plan
    assert (onward.batches.shape.examples, onward.measure_every_steps) == (64, 77)
    # Another number of measures is nowhere in the plan but in what was expected.
    assert _decided(replace(options, measures=3)).plan.measure_every_steps != 77
    assert _decided(replace(options, batch=16)).plan.batches.shape.examples == 16


def test_what_another_number_of_processes_expected_is_not_kept(options: Options) -> None:
    _begun(options, 64, processes=2)
    (options.run / "metrics.jsonl").touch()
    assert _decided(options).plan.batches.shape.examples == 8
