"""The report of a corpus: a self-contained page with names escaped."""

from __future__ import annotations

import io
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from tests.unit.trainer.html_pages import tags_of
from trainer.corpus.clips import Clip, Corpus, Writer
from trainer.corpus.drops import Reason
from trainer.reports import corpus as corpus_report
from trainer.reports.corpus import hours_by, notes, show, write_report

NASTY = "<script>alert(1)</script> & $x^2$"


def corpus(folder: Path, count: int = 20) -> Corpus:
    with Writer(folder) as writer:
        for number in range(count):
            writer.add(
                np.ones(16_000 + 100 * number, np.int16),
                id=str(number),
                text=f"Hej hej nummer {number % 15} it's {NASTY}",
                language="sv" if number % 4 else "de",
                split=("train", "dev", "test")[number // 8],
                speaker=f"s{number % 5}",
                accent=NASTY if number % 2 else "skånska",
                gender="female",
            )
        return writer.finish({"notes": [NASTY], "sources": [{"name": NASTY, "weight": 2.0, "clips": 20, "hours": 1}]})


def test_the_report_is_complete_and_self_contained(tmp_path: Path) -> None:
    page = write_report(corpus(tmp_path / "c"), {Reason.SILENT: 3}).read_text(encoding="utf-8")
    assert {"svg", "table"} <= tags_of(page)
    for text in ("Durations", "Pace", "Accents", "Languages", "speakers", "silent audio", "hej 40"):
        assert text in page
    assert "Genders" not in page, "a single value needs no plot"


def test_the_same_corpus_has_the_same_page(tmp_path: Path) -> None:
    made = corpus(tmp_path / "c")
    assert write_report(made, {}).read_bytes() == write_report(made, {}).read_bytes()


def test_an_empty_corpus_has_a_page_too(tmp_path: Path) -> None:
    assert "0 clips" in write_report(corpus(tmp_path, 0), {Reason.MISSING: 7}).read_text()


def test_hours_are_those_of_the_clips(tmp_path: Path) -> None:
    clips = corpus(tmp_path).clips
    assert sum(hours_by(clips, "accent").values()) == pytest.approx(sum(clip.duration_s for clip in clips) / 3600)
    assert hours_by(clips, "age").keys() == {"unknown"}
    several = [replace(clip, accent="skånska|gotländska") for clip in clips[:2]]
    assert list(hours_by(several, "accent")) == ["skånska", "gotländska"]


def test_words_are_whole_in_every_script_and_no_font_is_missed(tmp_path: Path) -> None:
    with Writer(tmp_path) as writer:
        for number, (text, accent) in enumerate([("ศูนย์ हिन्दी", "台湾省"), ("می‌خواهم, it's 'so'", "แบบไทย")]):
            about = {"language": "th", "split": "train", "accent": accent}
            writer.add(np.ones(16_000 + number, np.int16), id=str(number), text=text, **about)
        page = write_report(writer.finish({}), {}).read_text(encoding="utf-8")  # warnings are errors in tests
    assert "5 words, 5 distinct: ศูนย์ 1, हिन्दी 1, می‌خواهم 1, it&#x27;s 1, so 1" in page
    assert "台湾省" in page


def test_texts_in_train_and_test_are_noted(tmp_path: Path) -> None:
    said = notes(corpus(tmp_path))
    assert said[0] == NASTY
    assert any("texts in test" in note for note in said)


def test_the_terminal_shows_a_summary(tmp_path: Path) -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    show(corpus(tmp_path), {Reason.SILENT: 1234}, console)
    text = console.export_text()
    for word in ("train", "skånska", "de", "silent audio", "1,234"):
        assert word in text


def test_the_kind_of_a_character_is_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: Counter[str] = Counter()

    def category(char: str) -> str:
        looked_up[char] += 1
        return unicodedata.category(char)

    monkeypatch.setattr(corpus_report, "_BETWEEN_WORDS", corpus_report._BetweenWords())
    monkeypatch.setattr(corpus_report, "unicodedata", SimpleNamespace(category=category))
    clips = [Clip(str(n), 0, 0, 16_000, "Är det så? Ja, så är det.", "sv", "train") for n in range(3)]
    assert corpus_report._frequent(clips).startswith("21 words, 4 distinct: är 6, det 6, så 6")
    assert set(looked_up.values()) == {1}
