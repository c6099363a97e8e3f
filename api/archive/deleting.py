"""Deletes captions from the archive, a step at a time: while one is deleted, nothing else can be written."""

from __future__ import annotations

import sqlite3

#: Most captions deleted at once. Some thousands take some tenths of a second.
STEP = 2000

#: The event in `copied` of a source that is being deleted: its captions are not shown, and no more of them are stored.
DELETED = -1


def delete_some(db: sqlite3.Connection, source: str) -> bool:
    """Delete some captions of a source; return True if none are left."""
    db.execute("UPDATE copied SET event = ? WHERE source = ?", (DELETED, source))
    some = "SELECT row FROM captions WHERE source = ? LIMIT ?"
    if db.execute(f"DELETE FROM captions WHERE row IN ({some})", (source, STEP)).rowcount == STEP:
        return False
    db.execute("DELETE FROM copied WHERE source = ?", (source,))
    return True


def delete_some_before(db: sqlite3.Connection, before_s: float) -> bool:
    """Delete some captions from before a Unix time; return True if none are left."""
    some = "SELECT row FROM captions WHERE said_s < ? LIMIT ?"
    if db.execute(f"DELETE FROM captions WHERE row IN ({some})", (before_s, STEP)).rowcount == STEP:
        return False
    db.execute("DELETE FROM hours WHERE hour < ?", (before_s // 3600,))
    return True


def half_deleted(db: sqlite3.Connection) -> list[str]:
    """The sources of which `delete_some` has left captions."""
    return [source for (source,) in db.execute("SELECT source FROM copied WHERE event = ?", (DELETED,))]
