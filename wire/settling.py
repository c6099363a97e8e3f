"""What becomes of an entry of the chunk queue with which a worker is done: it goes, to the dead letters if it must."""

from __future__ import annotations

from typing import Any

from wire import keys

#: Dead letters kept for a human to look at; one may hold 224 kB of audio.
DEAD_LETTERS = 100


def bury(pipeline: Any, stream: str, entry_id: bytes, fields: dict[bytes, bytes], reason: str) -> None:
    """Move an entry to the dead letters (through a client, or within a transaction of it)."""
    pipeline.xadd(keys.DEAD_CHUNKS, {**fields, b"reason": reason.encode()}, maxlen=DEAD_LETTERS, approximate=False)
    settle(pipeline, stream, entry_id)


def settle(pipeline: Any, stream: str, *entry_ids: bytes) -> None:
    """Acknowledge and delete entries."""
    pipeline.xack(stream, keys.GROUP, *entry_ids)
    pipeline.xdel(stream, *entry_ids)
