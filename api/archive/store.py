"""The archive's file: captions and their full-text index."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from api.archive import deleting
from api.archive.merging import CaptionsById, Period
from api.archive.query import marks
from api.archive.rows import MAX_ROW, captions_in, neighbours
from api.archive.schema import prepare
from api.archive.writing import write, write_revision
from wire.errors import UnknownSource
from wire.messages import Caption, Kind

#: Time limit of a search, in seconds.
SEARCH_TIMEOUT_S = 5.0

#: The file's log (-wal) grows while someone reads, such as a backup; afterwards it is cut to this size, in bytes.
LOG_BYTES = 64 * 1024 * 1024

#: Markers around a match. No caption contains them.
_BEGIN, _END = "\x02", "\x03"


class ArchiveError(Exception):
    """The archive cannot be opened, or did not respond in time; the text says what to do."""


@dataclass(frozen=True, slots=True)
class LogPosition:
    """How far a source's log is copied: the newest event of its current life, and when that was committed."""

    life: int = 1
    event: int = 0
    committed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Search:
    """A search, newest first.

    Attributes:
        expression: of FTS5, see `query.expression`.
        source: one source; None: all stations, and uploads if `uploads` is True.
        from_s, to_s: Unix times between which it was said (of an upload: captioned).
        before: rows with lower numbers only, for the next page.
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
class Match:
    """A match, with the texts before and after it."""

    row: int
    source: str
    id: int
    said_s: float
    changed_s: float  # Unix time at which a person wrote its text; 0: never
    start_s: float
    end_s: float
    language: str | None
    text: str
    marks: list[tuple[int, int]]  # matches in the text: the first character, and the one after the last
    before: str
    after: str


class Archive:
    """The file. One thread at a time adds and prunes; any thread may search and delete.

    Raises:
        ArchiveError: it cannot be created or opened, or this Python's SQLite has no full-text index.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._open_writer()
        except (OSError, sqlite3.Error) as error:
            raise ArchiveError(f"{path}: {error}") from error

    def close(self) -> None:
        """Close the connection for writing."""
        self._writer.close()

    def positions(self) -> dict[str, LogPosition]:
        """How far each source is copied."""
        sql = "SELECT source, life, event, committed_s FROM copied WHERE event <> ?"
        rows = self._writer.execute(sql, (deleting.DELETED,))
        return {source: LogPosition(*how_far) for source, *how_far in rows}

    def add(self, source: str, captions: Iterable[Caption], position: LogPosition, before: LogPosition | None) -> bool:
        """Store captions, in one transaction; skip provisional ones, and delete withdrawn ones.

        Args:
            position: how far the source is copied with them.
            before: how far it was copied so far; None: not at all.

        Returns:
            False, and nothing is stored, if `before` is outdated: the source was deleted.
        """
        with self._writer as db:
            db.execute("BEGIN IMMEDIATE")
            row = db.execute("SELECT life, event, committed_s FROM copied WHERE source = ?", (source,)).fetchone()
            if (LogPosition(*row) if row else None) != before:
                return False
            for caption in captions:
                if caption.final:
                    write(db, position.life, caption)
            db.execute("INSERT OR REPLACE INTO copied VALUES (?, ?, ?, ?)", (source, *astuple(position)))
        return True

    def revise(self, source: str, id: int, start_s: float | None, change: Callable[[Caption], Caption]) -> Caption:
        """Store what `change` makes of a caption, as its next revision. May be called on any thread of any process.

        Args:
            start_s: when it begins; None if only one caption has this id.
            change: if it returns its argument, nothing is written.

        Raises:
            UnknownSource: there is no such caption.
            BadRequest: several captions have this id.
            ArchiveError: the file cannot be written.
        """
        try:
            with closing(self._connect()) as db, db:
                db.execute("BEGIN IMMEDIATE")
                if source in deleting.half_deleted(db):
                    raise UnknownSource(f"{source} is being deleted")
                return write_revision(db, source, id, start_s, change)
        except sqlite3.Error as error:
            raise ArchiveError(f"the archive failed ({error}); try again") from error

    def delete(self, source: str) -> bool:
        """Delete a source, and up to `deleting.STEP` of its captions; the others are no longer shown.

        May be called on any thread.

        Returns:
            Whether none are left; if not, call it again.
        """
        with closing(self._connect()) as db, db:
            return deleting.delete_some(db, source)

    def half_deleted(self) -> list[str]:
        """The sources that were deleted and of which captions are left."""
        return deleting.half_deleted(self._writer)

    def prune(self, before_s: float) -> bool:
        """Delete up to `deleting.STEP` captions from before a Unix time; return whether none are left."""
        with self._writer as db:
            return deleting.delete_some_before(db, before_s)

    def search(self, wanted: Search) -> list[Match]:
        """Matching captions, newest first.

        Raises:
            ArchiveError: the search took too long.
        """
        until_s = time.monotonic() + SEARCH_TIMEOUT_S
        with closing(self._connect()) as db:
            db.set_progress_handler(lambda: time.monotonic() > until_s, 10_000)
            try:
                sql, values = _select(wanted, *_rows(db, wanted))
                return [_match(db, row) for row in db.execute(sql, values).fetchall()]
            except sqlite3.OperationalError as error:
                raise ArchiveError(
                    f"no result within {SEARCH_TIMEOUT_S:g} s ({error}): give longer words, a source or a period"
                ) from error

    def captions(self, source: str, period: Period) -> CaptionsById:
        """The captions of a station in a period, and their neighbours.

        Raises:
            ArchiveError: the file cannot be read.
        """
        try:
            with closing(self._connect()) as db:
                return {} if source in deleting.half_deleted(db) else captions_in(db, source, period)
        except sqlite3.Error as error:
            raise ArchiveError(f"{self._path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=10, check_same_thread=False)
        db.row_factory = sqlite3.Row
        return db

    def _open_writer(self) -> sqlite3.Connection:
        db = self._connect()
        try:
            db.execute("PRAGMA journal_mode = WAL")  # searches do not wait for writes
            db.execute("PRAGMA synchronous = NORMAL")  # what a power cut loses is copied again
            db.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
            prepare(db)
        except sqlite3.Error:
            db.close()
            raise
        return db


def _rows(db: sqlite3.Connection, wanted: Search) -> tuple[int, int]:
    """The lowest and the highest row that can match: those of the period, before those already shown."""
    first, last = 0, MAX_ROW
    if wanted.from_s > 0 or wanted.to_s < math.inf:
        sql = "SELECT min(first), max(last) FROM hours WHERE hour > ? AND hour < ?"
        first, last = db.execute(sql, (wanted.from_s / 3600 - 1, wanted.to_s / 3600)).fetchone()
    if first is None:
        return 1, 0
    return first, last if wanted.before is None else min(last, wanted.before - 1)


def _select(wanted: Search, first: int, last: int) -> tuple[str, list[Any]]:
    where = "".join(f' AND place : "{place}"' for place in (wanted.source, wanted.language) if place)
    conditions: dict[str, Any] = {
        "words MATCH ?": f"said : ({wanted.expression}){where}",
        "words.rowid >= ?": first,
        "words.rowid <= ?": last,
        "said_s >= ?": wanted.from_s,
        "said_s < ?": wanted.to_s,
        "language = ?": wanted.language,  # in the index, a station named "sv" looks like the language
        "source = ?": wanted.source,  # and "p1-sv" like "p1" in Swedish
        "source GLOB ?": None if wanted.source or wanted.uploads else f"{Kind.STATION}/*",
        "source NOT IN (SELECT source FROM copied WHERE event = ?)": deleting.DELETED,
    }
    used = {condition: value for condition, value in conditions.items() if value is not None}
    # The index comes first, from its highest row: so only the rows that are returned are read.
    sql = (
        f"SELECT * FROM (SELECT captions.*, highlight(words, 0, '{_BEGIN}', '{_END}') AS marked "
        f"FROM words CROSS JOIN captions ON row = words.rowid WHERE {' AND '.join(used)} "
        f"ORDER BY words.rowid DESC) WHERE instr(marked, '{_BEGIN}') <= own LIMIT ?"
    )
    return sql, [*used.values(), wanted.limit]


def _match(db: sqlite3.Connection, row: sqlite3.Row) -> Match:
    before, after = neighbours(db, row)
    return Match(
        row=row["row"],
        source=row["source"],
        id=row["id"],
        said_s=row["said_s"],
        changed_s=row["changed_s"],
        start_s=row["start_s"],
        end_s=row["end_s"],
        language=row["language"],
        text=row["text"],
        marks=marks(row["text"], row["marked"], _BEGIN, _END),
        before=before,
        after=after,
    )
