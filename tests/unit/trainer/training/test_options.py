"""Messages about options that differ from those that a run was started with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from trainer.commands.train import EXAMPLES
from trainer.training.options import MACHINE, Options, changes, option_values


def test_options_that_differ_are_named_as_they_are_given() -> None:
    before = Options(Path("corpora/a"), "tiny", Path("runs/a"), lora=4, lora_targets=("fc1", "fc2"), workers=3)
    now = replace(before, run=Path("runs/b"), lora=0, lora_targets=("fc1",), dropout=0.2, full_context=True, workers=1)
    assert sorted(changes(option_values(before), option_values(now))) == [
        "--dropout was 0.0 (the default), not 0.2",
        "--full-context was not given, and is given",
        "--lora was 4, not 0 (the default)",
        "--lora-targets was fc1,fc2, not fc1",
    ]
    assert not list(changes(option_values(before), option_values(before)))


def test_an_option_given_with_its_default_value_is_not_reported_as_not_given() -> None:
    before = Options(Path("corpora/a"), "tiny", Path("runs/a"), epochs=10.0)
    longer = option_values(replace(before, epochs=20.0))
    assert list(changes(option_values(before), longer)) == ["--epochs was 10.0 (the default), not 20.0"]
    assert list(changes(longer, option_values(before))) == ["--epochs was 20.0, not 10.0 (the default)"]


def test_help_names_the_options_that_may_change_when_a_run_resumes() -> None:
    assert all(f"--{name.replace('_', '-')}" in EXAMPLES for name in MACHINE)
