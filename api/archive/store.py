"""The archive's file: captions, and the index of their words."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from api.archive.merging import Kept, Period
from api.archive.query import marks, spaced
from api.archive.rows import heard, said
from api.archive.schema import prepare
from wire.messages import Caption, Content, Kind, split_source

#: Words of the next caption that are indexed with one: a phrase may begin in one and end in the other.
_AHEAD = 8

#: A search that takes longer is given up, in seconds.
PATIENCE_S = 5.0

#: What stands around a word that was found. No caption holds them.
_BEGIN, _END = "\x02", "\x03"


class ArchiveError(Exception):
    """The archive cannot be opened, or has not answered in time; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How far a source's log is in the archive: the newest event of its present life, and when that was committed."""

    life: int = 1
    event: int = 0
    committed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for, newest first.

    Attributes:
        expression: of FTS5, see `query.expression`.
        source: one source; else all stations, and uploads if `uploads` says so.
        from_s, to_s: Unix times between which it was said (of an upload: captioned).
        before: rows of earlier numbers only, for the next page.
    """

    expression: str
    source: str | None = None
    uploads: bool = True
    language: str | None = None
    from_s: float = 0.0
    to_s: float = math.inf
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A caption that was found, with what was said before and after it."""

    row: int
    source: str
    id: int
    said_s: float
    start_s: float
    end_s: float
    language: str | None
    text: str
    marks: list[tuple[int, int]]  # characters of the text that were looked for: the first, and the one behind the last
    before: str
    after: str


class Archive:
    """The file. One thread at a time adds and prunes; any may search and forget.

    Raises:
        ArchiveError: it cannot be made or opened, or this Python's SQLite has no full-text index.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._prepared()
        except (OSError, sqlite3.Error) as error:
            raise ArchiveError(f"{path}: {error}") from error

    def close(self) -> None:
        """End writing."""
        self._writer.close()

    def copied(self) -> dict[str, Copied]:
        """How far each source is copied."""
        rows = self._writer.execute("SELECT source, life, event, committed_s FROM copied")
        return {source: Copied(*how_far) for source, *how_far in rows}

    def add(self, source: str, captions: Iterable[Caption], copied: Copied, before: Copied | None) -> bool:
        """Keep captions, all or none of them; what is provisional is left out, and what is withdrawn taken out.

        Args:
            copied: how far the source is copied with them.
            before: how far it was; None, if nothing was.

        Returns:
            False, and nothing is kept, if it is not as it was `before`: it was forgotten.
        """
        with self._writer as db:
            db.execute("BEGIN IMMEDIATE")
            found = db.execute("SELECT life, event, committed_s FROM copied WHERE source = ?", (source,)).fetchone()
            if (Copied(*found) if found else None) != before:
                return False
            for caption in captions:
                if caption.final:
                    _write(db, copied.life, caption)
            db.execute("INSERT OR REPLACE INTO copied VALUES (?, ?, ?, ?)", (source, *astuple(copied)))
        return True

    def forget(self, source: str) -> None:
        """Delete a source. May be called on any thread."""
        with closing(self._connect()) as db, db:
            db.execute("DELETE FROM captions WHERE source = ?", (source,))
            db.execute("DELETE FROM copied WHERE source = ?", (source,))

    def prune(self, before_s: float) -> int:
        """Delete what was said before a Unix time; how many captions that were."""
        with self._writer as db:
            return db.execute("DELETE FROM captions WHERE said_s < ?", (before_s,)).rowcount

    def search(self, wanted: Wanted) -> list[Found]:
        """Captions in which it begins, newest first.

        Raises:
            ArchiveError: it took too long.
        """
        sql, values = _select(wanted)
        until_s = time.monotonic() + PATIENCE_S
        with closing(self._connect()) as db:
            db.set_progress_handler(lambda: time.monotonic() > until_s, 10_000)
            try:
                return [_found(db, row) for row in db.execute(sql, values).fetchall()]
            except sqlite3.OperationalError as error:
                raise ArchiveError(
                    f"not found within {PATIENCE_S:g} s ({error}): name a source, a language or a time"
                ) from error

    def said(self, source: str, period: Period) -> Kept:
        """The captions of a station in a period, and their neighbours.

        Raises:
            ArchiveError: the file cannot be read.
        """
        try:
            with closing(self._connect()) as db:
                return said(db, source, period)
        except sqlite3.Error as error:
            raise ArchiveError(f"{self._path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=10, check_same_thread=False)
        db.row_factory = sqlite3.Row
        return db

    def _prepared(self) -> sqlite3.Connection:
        db = self._connect()
        try:
            db.execute("PRAGMA journal_mode = WAL")  # who searches does not wait for who writes
            db.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes is copied again
            prepare(db)
        except sqlite3.Error:
            db.close()
            raise
        return db


def _write(db: sqlite3.Connection, life: int, caption: Caption) -> None:
    place = (caption.source, life, caption.id)
    if caption.text or caption.content is Content.GAP:
        upload = split_source(caption.source)[0] is Kind.JOB  # whose log is kept whole, with its words
        said_s, words, model = caption.start_s, heard(caption), caption.model
        if upload:
            said_s, words, model = caption.committed_s, "[]", ""
        gap = caption.reason if caption.content is Content.GAP else None
        _take_along(db, caption, life, said_s)
        # A correction stays, where Redis came back as it was before that.
        db.execute(
            "INSERT INTO captions (source, life, id, said_s, start_s, end_s, language, text, gap, heard, model, "
            "corrected) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) "
            "ON CONFLICT DO UPDATE SET said_s = min(said_s, excluded.said_s), "
            "start_s = excluded.start_s, end_s = excluded.end_s, "
            "language = excluded.language, text = excluded.text, gap = excluded.gap, heard = excluded.heard, "
            "model = excluded.model, corrected = excluded.corrected WHERE excluded.corrected OR NOT captions.corrected",
            (
                *(*place, said_s, caption.start_s, caption.end_s, caption.language),
                *(caption.text, gap, words, model, caption.corrected),
            ),
        )
    else:
        _take_along(db, caption, life, caption.start_s)
        db.execute("DELETE FROM captions WHERE source = ? AND life = ? AND id = ?", place)
    for id in (caption.id - 1, caption.id):  # the one before ends with this one's words
        _index(db, caption.source, life, id)


def _take_along(db: sqlite3.Connection, caption: Caption, life: int, said_s: float) -> None:
    """Let a caption that was kept in an earlier life be the same one in this: Redis came back as it was before.

    What it had lost stays in the life before.
    """
    if life > 1:
        db.execute(
            "UPDATE OR IGNORE captions INDEXED BY captions_in_order SET life = ? "
            "WHERE source = ? AND said_s = ? AND id = ? AND life < ?",
            (life, caption.source, said_s, caption.id, life),
        )


def _index(db: sqlite3.Connection, source: str, life: int, id: int) -> None:
    """Index a caption, if it is there and no gap, with the first words of the next."""
    own = spaced(_text(db, source, life, id))
    if not own:
        return
    ahead = spaced(_text(db, source, life, id + 1)).split()[:_AHEAD]
    db.execute(
        "UPDATE captions SET own = ?, said = ?, place = source || ' ' || coalesce(language, '') "
        "WHERE source = ? AND life = ? AND id = ?",
        (len(own), " ".join([own, *ahead]), source, life, id),
    )


def _text(db: sqlite3.Connection, source: str, life: int, id: int) -> str:
    row = db.execute(
        "SELECT text FROM captions WHERE source = ? AND life = ? AND id = ?", (source, life, id)
    ).fetchone()
    return row["text"] if row else ""


def _select(wanted: Wanted) -> tuple[str, list[Any]]:
    where = "".join(f' AND place : "{place}"' for place in (wanted.source, wanted.language) if place)
    conditions: dict[str, Any] = {
        "words MATCH ?": f"said : ({wanted.expression}){where}",
        "words.rowid < ?": wanted.before,
        "said_s >= ?": wanted.from_s,
        "said_s < ?": wanted.to_s,
        "language = ?": wanted.language,  # the index takes a station named "sv" for one in Swedish
        "source = ?": wanted.source,  # and "p1-sv" for "p1" in Swedish
        "source GLOB ?": None if wanted.source or wanted.uploads else f"{Kind.STATION}/*",
    }
    given = {condition: value for condition, value in conditions.items() if value is not None}
    # The index comes first, by its numbers from the highest: so few rows are looked at as are shown.
    sql = (
        f"SELECT * FROM (SELECT captions.*, highlight(words, 0, '{_BEGIN}', '{_END}') AS marked "
        f"FROM words CROSS JOIN captions ON row = words.rowid WHERE {' AND '.join(given)} "
        f"ORDER BY words.rowid DESC) WHERE instr(marked, '{_BEGIN}') <= own LIMIT ?"
    )
    return sql, [*given.values(), wanted.limit]


def _found(db: sqlite3.Connection, row: sqlite3.Row) -> Found:
    place = row["source"], row["life"]
    return Found(
        row=row["row"],
        source=row["source"],
        id=row["id"],
        said_s=row["said_s"],
        start_s=row["start_s"],
        end_s=row["end_s"],
        language=row["language"],
        text=row["text"],
        marks=marks(row["text"], row["marked"], _BEGIN, _END),
        before=_text(db, *place, row["id"] - 1),
        after=_text(db, *place, row["id"] + 1),
    )
