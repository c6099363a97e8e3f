"""The precision benchmark compares all precisions and CTranslate2 on the same weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import precision
from trainer.models.whisper import SIZES, Size

TOY = Size(d_model=32, heads=2, ffn=64, encoder_layers=1, decoder_layers=1, mels=80, context_s=30, max_tokens=448)


@pytest.mark.long
def test_every_precision_generates_as_many_tokens_as_the_peer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SIZES, "toy", TOY)
    out = tmp_path / "precision.json"
    words = ["--sizes", "toy", "--rounds", "1", "--sentences", "2", "--json", str(out)]
    assert precision.main(words) == 0
    told = json.loads(out.read_text())
    speeds, rates = told["rows"][:3], told["rows"][3:]
    assert [(row["context s"], row["chunks"]) for row in speeds] == [(7, 1), (30, 1), (30, 5)]
    assert all(row[name] > 0 for row in speeds for name in precision.PRECISIONS)
    assert [precision.PEER in row for row in speeds] == [False, True, True], "it pads to 30 s"
    assert {row["language"] for row in rates} == {"sv", "en"}
    assert all(0 <= row[name] < 100 and row["words"] > 0 for row in rates for name in precision.PRECISIONS)
    assert set(told["figures"]) >= {"toy_7s_1_chunks_int8_percent", "toy_30s_5_chunks_ctranslate2_int8_percent"}
