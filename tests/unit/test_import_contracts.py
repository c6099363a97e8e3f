"""The directions of the house are kept by import-linter; planted forbidden imports must break them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

PACKAGES = ("wire", "ingest", "transcriber", "api", "trainer", "demo", "benchmarks")


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"], cwd=root, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the house to break."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    weights = shutil.ignore_patterns("__pycache__", "*.safetensors")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=weights)
    return tmp_path


def test_the_house_keeps_its_directions() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("package", "statement", "contract"),
    [
        ("ingest", "import transcriber", "No service imports another"),
        ("api", "import trainer", "No service imports another"),
        ("transcriber", "import trainer", "No service imports another"),
        ("trainer", "import api", "No service imports another"),
        ("wire", "import ingest", "wire imports no service, demo or benchmark"),
        ("api", "import demo", "No service imports the demo or the benchmarks"),
        ("wire", "import torch", "Only transcriber and trainer import torch"),
        ("ingest", "def late():\n    import torch.nn", "Only transcriber and trainer import torch"),
        ("api", "from transformers import pipeline", "Only transcriber and trainer import torch"),
        ("trainer/corpus", "import trainer.training.loop", "The trainer's packages import only lower layers"),
        ("ingest/media", "import ingest.live.cutter", "The packages of ingest import only lower layers"),
        (
            "transcriber/joining",
            "import transcriber.whisper.greedy",
            "The packages of the transcriber import only lower layers",
        ),
        ("api/live", "import api.microphones.hello", "The packages of the API import only lower layers"),
    ],
)
def test_a_planted_import_breaks_its_contract(house: Path, package: str, statement: str, contract: str) -> None:
    (house / package / "planted.py").write_text(statement + "\n")
    done = lint(house)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout
