"""A published folder names no speaker, and no folder of the machine that it was trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from trainer.__main__ import main
from trainer.publishing.model_card import Facts, card
from trainer.publishing.model_folder import Record
from trainer.publishing.publish import _without_folders, publish_run

pytestmark = pytest.mark.timeout(600)


def _summary(wer_percent: float) -> dict[str, Any]:
    counts = {"words": 90, "substitutions": 1, "deletions": 2, "insertions": 0}
    return {**counts, "wer_percent": wer_percent, "cer_percent": 1.5, "wer_interval_percent": [2.0, 5.0]}


def test_language_codes_are_quoted_in_the_card() -> None:
    text = card(Facts("mine", 7.0, Record(("no", "sv"), 0.0, (), {}), (), (), "mine"))
    assert yaml.safe_load(text.split("---")[1])["language"] == ["no", "sv"]


def test_neither_speakers_nor_folders_are_named(corpus: Path, checkpoint: Path, tmp_path: Path) -> None:
    run = tmp_path / "of me" / "run"
    words = ["train", str(corpus), "--model", str(checkpoint), "--run", str(run), "--epochs", "0.5"]
    assert main([*words, "--measure-every", "0"]) == 0
    speakers = {"anna 1961": _summary(2.0), "bo@example.org": _summary(9.0), "ab" * 64: _summary(4.0)}
    document = {
        **{"model": str(run / "best"), "corpus": str(corpus), "split": "test"},
        "alarm": {"raised": False, "sentence": ""},
        "conditions": [{"context": "full", "context_s": 2.0, "snr_db": None, **_summary(3.3)}],
        "groups": {"speaker": speakers, "gender": {"female": _summary(2.0), "male": _summary(3.0)}},
    }
    (run / "evaluation-best-tones-test.json").write_text(json.dumps(document))
    publish_run(run, tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        if path.suffix != ".safetensors":
            text = path.read_text(encoding="utf-8")
            for secret in (str(tmp_path), str(corpus.parent), str(checkpoint.parent), "of me/", *speakers, "abababab"):
                assert secret not in text, f"{secret} in {path.name}"
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "3 speakers: WER 2.0 % at best, 4.0 % median, 9.0 % at worst." in card
    assert "| female | 2.0 % |" in card
    assert "`MODEL=path/to/out` for" in card
    provenance = json.loads((tmp_path / "out" / "undertext.json").read_text(encoding="utf-8"))["provenance"]
    assert provenance["base"] == checkpoint.name
    assert f"train {corpus.name} --model {checkpoint.name} --run run --epochs 0.5" in provenance["command"]


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("train /data/sv --augment 'noise:0.05:/home/anna svensson/x,radio'", "train sv --augment noise:0.05:x,radio"),
        ("train --run '/home/o'\"'\"'brien/r'", "train --run r"),
        ("train corpora/sv --model ~anna/x", "train corpora/sv --model x"),
        ("train --model https://example.org/a/b", "train --model https://example.org/a/b"),
    ],
)
def test_folders_are_removed_anywhere_in_a_command(written: str, left: str) -> None:
    assert _without_folders("command", written) == left
