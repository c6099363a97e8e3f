"""Properties of all commands."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.places import ROOT
from trainer.__main__ import main
from trainer.commands import COMMANDS


def test_help_names_every_command_without_torch() -> None:
    code = "import sys; from trainer.__main__ import parser; parser().print_help(); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(f"\n    {name} " in done.stdout for name in COMMANDS)


def test_missing_package_is_reported_with_the_command_that_installs_it() -> None:
    missing = "import sys; sys.modules['python_stretch'] = None"  # as after `make up` alone
    code = f"{missing}; from trainer.__main__ import main; sys.exit(main(['listen', '-h']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "trainer: the package python_stretch is not installed: `make venv` installs what training needs\n"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("train", "tones", "--model", "m", "--run", "r", "--droput", "0.1"), "no --droput: did you mean --dropout?"),
        (("train", "tones", "--model", "m", "--run", "r", "--lr=1e-4"), "no --lr: did you mean --learning-rate?"),
        (("train", "tones", "--modle", "m", "--run", "r"), "no --modle: did you mean --model?"),
        (("tune", "tones", "--model", "m", "--study", "s", "--trails", "3"), "no --trails: did you mean --trials?"),
        (("report", "r", "--zzzzz"), "there is no --zzzzz\n"),
        (("publish", "r", "out", "more"), "unrecognized arguments: more"),
    ],
)
def test_a_misspelt_option_gets_a_suggestion(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words)
    said = capsys.readouterr().err
    assert told in said
    assert said.startswith(f"usage: python -m trainer {words[0]} ")
