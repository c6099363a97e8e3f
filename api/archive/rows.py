"""What a station said, in order, out of the archive's rows."""

from __future__ import annotations

import json
import sqlite3

from api.archive.merging import Kept, Period
from wire.messages import Caption, Content, Word

# One that reaches into the period, and its neighbour.
_BEFORE = """
SELECT * FROM captions WHERE source = ? AND (said_s, id) < (?, ?)
ORDER BY said_s DESC, id DESC LIMIT 2
"""

_BEHIND = """
SELECT * FROM captions WHERE source = ? AND (said_s, id) >= (?, ?)
ORDER BY said_s, id LIMIT ?
"""


def said(db: sqlite3.Connection, source: str, period: Period) -> Kept:
    """The captions of a station in a period, and the nearest before them and behind them."""
    begin = (source, period.from_s, period.first)
    rows = db.execute(_BEFORE, begin).fetchall()
    for row in db.execute(_BEHIND, (*begin, period.limit + 1)):
        rows.append(row)
        if row["start_s"] >= period.to_s:
            break
    return {(row["life"], row["id"]): _caption(row) for row in rows}


def heard(caption: Caption) -> str:
    """Its words as a row has them: times in milliseconds behind its beginning are a third as long as in a message."""

    def ms(time_s: float) -> int:
        return round((time_s - caption.start_s) * 1000)

    words = [[word.text, ms(word.start_s), ms(word.end_s), word.confidence] for word in caption.words]
    return json.dumps(words, ensure_ascii=False, separators=(",", ":"))


def _caption(row: sqlite3.Row) -> Caption:
    """The caption of a row; what no row has of it is as where nobody said it."""
    start_s = row["start_s"]
    words = tuple(
        Word(text, round(start_s + start_ms / 1000, 3), round(start_s + end_ms / 1000, 3), confidence)
        for text, start_ms, end_ms, confidence in json.loads(row["heard"])
    )
    return Caption(
        source=row["source"],
        id=row["id"],
        revision=0,
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
