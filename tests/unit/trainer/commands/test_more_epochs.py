"""A run asked for more epochs suggests the command that continues training in a new run."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from trainer.__main__ import main
from trainer.training.options import Options, more_epochs, option_values

pytestmark = pytest.mark.timeout(600)

RUN = Options(Path("corpora/a"), "openai/whisper-tiny", Path("runs/a b"), epochs=4, dropout=0.1)


def _given(**changes: object) -> dict[str, str]:
    return option_values(Options(**{**vars(RUN), **changes}))  # type: ignore[arg-type]  # as the command line has them


def test_more_epochs_need_another_run() -> None:
    assert "--run 'runs/a b-2' --epochs 1.5 --dropout 0.1" in more_epochs(_given(), _given(epochs=5.5))
    assert "--token" not in more_epochs(_given(token=("ga=cy",)), _given(token=("ga=cy",), epochs=5.5)), "it has it"
    short = {"acft": 0.5, "context_s": 7.0}
    assert "--acft" not in more_epochs(_given(**short), _given(**short, epochs=5.5)), "there is none shorter to learn"
    assert more_epochs(_given(), _given(epochs=5.5)).startswith("Finish it with the same settings; for more epochs,")
    assert not more_epochs(_given(), _given(epochs=3.0))
    assert not more_epochs(_given(), _given())
    assert "--epochs 6" in more_epochs(_given(), _given(epochs=10.0)), "the default is not among what is given"


def test_the_suggested_command_continues_training(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--batch", "16"]
    words += ["--measure-every", "0", "--freeze-encoder"]
    assert main([*words, "--epochs", "1"]) == 0
    (tmp_path / "run-2").mkdir()
    capsys.readouterr()
    assert main([*words, "--epochs", "1.5"]) == 1
    told = capsys.readouterr().err
    assert "--epochs was 1.0, not 1.5. The run is complete; for more epochs, start a new run from its model: " in told
    command = shlex.split(told.partition("from its model: ")[2])
    assert command[:4] == ["python", "-m", "trainer", "train"]
    assert main(command[3:]) == 0
    first, second = (json.loads((tmp_path / name / "plan.json").read_text()) for name in ("run", "run-3"))
    assert second["plan"]["utterances"] == first["plan"]["utterances"] / 2
    assert second["model"]["name"] == str(tmp_path / "run")
    assert second["model"]["freeze_encoder"]
    made = json.loads((tmp_path / "run-3" / "last" / "undertext.json").read_text())["provenance"]
    assert made["base"] == f"{tmp_path / 'run'}, {checkpoint}", "the base of the base, too"
    shape = second["plan"]["batches"]["shape"]
    assert shape["least_s"] == shape["most_s"] == 2.0, "what was trained at its full context alone breaks below it"
    assert main([*words, "--epochs", "1.5", "--seed", "2"]) == 1
    assert "Use the same settings, or choose another --run" in capsys.readouterr().err
