"""Deleting many captions from the archive: in steps, between which others write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from api.archive import deleting
from api.archive.copying import PRUNE_EVERY_S, Archivist
from api.archive.merging import Period
from api.archive.query import expression
from api.archive.store import Archive, LogPosition, Search
from wire.captions import CaptionLog
from wire.messages import Caption, Station
from wire.sources import Jobs, Stations

SOURCE = "stations/p1"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    monkeypatch.setattr(deleting, "STEP", 10)
    opened = Archive(tmp_path / "captions.sqlite")
    yield opened
    opened.close()


def keep(archive: Archive, count: int, source: str = SOURCE, start_s: float = 1000.0) -> None:
    captions = [Caption(source, n, 0, start_s + n, start_s + n + 1, "storm", True) for n in range(1, count + 1)]
    assert archive.add(source, captions, LogPosition(1, count), archive.positions().get(source))


def kept(path: Path) -> int:
    with closing(sqlite3.connect(path / "captions.sqlite")) as db:
        return int(db.execute("SELECT count(*) FROM captions").fetchone()[0])


def sources_found(archive: Archive) -> set[str]:
    return {each.source for each in archive.search(Search(expression("storm"), limit=100))}


def test_source_is_deleted_in_steps_and_not_shown_meanwhile(archive: Archive, tmp_path: Path) -> None:
    keep(archive, 25)
    keep(archive, 3, "stations/p2")
    before = archive.positions()[SOURCE]
    assert not archive.delete(SOURCE)
    assert kept(tmp_path) == 18
    assert sources_found(archive) == {"stations/p2"}
    assert archive.captions(SOURCE, Period()) == {}
    assert archive.positions().keys() == {"stations/p2"}
    assert not archive.add(SOURCE, [], LogPosition(1, 26), before), "nor does a copy that has begun store more"
    assert not archive.add(SOURCE, [], LogPosition(1, 1), None), "a station of this name waits until it is deleted"
    assert archive.half_deleted() == [SOURCE]
    assert [archive.delete(SOURCE), archive.delete(SOURCE)] == [False, True]
    assert (kept(tmp_path), archive.half_deleted()) == (3, [])
    keep(archive, 1)
    assert sources_found(archive) == {SOURCE, "stations/p2"}


def test_expired_captions_are_deleted_in_steps_oldest_first(archive: Archive, tmp_path: Path) -> None:
    keep(archive, 25)
    assert [archive.prune(1018.0) for _ in range(2)] == [False, True]
    assert kept(tmp_path) == 8
    assert min(id for _, id in archive.captions(SOURCE, Period())) == 18


def test_each_step_looks_up_its_captions(archive: Archive, tmp_path: Path) -> None:
    statements: list[str] = []
    keep(archive, 3)
    with closing(sqlite3.connect(tmp_path / "captions.sqlite")) as db:
        db.set_trace_callback(statements.append)
        deleting.delete_some(db, SOURCE)
        deleting.delete_some_before(db, 2000.0)
        db.set_trace_callback(None)
        of_source, expired = (
            [step[-1] for step in db.execute(f"EXPLAIN QUERY PLAN {sql}")]
            for sql in dict.fromkeys(statements)  # each is traced again when a trigger returns to it
            if sql.startswith("DELETE FROM captions")
        )
    assert of_source[0] == expired[0] == "SEARCH captions USING INTEGER PRIMARY KEY (rowid=?)"
    assert "(source=?" in of_source[2]
    assert expired[2] == "SEARCH captions USING COVERING INDEX captions_said (said_s<?)"


class NoLog(CaptionLog):
    """A log without captions."""

    def __init__(self) -> None: ...

    def newest(self, sources: object) -> list[tuple[int, bool]]:
        return []


class NoStations(Stations):
    def __init__(self) -> None: ...

    def all(self) -> list[Station]:
        return []


class NoJobs(Jobs):
    def __init__(self) -> None: ...

    def ids(self) -> list[str]:
        return []


def archivist(path: Path) -> Archivist:
    return Archivist(path / "captions.sqlite", NoStations(), NoJobs(), NoLog(), keep_s=60.0)


def test_thread_deletes_one_step_of_each_at_a_time_also_after_a_restart(archive: Archive, tmp_path: Path) -> None:
    keep(archive, 25)
    archive.delete(SOURCE)
    keep(archive, 25, "stations/expired")
    keep(archive, 4, "stations/new", start_s=1e11)
    restarted, left = archivist(tmp_path), []
    for _ in range(4):
        restarted.copy_new()
        left.append(kept(tmp_path))
    assert left == [5 + 15 + 4, 5 + 4, 4, 4]
    assert restarted._pruned_s > -PRUNE_EVERY_S, "and it is done until the next time"
    restarted._open().close()
