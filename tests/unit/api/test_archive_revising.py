"""Correcting captions in the archive's file that are no longer in the log."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from api.archive.merging import Period
from api.archive.query import expression
from api.archive.store import Archive, LogPosition, Search
from api.text.corrected_words import corrected
from wire.errors import BadRequest, UnknownSource
from wire.messages import Caption, Word

SOURCE = "stations/p1"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "captions.sqlite")
    yield opened
    opened.close()


def caption(id: int, text: str, *, start_s: float = 0.0, **fields: object) -> Caption:
    start_s = start_s or 1000.0 + 5 * id
    words = tuple(Word(each, start_s + n, start_s + n + 0.5, 0.9) for n, each in enumerate(text.split()))
    heard = Caption(SOURCE, id, 0, start_s, start_s + 4, text, True, "sv", words, committed_s=5000.0 + id)
    return replace(heard, **fields)  # type: ignore[arg-type]


def keep(archive: Archive, *captions: Caption, life: int = 1) -> None:
    before = archive.positions().get(SOURCE)
    assert archive.add(SOURCE, captions, LogPosition(life, (before.event if before else 0) + len(captions)), before)


def become(text: str) -> Callable[[Caption], Caption]:
    return lambda caption: corrected(caption, text)


def texts(archive: Archive, limit: int = 99) -> list[str]:
    said = archive.captions(SOURCE, Period(limit=limit)).values()
    return [each.text for each in sorted(said, key=lambda each: each.start_s)]


def found(archive: Archive, query: str) -> list[tuple[str, str, str]]:
    hits = archive.search(Search(expression(query)))
    return [(each.before, each.text, each.after) for each in hits]


def test_corrected_caption_is_read_and_found_with_its_word_times(archive: Archive) -> None:
    keep(archive, caption(1, "Det blåser."), caption(2, "Väderet i skona."), caption(3, "Tack."))
    now = archive.revise(SOURCE, 2, 1010.0, become("Vädret i Skåne."))
    assert (now.text, now.revision, now.corrected) == ("Vädret i Skåne.", 1, True)
    assert [(word.text, word.start_s, word.confidence) for word in now.words][2] == ("Skåne.", 1012.0, None)
    read = archive.captions(SOURCE, Period())[1, 2]
    assert (read.text, read.revision, read.corrected, read.words) == (now.text, 1, True, now.words)
    assert found(archive, "skåne") == [("Det blåser.", "Vädret i Skåne.", "Tack.")]
    assert found(archive, "väderet") == []
    assert found(archive, '"blåser vädret"') == [("", "Det blåser.", "Vädret i Skåne.")], "a phrase over its beginning"


def test_change_that_returns_its_argument_writes_nothing(archive: Archive) -> None:
    keep(archive, caption(1, "Tack."))
    assert archive.revise(SOURCE, 1, None, lambda caption: caption).revision == 0
    assert archive.captions(SOURCE, Period())[1, 1].revision == 0


def test_withdrawn_caption_is_neither_read_nor_found_and_can_be_restored(archive: Archive) -> None:
    keep(archive, caption(1, "Storm."), caption(2, "Tack för att ni tittade!"), caption(3, "Regn."))
    archive.revise(SOURCE, 2, 1010.0, become(""))
    assert texts(archive) == ["Storm.", "Regn."]
    assert texts(archive, limit=1) == ["Storm.", "Regn."], "the page has its caption, and the one behind it"
    assert found(archive, "tittade") == []
    assert found(archive, "storm") == [("", "Storm.", "")]
    assert archive.revise(SOURCE, 2, 1010.0, lambda caption: caption).text == "", "it may be asked for again"
    archive.revise(SOURCE, 2, 1010.0, become("Tack."))
    assert found(archive, "tack") == [("Storm.", "Tack.", "Regn.")]


def test_id_in_two_lives_is_distinguished_by_time(archive: Archive) -> None:
    keep(archive, caption(1, "storm"))
    keep(archive, caption(1, "regn", start_s=2000.0), life=2)
    with pytest.raises(BadRequest, match="has 2 captions 1: give start_s"):
        archive.revise(SOURCE, 1, None, become("x"))
    archive.revise(SOURCE, 1, 1005.0, become("stormen"))
    archive.revise(SOURCE, 1, 2000.0004, become("regnet"))
    assert texts(archive) == ["stormen", "regnet"]
    for id, start_s in ((1, 3000.0), (2, 1005.0), (2**70, None)):
        with pytest.raises(UnknownSource, match=f"no caption {id}"):
            archive.revise(SOURCE, id, start_s, become("x"))
    with pytest.raises(UnknownSource):
        archive.revise("stations/p2", 1, None, become("x"))


def test_look_up_by_id_uses_the_index_in_each_life(archive: Archive, tmp_path: Path) -> None:
    """Instead of scanning a month of the station's captions."""
    from api.archive.rows import _BY_ID

    with closing(sqlite3.connect(tmp_path / "captions.sqlite")) as db:
        plan = [row[-1] for row in db.execute(f"EXPLAIN QUERY PLAN {_BY_ID}", (SOURCE, 1))]
    assert any("(source=? AND life=? AND id=?)" in step for step in plan), plan


def test_redis_with_older_data_does_not_overwrite_a_later_correction(archive: Archive) -> None:
    keep(archive, caption(1, "heard"), caption(2, "heard"))
    log = caption(1, "as the log has it", revision=1, corrected=True, committed_s=6000.0)
    keep(archive, log)
    for id in (1, 2):
        archive.revise(SOURCE, id, None, become("" if id == 2 else "later"))
    keep(archive, log, caption(2, "heard"), life=2)
    assert texts(archive) == ["later"]
    keep(archive, replace(log, text="latest", committed_s=9e9), life=2)
    assert texts(archive) == ["latest"]


def test_concurrent_corrections_and_copies_lose_nothing(archive: Archive, tmp_path: Path) -> None:
    keep(archive, *(caption(id, "heard") for id in range(1, 41)))
    other = Archive(tmp_path / "captions.sqlite")

    def correct(file: Archive, first: int) -> None:
        for id in range(first, 41, 2):
            file.revise(SOURCE, id, None, become(f"right {id}"))

    threads = [threading.Thread(target=correct, args=each) for each in ((archive, 1), (other, 2))]
    for thread in threads:
        thread.start()
    for id in range(41, 61):
        keep(archive, caption(id, "heard"))
    for thread in threads:
        thread.join()
    other.close()
    assert texts(archive) == [f"right {id}" for id in range(1, 41)] + ["heard"] * 20
