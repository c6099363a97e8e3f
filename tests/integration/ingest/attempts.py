"""Both sides of decoding an upload: an attempt at the job, and a transcriber that commits its chunks."""

from __future__ import annotations

import threading

from ingest.context import Context
from ingest.recordings.attempt import Interrupted
from ingest.recordings.decoding import Decoding
from tests.integration.ingest.fixture_types import Wait
from wire.captions import Advance, CaptionLog
from wire.chunk import Chunk
from wire.queue import ChunkQueue


def take_and_commit(context: Context, source: str, n: int) -> list[Chunk]:
    """Take chunks and commit them, like a transcriber without a model."""
    queue, captions = ChunkQueue(context.redis), CaptionLog(context.redis)
    taken = []
    for delivery in queue.take("transcriber-0", n, block_s=0.1):
        chunk = delivery.chunk
        advance = Advance(b"x", (), chunk.epoch, chunk.seq + 1, chunk.end_s, chunk.last)
        captions.commit([delivery], lambda state, advance=advance: advance)  # type: ignore[misc]
        taken.append(chunk)
    return taken


def take_more(context: Context, seen: list[Chunk]) -> int:
    """Take and commit the queued chunks of job j, and append them to `seen`; return its new length."""
    seen += take_and_commit(context, "jobs/j", 8)
    return len(seen)


class Attempting:
    """An attempt at job j on a separate thread, which is expected to be interrupted."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ended: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            Decoding("j", self._context).run()
        except Interrupted as error:
            self._ended.append(error)

    def wait(self, wait_until: Wait) -> None:
        """Check that it is interrupted by itself."""
        try:
            wait_until(lambda: not self._thread.is_alive(), 20)
        finally:
            self.stop()

    def stop(self) -> None:
        """Interrupt it, unless it has ended."""
        self._context.stopping.set()
        self._thread.join()
        self._context.stopping.clear()
        assert len(self._ended) == 1
