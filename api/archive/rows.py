"""Reads captions from the archive's rows, in order."""

from __future__ import annotations

import json
import sqlite3

from api.archive.merging import CaptionsById, Period
from wire.errors import UnknownSource
from wire.messages import Caption, Content, Word

# Captions that overlap the start of the period, and a neighbour. One that a person withdrew is kept without a text.
_BEFORE = """
SELECT * FROM captions WHERE source = ? AND (said_s, id) < (?, ?) AND (text <> '' OR gap IS NOT NULL)
ORDER BY said_s DESC, id DESC LIMIT 2
"""

_AFTER = """
SELECT * FROM captions WHERE source = ? AND (said_s, id) >= (?, ?) AND (text <> '' OR gap IS NOT NULL)
ORDER BY said_s, id LIMIT ?
"""

# One per life of a source, by caption id.
_BY_ID = """
WITH RECURSIVE lives(life) AS (
    SELECT life FROM copied WHERE source = ?1 UNION ALL SELECT life - 1 FROM lives WHERE life > 1
)
SELECT captions.* FROM lives CROSS JOIN captions ON source = ?1 AND captions.life = lives.life AND id = ?2
"""

#: Largest row number of SQLite.
MAX_ROW = 2**63 - 1

# Where a log started again: the last text of another life before a time, and the first one after it.
_LAST = """
SELECT text FROM captions WHERE source = ? AND life <> ? AND said_s BETWEEN ? AND ?
ORDER BY said_s DESC, id DESC LIMIT 1
"""

_FIRST = """
SELECT text FROM captions WHERE source = ? AND life <> ? AND said_s BETWEEN ? AND ?
ORDER BY said_s, id LIMIT 1
"""

#: Captions of two lives are shown as neighbours if they are at most this far apart, in seconds.
NEAR_S = 60.0

#: Times that differ by less are equal, in seconds: clients may round them.
SAME_S = 0.001


def captions_in(db: sqlite3.Connection, source: str, period: Period) -> CaptionsById:
    """The captions of a station in a period, and their nearest neighbours."""
    begin = (source, period.from_s, period.first)
    rows = db.execute(_BEFORE, begin).fetchall()
    for row in db.execute(_AFTER, (*begin, period.limit + 1)):
        rows.append(row)
        if row["start_s"] >= period.to_s:
            break
    return {(row["life"], row["id"]): _caption(row) for row in rows}


def by_id(db: sqlite3.Connection, source: str, id: int, start_s: float | None) -> dict[int, Caption]:
    """The captions with an id, by their life: the only one, or those that begin at `start_s`.

    Raises:
        UnknownSource: there is none.
    """
    rows = db.execute(_BY_ID, (source, min(id, MAX_ROW))).fetchall()
    captions = {row["life"]: _caption(row) for row in rows if start_s is None or abs(row["start_s"] - start_s) < SAME_S}
    if not captions:
        raise UnknownSource(f"{source} has no caption {id}" + (f" that begins at {start_s}" if rows else ""))
    return captions


def text_of(db: sqlite3.Connection, source: str, life: int, id: int) -> str:
    """The text of a caption; empty if there is none."""
    row = db.execute(
        "SELECT text FROM captions WHERE source = ? AND life = ? AND id = ?", (source, life, id)
    ).fetchone()
    return row["text"] if row else ""


def neighbours(db: sqlite3.Connection, row: sqlite3.Row) -> tuple[str, str]:
    """The texts before and after a row; empty where there is none, or a gap."""
    source, life, said_s = row["source"], row["life"], row["said_s"]

    def text_in_other_life(sql: str, from_s: float, to_s: float) -> str:
        neighbour = db.execute(sql, (source, life, from_s, to_s)).fetchone()
        return neighbour["text"] if neighbour else ""

    before = text_of(db, source, life, row["id"] - 1) or text_in_other_life(_LAST, said_s - NEAR_S, said_s)
    after = text_of(db, source, life, row["id"] + 1) or text_in_other_life(_FIRST, said_s, said_s + NEAR_S)
    return before, after


def encode_words(caption: Caption) -> str:
    """Words as they are stored: times in milliseconds from the caption's start take a third of a message's space."""

    def ms(time_s: float) -> int:
        return round((time_s - caption.start_s) * 1000)

    words = [[word.text, ms(word.start_s), ms(word.end_s), word.confidence] for word in caption.words]
    return json.dumps(words, ensure_ascii=False, separators=(",", ":"))


def _caption(row: sqlite3.Row) -> Caption:
    """The caption of a row; fields that rows do not store have their defaults."""
    start_s = row["start_s"]
    words = tuple(
        Word(text, round(start_s + start_ms / 1000, 3), round(start_s + end_ms / 1000, 3), confidence)
        for text, start_ms, end_ms, confidence in json.loads(row["heard"])
    )
    return Caption(
        source=row["source"],
        id=row["id"],
        revision=row["revision"],
        start_s=start_s,
        end_s=row["end_s"],
        text=row["text"],
        final=True,
        language=row["language"],
        words=words,
        content=Content.SPEECH if row["gap"] is None else Content.GAP,
        reason=row["gap"] or "",
        model=row["model"],
        corrected=bool(row["corrected"]),
    )
