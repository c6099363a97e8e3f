"""A benchmark's table is complete even on a narrow terminal, and its help keeps its lines."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rich.console import Console

from benchmarks.report import arguments, table
from tests.places import ROOT


def test_missing_package_is_reported_with_the_command_that_installs_it() -> None:
    code = "import sys; sys.modules['jiwer'] = None; import benchmarks.end_to_end"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("benchmarks: the package jiwer is not installed: `make venv`")


def test_text_is_wrapped_but_row_names_are_not() -> None:
    rows = [{"of": "a name that stays whole", "rate": "19.4 (17.6 to 21.2)", "change": "-2.9 (-4.8 to -1.2)", "n": 5}]
    console = Console(width=50)
    with console.capture() as captured:
        console.print(table("narrow", rows, console.width))
    lines = captured.get().splitlines()
    assert any("a name that stays whole" in line for line in lines)
    assert max(map(len, lines)) <= 50
    for word in ("19.4", "(17.6", "21.2)", "-2.9", "(-4.8", "-1.2)"):
        assert any(word in line for line in lines), word


def test_columns_that_do_not_fit_move_below_and_numbers_are_not_broken() -> None:
    rows = [{"of": "prompts", **{f"rate of {place}": 1234567 + place for place in range(8)}}]
    console = Console(width=50)
    with console.capture() as captured:
        console.print(table("narrow", rows, console.width))
    shown = captured.get()
    assert shown.count("prompts") > 1
    assert max(map(len, shown.splitlines())) <= 50
    assert all(str(1234567 + place) in shown.split() for place in range(8))


def test_help_keeps_the_lines_of_the_description_and_ends_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    parser = arguments("`python -m benchmarks.rules`: a summary.\n\nlost_s\n    Audio that was lost.\n")
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    out = capsys.readouterr().out
    assert out.startswith("usage: python -m benchmarks.rules ")
    assert "\nlost_s\n    Audio that was lost.\n" in out
    assert out.endswith("  python -m benchmarks.rules --json figures.json\n")
