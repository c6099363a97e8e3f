"""The archive's file: what it stores and finds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from api.archive import schema, store
from api.archive.merging import Period
from api.archive.query import expression
from api.archive.store import Archive, ArchiveError, LogPosition, Match, Search
from wire.messages import Caption, Content, Word


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "archive" / "captions.sqlite")
    yield opened
    opened.close()


def caption(
    id: int, text: str, source: str = "stations/p1", *, language: str = "sv", final: bool = True, start_s: float = 0.0
) -> Caption:
    start_s = start_s or 1000.0 + 5 * id
    return Caption(source, id, 0, start_s, start_s + 4, text, final, language, committed_s=5000.0 + id)


def keep(archive: Archive, *captions: Caption, life: int = 1) -> None:
    source = captions[0].source
    before = archive.positions().get(source)
    assert archive.add(source, captions, LogPosition(life, (before.event if before else 0) + len(captions)), before)


def found(archive: Archive, query: str, **wanted: object) -> list[Match]:
    return archive.search(Search(expression(query), **wanted))  # type: ignore[arg-type]


def ids(archive: Archive, query: str, **wanted: object) -> list[tuple[str, int]]:
    return [(each.source, each.id) for each in found(archive, query, **wanted)]


def test_matches_are_newest_first_with_their_neighbours(archive: Archive) -> None:
    keep(
        archive, caption(1, "Storm över Umeå."), caption(2, "Det blåser."), caption(3, "Och stormen går vidare, storm.")
    )
    third, first = found(archive, "storm")
    assert (first.id, first.before, first.after, first.marks) == (1, "", "Det blåser.", [(0, 5)])
    assert (third.id, third.before, third.marks) == (3, "Det blåser.", [(24, 29)])
    assert ids(archive, "umea") == ids(archive, "UMEÅ") == [("stations/p1", 1)]
    assert ids(archive, "storm*") == [("stations/p1", 3), ("stations/p1", 1)]


def test_phrase_across_two_captions_is_found_in_the_first(archive: Archive) -> None:
    keep(archive, caption(1, "säger statens"), caption(2, "minister i dag"))
    assert ids(archive, '"statens minister"') == [("stations/p1", 1)]
    assert ids(archive, "minister") == [("stations/p1", 2)], "and a word in its own caption alone"
    keep(archive, caption(2, "ministär i dag"))
    assert ids(archive, '"statens minister"') == []
    assert ids(archive, '"statens ministär"') == [("stations/p1", 1)]


def test_words_are_found_in_languages_without_spaces(archive: Archive) -> None:
    keep(archive, caption(1, "今日は天気がいいです", language="ja"))
    [one] = found(archive, "天気")
    assert [one.text[start:stop] for start, stop in one.marks] == ["天気"]
    assert found(archive, "気天") == []


def test_provisional_captions_are_not_stored_and_withdrawn_ones_are_deleted(archive: Archive) -> None:
    keep(archive, caption(1, "storm", final=False))
    assert ids(archive, "storm") == []
    keep(archive, caption(1, "storm"))
    assert ids(archive, "storm") == [("stations/p1", 1)]
    keep(archive, caption(1, ""))
    assert ids(archive, "storm") == []


def test_correction_keeps_the_time_at_which_an_upload_was_captioned(archive: Archive) -> None:
    heard = caption(1, "storm", "jobs/a")
    keep(archive, heard)
    keep(archive, replace(heard, text="stormen", committed_s=heard.committed_s + 3600))
    assert [(each.text, each.said_s) for each in found(archive, "storm*")] == [("stormen", heard.committed_s)]


def test_corrected_captions_are_marked(archive: Archive) -> None:
    heard = caption(1, "storm")
    keep(archive, heard, caption(2, "regn"))
    keep(archive, replace(heard, text="stormen", corrected=True))
    said = archive.captions("stations/p1", Period()).values()
    assert [(each.text, each.corrected) for each in said] == [("stormen", True), ("regn", False)]


def test_search_is_narrowed_by_source_language_and_time(archive: Archive) -> None:
    keep(archive, caption(1, "storm"), caption(2, "storm", language="en"))
    keep(archive, caption(1, "storm", "stations/p1-sv", language="en"))
    keep(archive, caption(1, "storm", "jobs/a", start_s=3.0))
    assert ids(archive, "storm", source="stations/p1") == [("stations/p1", 2), ("stations/p1", 1)]
    assert ids(archive, "storm", language="sv") == [("jobs/a", 1), ("stations/p1", 1)]
    assert ids(archive, "storm", source="stations/p1", language="sv") == [("stations/p1", 1)]
    assert ids(archive, "storm", uploads=False, limit=9)[0] == ("stations/p1-sv", 1)
    assert ids(archive, "storm", from_s=1010.0, to_s=5000.0) == [("stations/p1", 2)]
    assert ids(archive, "storm", from_s=5001.0) == [("jobs/a", 1)], "an upload was said when it was captioned"


def test_search_pages_are_consecutive(archive: Archive) -> None:
    keep(archive, *(caption(id, "storm") for id in range(1, 6)))
    first = found(archive, "storm", limit=2)
    assert [each.id for each in first] == [5, 4]
    assert [each.id for each in found(archive, "storm", before=first[-1].row)] == [3, 2, 1]


def test_restarted_source_gets_another_life(archive: Archive) -> None:
    keep(archive, caption(1, "storm"), caption(2, "orkan"))
    keep(archive, caption(1, "storm igen", start_s=2000.0), life=2)
    assert [(each.text, each.after) for each in found(archive, "storm")] == [("storm igen", ""), ("storm", "orkan")]


def test_forgotten_source_is_deleted_and_not_written_by_an_outdated_copy(archive: Archive) -> None:
    keep(archive, caption(1, "storm"))
    keep(archive, caption(1, "storm", "jobs/a"))
    before = archive.positions()["stations/p1"]
    assert archive.delete("stations/p1")
    assert not archive.add("stations/p1", [caption(2, "storm")], LogPosition(1, 2), before)
    assert ids(archive, "storm") == [("jobs/a", 1)]
    assert archive.positions().keys() == {"jobs/a"}


def test_expired_captions_are_pruned(archive: Archive) -> None:
    keep(archive, caption(1, "storm"), caption(2, "storm"))
    assert archive.prune(1008.0)
    assert ids(archive, "storm") == [("stations/p1", 2)]


def test_archive_survives_a_restart(archive: Archive, tmp_path: Path) -> None:
    keep(archive, caption(1, "storm"))
    again = Archive(tmp_path / "archive" / "captions.sqlite")
    assert ids(again, "storm") == [("stations/p1", 1)]
    assert again.positions() == {"stations/p1": LogPosition(1, 1)}
    again.close()


def read(archive: Archive, from_s: float, to_s: float, **period: int) -> list[int]:
    return sorted(id for _, id in archive.captions("stations/p1", Period(from_s, to_s, **period)))


def test_period_is_read_in_order_with_its_neighbours(archive: Archive) -> None:
    keep(archive, *(caption(id, "storm") for id in range(1, 7)))
    keep(archive, caption(1, "storm", "stations/p2"))
    assert read(archive, 1013.0, 1024.0) == [1, 2, 3, 4, 5]
    assert read(archive, 0.0, 1006.0) == [1, 2]
    assert read(archive, 1020.0, 9999.0, limit=1) == [2, 3, 4, 5]
    assert read(archive, 1020.0, 9999.0, first=5) == [3, 4, 5, 6]
    assert read(archive, 9000.0, 9999.0) == [5, 6]


def test_period_has_words_and_gaps_which_search_does_not_find(archive: Archive) -> None:
    words = (Word("Storm", 1_795_345_200.123, 1_795_345_200.5, 0.9), Word("nu", 1_795_345_201.0, 1_795_345_202.3))
    spoken = Caption("stations/p1", 1, 0, words[0].start_s, words[1].end_s, "Storm nu", True, "sv", words, model="m@1")
    gap = Caption("stations/p1", 2, 0, spoken.end_s, spoken.end_s + 9, "", True, content=Content.GAP, reason="away")
    keep(archive, spoken, gap, caption(3, "storm igen", start_s=gap.end_s))
    assert list(archive.captions("stations/p1", Period()).values())[:2] == [spoken, gap]
    assert [(each.id, each.before) for each in found(archive, "storm")] == [(3, ""), (1, "")]


def test_captions_committed_again_after_data_loss_are_stored_once(archive: Archive) -> None:
    keep(archive, caption(1, "storm"), caption(2, "orkan"))
    keep(archive, caption(1, "storm"), caption(2, "lugnt", start_s=1011.0), life=2)
    assert list(archive.captions("stations/p1", Period())) == [(2, 1), (1, 2), (2, 2)]
    keep(archive, caption(2, "orkan"), life=3)
    assert list(archive.captions("stations/p1", Period(1010.5))) == [(3, 2), (2, 1), (2, 2)], "two before it, each once"
    assert [each.text for each in found(archive, "storm OR orkan OR lugnt")] == ["lugnt", "orkan", "storm"]


def test_correction_survives_data_loss_in_redis(archive: Archive) -> None:
    keep(archive, caption(1, "storm"), caption(2, "regn"))
    keep(archive, replace(caption(1, "lugnt"), revision=1, corrected=True))
    keep(archive, caption(1, "storm"), caption(2, "regn"), life=2)
    assert ids(archive, "storm") == []
    assert [(each.text, each.corrected) for each in archive.captions("stations/p1", Period()).values()] == [
        ("lugnt", True),
        ("regn", False),
    ]
    keep(archive, replace(caption(1, "vindstilla"), revision=1, corrected=True), life=2)
    keep(archive, caption(2, ""), life=3)  # withdrawn; the log has nothing else
    assert [each.text for each in archive.captions("stations/p1", Period()).values()] == ["vindstilla"]


def test_repeated_caption_is_looked_up_by_time(archive: Archive, tmp_path: Path) -> None:
    """By id alone, each caption of a second life would scan all of the first."""
    statements: list[str] = []
    archive._writer.set_trace_callback(statements.append)
    keep(archive, caption(1, "storm"), life=2)
    [update] = [sql for sql in statements if sql.startswith("UPDATE OR IGNORE")]
    with closing(sqlite3.connect(tmp_path / "archive" / "captions.sqlite")) as db:
        plan = db.execute(f"EXPLAIN QUERY PLAN {update}").fetchall()
    assert "captions_in_order (source=? AND said_s=? AND id=?)" in plan[0][-1]


def test_file_of_an_earlier_version_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "before.sqlite"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(schema._SEARCHED)
        db.execute(
            "INSERT INTO captions VALUES "
            "(1, 'stations/p1', 1, 1, 1005, 1005, 1009, 'sv', 'storm', 5, 'storm', 'stations/p1 sv')"
        )
        db.execute("PRAGMA user_version = 1")
        db.execute("INSERT INTO copied VALUES ('stations/p1', 2, 1, 5001)")
        db.execute(
            "INSERT INTO captions SELECT 2, source, 2, id, said_s, start_s, end_s, language, text, own, said, place "
            "FROM captions"
        )
    again = Archive(path)
    assert [each.row for each in found(again, "storm")] == [2], "it was kept twice"
    keep(again, caption(2, "storm"), life=2)
    said = list(again.captions("stations/p1", Period()).values())
    assert [(each.text, each.corrected) for each in said] == [("storm", False), ("storm", False)]
    again.close()


def test_log_of_the_file_shrinks_after_a_long_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LOG_BYTES", 100_000)
    archive, log = Archive(tmp_path / "captions.sqlite"), tmp_path / "captions.sqlite-wal"
    with closing(sqlite3.connect(tmp_path / "captions.sqlite")) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM captions").fetchone()
        for begin in range(1, 1000, 20):
            keep(archive, *(caption(id, "storm och regn") for id in range(begin, begin + 20)))
        assert log.stat().st_size > 4_200_000, "beyond a thousand pages, at which SQLite tries to empty it"
    for id in (1001, 1002):
        keep(archive, caption(id, "storm"))
    assert log.stat().st_size <= 100_000
    archive.close()


def test_slow_search_times_out(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(archive, *(caption(id, "storm", "jobs/a") for id in range(1, 3000)))
    monkeypatch.setattr(store, "SEARCH_TIMEOUT_S", -1.0)
    with pytest.raises(ArchiveError, match="longer words"):
        found(archive, "storm", uploads=False)


def test_file_that_is_not_a_database_is_named_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "captions.sqlite"
    path.write_text("no database, and long enough to be seen as none" * 99)
    with pytest.raises(ArchiveError, match=r"captions\.sqlite"):
        Archive(path)
    path.unlink()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(ArchiveError, match="another version"):
        Archive(path)


def test_neighbours_of_a_match_span_two_lives(archive: Archive) -> None:
    keep(archive, caption(1, "storm"), caption(2, "orkan", start_s=1010.0))
    keep(archive, caption(1, "regn", start_s=1030.0), caption(2, "hagel", start_s=1035.0), life=2)
    assert [(each.before, each.after) for each in found(archive, "orkan OR regn")] == [
        ("orkan", "hagel"),
        ("storm", "regn"),
    ]
    keep(archive, caption(1, "dimma", start_s=1200.0), life=3)
    assert [(each.before, each.after) for each in found(archive, "dimma OR hagel")] == [("", ""), ("regn", "")]
