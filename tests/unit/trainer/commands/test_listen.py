"""The listening page: self-contained, with every effect."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from trainer.__main__ import main
from trainer.augmentation.augment import parse
from trainer.corpus.clips import Clip, Writer
from trainer.examples import SAMPLE_RATE
from trainer.reports.listening import TOGETHER, choose


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    with Writer(tmp_path / "corpus") as writer:
        for n in range(4):
            audio = (3000 * np.sin(np.arange(4000) * 0.2)).astype(np.int16)
            writer.add(audio, id=f"<{n}>", text="<b>Hej</b>" if n else "", language="sv", split="train", speaker=str(n))
        writer.finish({})
    return tmp_path / "corpus"


def test_a_sheet_has_every_effect_to_hear_and_to_see(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "sheet.html"
    assert (
        main(["listen", str(corpus), "--augment", "pitch,telephone,gain:0.1", "--out", str(out), "--clips", "2"]) == 0
    )
    page = out.read_text(encoding="utf-8")
    sounds = re.findall(r"data:audio/flac;base64,([^\"]+)", page)
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", page)
    assert len(sounds) == len(pictures) == 2 * (1 + 3 + TOGETHER)
    for sound in sounds:
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sound)))
        assert (len(samples), rate) == (4000, SAMPLE_RATE)
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)
    assert "<b>Hej</b>" not in page
    assert "https:" not in page
    assert "pitch:1:-2..2" in page
    told = capsys.readouterr().out
    assert "telephone" in told
    assert "sheet.html" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--augment", "none"], "no effects to listen to"),
        (["--augment", "nois"], "'nois'"),
        (["--augment", "noise:1:5..9:/nonexistent"], "not a folder"),
        (["--clips", "0"], "no clips"),
    ],
)
def test_invalid_augmentation_is_refused_with_a_sentence(
    corpus: Path, tmp_path: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["listen", str(corpus), "--out", str(tmp_path / "out.html"), *words]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out.html").exists()


def test_help_lists_every_effect(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["listen", "--help"])
    told = capsys.readouterr().out
    for setting in parse("radio"):
        assert setting.name in told


def test_clips_are_of_different_speakers_first() -> None:
    clips = [Clip(str(n), 0, 0, 1, "x", "sv", "train", speaker="many" if n else "one") for n in range(20)]
    assert {clip.speaker for clip in choose(clips, 2, 1)} == {"one", "many"}
    assert len({clip.id for clip in choose(clips, 5, 1)}) == 5
    assert choose(clips, 3, 1) == choose(clips, 3, 1)


def test_clips_of_a_large_corpus_are_not_compared_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []
    monkeypatch.setattr(Clip, "__eq__", lambda self, other: compared.append(other) or self is other)
    choose([Clip(str(n), 0, 0, 1, "x", "sv", "train", speaker=str(n // 2)) for n in range(20)], 3, 1)
    assert not compared
