"""Writes captions into the archive, and the index of their words."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace

from api.archive.query import spaced
from api.archive.rows import by_id, encode_words, text_of
from wire.errors import BadRequest
from wire.messages import Caption, Content, Kind, split_source

#: Words of the next caption that are indexed with a caption: a phrase may span two.
_AHEAD = 8


def write(db: sqlite3.Connection, life: int, caption: Caption) -> None:
    """Write a final caption, or delete a withdrawn one; one that a person withdrew stays, without a text.

    The later of two corrections wins: Redis may have restarted with data from before either of them.
    """
    place = (caption.source, life, caption.id)
    if caption.text or caption.content is Content.GAP or caption.corrected:
        upload = split_source(caption.source)[0] is Kind.JOB  # whose log is kept whole, words included
        said_s, words, model = caption.start_s, encode_words(caption), caption.model
        if upload:
            said_s, words, model = caption.committed_s, "[]", ""
        gap = caption.reason if caption.content is Content.GAP else None
        _move_to_life(db, caption, life, said_s)
        db.execute(
            "INSERT INTO captions (source, life, id, said_s, start_s, end_s, language, text, gap, heard, model, "
            "corrected, revision, changed_s) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) "
            "ON CONFLICT DO UPDATE SET said_s = min(said_s, excluded.said_s), "
            "start_s = excluded.start_s, end_s = excluded.end_s, "
            "language = excluded.language, text = excluded.text, gap = excluded.gap, heard = excluded.heard, "
            "model = excluded.model, corrected = excluded.corrected, "
            "revision = excluded.revision, changed_s = excluded.changed_s "
            "WHERE NOT captions.corrected OR (excluded.corrected AND excluded.changed_s >= captions.changed_s)",
            (
                *(*place, said_s, caption.start_s, caption.end_s, caption.language),
                *(caption.text, gap, words, model, caption.corrected, caption.revision),
                caption.committed_s if caption.corrected else 0.0,
            ),
        )
    else:
        _move_to_life(db, caption, life, caption.start_s)
        db.execute("DELETE FROM captions WHERE source = ? AND life = ? AND id = ?", place)
    for id in (caption.id - 1, caption.id):  # the caption before is indexed with words of this one
        _index(db, caption.source, life, id)


def write_revision(
    db: sqlite3.Connection, source: str, id: int, start_s: float | None, change: Callable[[Caption], Caption]
) -> Caption:
    """Write what `change` makes of a caption, as its next revision; see `Archive.revise`."""
    captions = by_id(db, source, id, start_s)
    if len(captions) > 1 and start_s is None:
        raise BadRequest(f"{source} has {len(captions)} captions {id}: give start_s as well, as you read it", "start_s")
    life = max(captions)  # of two lives with the same caption, readers see the later one
    changed = change(captions[life])
    if changed is captions[life]:
        return changed
    caption = replace(changed, revision=changed.revision + 1, committed_s=time.time())
    write(db, life, caption)
    return caption


def _move_to_life(db: sqlite3.Connection, caption: Caption, life: int, said_s: float) -> None:
    """Move a caption of an earlier life that is committed again into this one: Redis restarted with older data.

    What was lost stays in the life before.
    """
    if life > 1:
        db.execute(
            "UPDATE OR IGNORE captions INDEXED BY captions_in_order SET life = ? "
            "WHERE source = ? AND said_s = ? AND id = ? AND life < ?",
            (life, caption.source, said_s, caption.id, life),
        )


def _index(db: sqlite3.Connection, source: str, life: int, id: int) -> None:
    """Index a caption with the first words of the next. Captions without a text, such as gaps, are not indexed."""
    text = spaced(text_of(db, source, life, id))
    next_words = spaced(text_of(db, source, life, id + 1)).split()[:_AHEAD] if text else []
    db.execute(
        "UPDATE captions SET own = ?1, said = ?2, place = iif(?1, source || ' ' || coalesce(language, ''), '') "
        "WHERE source = ?3 AND life = ?4 AND id = ?5 AND (own OR ?1)",
        (len(text), " ".join([text, *next_words]) if text else "", source, life, id),
    )
