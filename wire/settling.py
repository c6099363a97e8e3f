"""Removes processed entries from the chunk queue, or moves them to the dead-letter stream."""

from __future__ import annotations

from typing import Any

from wire import keys

#: Dead letters kept for inspection; one may hold 224 kB of audio.
DEAD_LETTERS = 100


def bury(pipeline: Any, stream: str, entry_id: bytes, fields: dict[bytes, bytes], reason: str) -> None:
    """Move an entry to the dead letters (with a client, or within a transaction)."""
    pipeline.xadd(keys.DEAD_CHUNKS, {**fields, b"reason": reason.encode()}, maxlen=DEAD_LETTERS, approximate=False)
    settle(pipeline, stream, entry_id)


def settle(pipeline: Any, stream: str, *entry_ids: bytes) -> None:
    """Acknowledge and delete entries."""
    pipeline.xack(stream, keys.GROUP, *entry_ids)
    pipeline.xdel(stream, *entry_ids)
