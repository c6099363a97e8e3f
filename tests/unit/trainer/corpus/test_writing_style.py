"""Transcripts written unlike captions are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recordings import record, write_csv
from tests.unit.trainer.corpus.plans import plan_of
from trainer.corpus.prepare import prepare
from trainer.corpus.writing_style import note


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["HE WAS NOT AN ILL DISPOSED MAN", "AND I'LL GO", "YES"], "x: its transcripts are all in capitals, and"),
        (
            ["för de bästa utsikterna", "it's a well-known man"],
            "x: its transcripts are without capitals and punctuation, and",
        ),
        (["He was not.", "and so on", "AND SO ON"], ""),
        (["he was not, he said", "and so on."], ""),
        (["zero", "one", "SEVEN"], ""),
        (["我 不 知道", "สวัสดี ครับ ผม"], ""),
        ([], ""),
    ],
)
def test_the_style_of_transcripts_is_reported(texts: list[str], told: str) -> None:
    assert note("x", texts).startswith(told)
    assert bool(note("x", texts)) == bool(told)


def test_the_style_is_in_the_corpus_notes(tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    write_csv(tmp_path / "old.csv", [{"path": "a.wav", "text": "GO FORWARD TEN METERS"}])
    prepared = prepare(plan_of(tmp_path / "out", tmp_path / "old.csv", language="en", splits="release"))
    assert any("old: its transcripts are all in capitals" in told for told in prepared.corpus.about["notes"])
