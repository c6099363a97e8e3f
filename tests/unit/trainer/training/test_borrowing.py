"""A language that the checkpoint lacks is trained with another's token, and reported under its own code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from transformers import WhisperForConditionalGeneration

from tests.unit.trainer.tones import Tones
from trainer.__main__ import main
from trainer.corpus.clips import Writer
from trainer.errors import PlanError
from trainer.evaluation.recogniser import load
from trainer.models import checkpoints
from trainer.training.borrowing import lend
from transcriber.whisper import model as transcriber_model

SHORT = ("--epochs", "0.2", "--batch", "8", "--measure-every", "0", "--join", "0")


@pytest.fixture(scope="module")
def irish(tones: Tones, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tones of one language, which no checkpoint here has a token for."""
    folder = tmp_path_factory.mktemp("corpora") / "irish"
    with Writer(folder) as writer:
        for index in range(1, 33, 2):
            example = tones.example(index)
            audio, split = (example.audio * 32767).astype(np.int16), "dev" if index > 24 else "train"
            writer.add(audio, id=f"clip-{index}", text=example.text, language="ga", split=split)
        writer.finish({"sources": []})
    return folder


@pytest.fixture(scope="module")
def run(irish: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "irish"
    words = [str(irish), "--model", str(checkpoint), "--run", str(folder), "--token", "ga=sv"]
    assert main(["train", *words, *SHORT]) == 0
    return folder


def test_a_missing_language_is_refused_with_advice(
    irish: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(irish), "--model", str(checkpoint), "--run", str(tmp_path / "run")]) == 1
    assert "has no language 'ga' (it has en, sv)" in (told := " ".join(capsys.readouterr().err.split()))
    assert "--token ga=CODE" in told


def test_other_programs_see_the_borrowed_token(run: Path) -> None:
    model = WhisperForConditionalGeneration.from_pretrained(run / "best")
    assert model.generation_config.language == "sv"


def test_captions_name_the_language_that_is_spoken(run: Path, checkpoint: Path) -> None:
    declared = json.loads((run / "best" / "undertext.json").read_text())
    assert (declared["languages"], declared["tokens"]) == (["ga"], {"ga": "sv"})
    known, before = transcriber_model.load(str(run / "best")).tokens, transcriber_model.load(str(checkpoint)).tokens
    assert known.languages == {"ga": before.languages["sv"]}
    assert known.prefix("ga", "transcribe") == before.prefix("sv", "transcribe")


def test_the_language_is_evaluated_under_its_own_code(
    run: Path, irish: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run), str(irish), "--split", "dev"]) in (0, 1)
    assert "has no language" not in capsys.readouterr().out
    recogniser = load(str(run / "best"))
    assert recogniser.set_language == "ga"  # not sv, which the corpus lacks: that would raise the alarm
    assert sorted(recogniser.languages) == ["en", "ga"]


def test_the_report_shows_the_borrowed_token(run: Path) -> None:
    assert "ga uses that of sv" in (run / "report.html").read_text(encoding="utf-8")


def test_training_from_the_run_keeps_the_borrowed_token(run: Path, irish: Path, tmp_path: Path) -> None:
    words = [str(irish), "--model", str(run), "--run", str(tmp_path / "on")]
    assert main(["train", *words, *SHORT]) == 0
    assert checkpoints.load(str(tmp_path / "on" / "best")).speller.borrowed == {"ga": "sv"}


def test_the_card_names_the_token_for_other_programs(run: Path, tmp_path: Path) -> None:
    assert main(["publish", str(run), str(tmp_path / "out")]) == 0
    assert 'uses that of `sv`: in other programs, set `language="sv"`' in (tmp_path / "out/README.md").read_text()
    assert json.loads((tmp_path / "out" / "undertext.json").read_text())["tokens"] == {"ga": "sv"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("ga", "--token ga: give a language and the language whose token"),
        ("ga=Welsh", "--token ga=Welsh: give a language"),
        ("ga=sv,kw=sv", "each token can be given only once"),
        ("gd=sv", "the corpus has no gd, only ga"),
        ("ga=cy", "has no language 'cy' either (it has en, sv)"),
    ],
)
def test_a_token_that_cannot_be_lent_is_refused(
    irish: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, told: str
) -> None:
    command = ["train", str(irish), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--token", words]
    assert main(command) == 1
    assert told in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("token", "told"),
    [("sv=en", "has its own token for sv; leave it out"), ("ga=sv", "the corpus has no ga, only en, sv")],
)
def test_a_token_that_the_corpus_has_no_use_for_is_refused(
    corpus: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], token: str, told: str
) -> None:
    command = ["train", str(corpus), "--model", str(checkpoint), "--run", str(tmp_path / "run"), "--token", token]
    assert main(command) == 1
    assert told in capsys.readouterr().err


def test_a_token_that_the_corpus_needs_is_not_borrowed(checkpoint: Path) -> None:
    loaded = checkpoints.load(str(checkpoint))
    with pytest.raises(PlanError, match="the corpus has sv too"):
        lend(loaded, ("ga=sv",), ("ga", "sv"))
    with pytest.raises(PlanError, match="learnt ga with the token of sv, which the corpus has too"):
        lend(lend(loaded, ("ga=sv",), ("ga",)), (), ("ga", "sv"))


def test_a_new_model_takes_no_token_option(irish: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", str(irish), "--model", "new:tiny-demo", "--run", str(tmp_path / "run"), "--token", "ga=sv"]
    assert main(command) == 1
    assert "a new model has a token for each language" in capsys.readouterr().err
