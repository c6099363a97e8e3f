"""Searching in a period: only the index's entries of that period are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from api.archive import schema
from api.archive.query import expression
from api.archive.store import Archive, LogPosition, Search, _rows, _select
from wire.messages import Caption

HOUR_S = 3600.0


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "captions.sqlite")
    yield opened
    opened.close()


def caption(id: int, start_s: float, source: str = "stations/p1") -> Caption:
    return Caption(source, id, 0, start_s, start_s + 4, "storm", True, committed_s=start_s + 5)


def keep(archive: Archive, *captions: Caption) -> None:
    source = captions[0].source
    before = archive.positions().get(source)
    event = (before.event if before else 0) + len(captions)
    assert archive.add(source, captions, LogPosition(1, event), before)


def wanted(**period: float | int) -> Search:
    return Search(expression("storm"), **period)  # type: ignore[arg-type]


def rows(archive: Archive, **period: float | int) -> tuple[int, int]:
    return _rows(archive._writer, wanted(**period))


def ids(archive: Archive, **period: float | int) -> list[int]:
    return [each.id for each in archive.search(wanted(**period))]


def test_rows_of_a_period_are_those_of_its_hours(archive: Archive) -> None:
    keep(archive, *(caption(id, id * HOUR_S / 2) for id in range(1, 11)))
    assert rows(archive, from_s=HOUR_S, to_s=2 * HOUR_S) == (2, 3)
    assert rows(archive, from_s=HOUR_S + 1, to_s=2 * HOUR_S + 1) == (2, 5)
    assert rows(archive, to_s=HOUR_S) == (1, 1)
    assert rows(archive, from_s=5 * HOUR_S) == (10, 10)
    assert rows(archive, from_s=HOUR_S, before=4) == (2, 3)
    assert ids(archive, from_s=HOUR_S + 1, to_s=2 * HOUR_S + 1) == [4, 3], "and only what was said in the period"
    assert rows(archive, from_s=9 * HOUR_S) == (1, 0), "none"
    assert ids(archive, from_s=9 * HOUR_S) == ids(archive, to_s=600.0) == ids(archive, from_s=600.0, to_s=600.0) == []


def test_captions_archived_late_are_found_in_the_hour_in_which_they_were_said(archive: Archive) -> None:
    keep(archive, caption(1, HOUR_S), caption(2, 3 * HOUR_S))
    keep(archive, caption(1, HOUR_S + 9, "stations/p2"))
    assert rows(archive, from_s=HOUR_S, to_s=2 * HOUR_S) == (1, 3)
    assert len(ids(archive, from_s=HOUR_S, to_s=2 * HOUR_S)) == 2
    keep(archive, replace(caption(1, 2 * HOUR_S - 1, "jobs/a"), committed_s=3 * HOUR_S))
    keep(archive, replace(caption(1, 2 * HOUR_S - 1, "jobs/a"), committed_s=2 * HOUR_S))  # read again, from older data
    assert ids(archive, from_s=2 * HOUR_S, to_s=3 * HOUR_S) == [1]


def test_period_limits_what_the_index_reads(archive: Archive) -> None:
    sql, values = _select(wanted(to_s=HOUR_S), 7, 9)
    plan = [step[-1] for step in archive._writer.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any("words VIRTUAL TABLE INDEX" in step and step.endswith("><") for step in plan), plan


def test_hours_of_an_earlier_version_are_added(tmp_path: Path) -> None:
    path = tmp_path / "before.sqlite"
    with closing(sqlite3.connect(path)) as db, db:
        for step in schema._STEPS[:5]:
            db.executescript(step)
        for row, said_s in enumerate((HOUR_S, HOUR_S + 9, 900 * HOUR_S, HOUR_S + 5), start=1):
            db.execute(
                "INSERT INTO captions (row, source, life, id, said_s, start_s, end_s, text, own, said) "
                "VALUES (?1, 'stations/p1', 1, ?1, ?2, ?2, ?2, 'storm', 5, 'storm')",
                (row, said_s),
            )
        db.execute("PRAGMA user_version = 5")
    again = Archive(path)
    assert [tuple(row) for row in again._writer.execute("SELECT * FROM hours")] == [(1, 1, 4), (900, 3, 3)]
    assert ids(again, from_s=HOUR_S, to_s=2 * HOUR_S) == [4, 2, 1]
    again.close()


def test_hours_of_expired_captions_are_deleted(archive: Archive) -> None:
    keep(archive, *(caption(id, id * HOUR_S) for id in range(1, 4)))
    assert archive.prune(2 * HOUR_S + 9)
    assert [tuple(row) for row in archive._writer.execute("SELECT * FROM hours")] == [(2, 2, 2), (3, 3, 3)]
