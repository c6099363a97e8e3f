"""Both sides of an upload's decoding: an attempt at it, and what a transcriber does to its chunks."""

from __future__ import annotations

import threading

from ingest.attempt import Interrupted
from ingest.decoding import Context, Decoding
from tests.integration.ingest.fixture_types import Wait
from wire.captions import Advance, CaptionLog
from wire.chunk import Chunk
from wire.queue import ChunkQueue


def take_and_commit(context: Context, source: str, n: int) -> list[Chunk]:
    """What a transcriber does, without a model: take chunks and commit them."""
    queue, captions = ChunkQueue(context.redis), CaptionLog(context.redis)
    taken = []
    for delivery in queue.take("transcriber-0", n, block_s=0.1):
        chunk = delivery.chunk
        advance = Advance(b"x", (), chunk.epoch, chunk.seq + 1, chunk.end_s, chunk.last)
        captions.commit(delivery, lambda state, advance=advance: advance)  # type: ignore[misc]
        taken.append(chunk)
    return taken


def take_more(context: Context, seen: list[Chunk]) -> int:
    """Take and commit what is queued of job j, and append it to `seen`; how much that has then."""
    seen += take_and_commit(context, "jobs/j", 8)
    return len(seen)


class Attempting:
    """An attempt at job j on a thread of its own, which is to be interrupted."""

    def __init__(self, context: Context) -> None:
        self._here = context
        self._ended: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            Decoding("j", self._here).run()
        except Interrupted as error:
            self._ended.append(error)

    def wait(self, wait_until: Wait) -> None:
        """See that it ends so by itself."""
        try:
            wait_until(lambda: not self._thread.is_alive(), 20)
        finally:
            self.stop()

    def stop(self) -> None:
        """Interrupt it, unless it has ended."""
        self._here.stopping.set()
        self._thread.join()
        self._here.stopping.clear()
        assert len(self._ended) == 1
