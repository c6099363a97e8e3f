"""Chunks of one live source waiting to be sent to Redis: bounded, so that an outage costs audio instead of memory.

The reader puts, the courier takes. When too much audio waits, the oldest chunk becomes a gap: it keeps its place in the
sequence, and the captions show what is missing. A partial chunk waits until all others have been sent, and is dropped
when a newer chunk arrives.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from wire.chunk import Chunk

#: Maximum number of entries, including gaps: about three hours of 5-second chunks. Beyond that, all are dropped and a
#: new epoch must begin.
MAX_CHUNKS = 2_000


class Outbox:
    """A bounded queue from one thread to another.

    Args:
        max_audio_s: maximum amount of audio.
        on_shed: called with the seconds of dropped audio.
    """

    def __init__(
        self, max_audio_s: float, *, max_chunks: int = MAX_CHUNKS, on_shed: Callable[[float], None] = lambda s: None
    ) -> None:
        self._max_audio_s = max_audio_s
        self._max_chunks = max_chunks
        self._on_shed = on_shed
        self._chunks: deque[Chunk] = deque()
        self._partial: Chunk | None = None
        self._audio_s = 0.0
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._chunks)

    def put(self, chunk: Chunk) -> bool:
        """Append a chunk; False if so many were waiting that all were dropped and the sequence is broken."""
        with self._changed:
            self._partial = chunk if chunk.partial else None
            if chunk.partial:
                self._changed.notify()
                return True
            self._chunks.append(chunk)
            self._audio_s += _audio_s(chunk)
            self._shed()
            whole = len(self._chunks) <= self._max_chunks
            if not whole:
                self._chunks.clear()
                self._audio_s = 0.0
            self._changed.notify()
            return whole

    def take(self, timeout_s: float) -> Chunk | None:
        """Remove and return the oldest chunk, waiting up to `timeout_s` for one."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._chunks or self._partial), timeout_s)
            if not self._chunks:
                partial, self._partial = self._partial, None
                return partial
            chunk = self._chunks.popleft()
            self._audio_s -= _audio_s(chunk)
            return chunk

    def put_back(self, chunk: Chunk) -> None:
        """Return a taken chunk that could not be sent, as the oldest one."""
        with self._changed:
            self._chunks.appendleft(chunk)
            self._audio_s += _audio_s(chunk)
            self._shed()

    def clear(self) -> None:
        """Drop everything."""
        with self._changed:
            self._chunks.clear()
            self._partial = None
            self._audio_s = 0.0

    def _shed(self) -> None:
        # An index would avoid the search, but this runs once per chunk and finds its candidate near the front.
        for n, chunk in enumerate(self._chunks):
            if self._audio_s <= self._max_audio_s:
                return
            if chunk.pcm:
                self._chunks[n] = chunk.without_audio("overflow")
                self._audio_s -= _audio_s(chunk)
                self._on_shed(chunk.duration_s)


def _audio_s(chunk: Chunk) -> float:
    return chunk.duration_s if chunk.pcm else 0.0
