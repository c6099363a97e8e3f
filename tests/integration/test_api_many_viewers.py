"""Many viewers on one server: a caption reaches all of them without a search for garbage among their objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from benchmarks.viewers.clients import Viewers
from tests.integration.api_server import Speaker, running
from wire.bus import connect
from wire.messages import Station
from wire.sources import Stations

#: `python -m api` that logs every search of its garbage collector.
LOGGING = """
import gc, runpy, sys
gc.callbacks.append(lambda phase, info: phase == "stop" and print("garbage collection", file=sys.stderr, flush=True))
sys.argv = ["api"]
runpy.run_module("api", run_name="__main__")
"""

VIEWERS, CAPTIONS = 300, 20


def test_captions_for_many_viewers_cause_no_garbage_collection(
    redis_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    redis = connect(redis_url)
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1:9/p1", "sv"))
    speaker = Speaker(redis, "stations/p1")
    with running(redis_url, free_port(), tmp_path, program=("-c", LOGGING)) as api:

        async def view() -> tuple[int, int]:
            viewers = Viewers()
            await viewers.connect([f"{api.ws}/stations/p1/live"] * VIEWERS)
            await asyncio.to_thread(speaker.say, "first")
            await viewers.wait(VIEWERS)
            before = api.log().count("garbage collection")
            for number in range(1, CAPTIONS):
                await asyncio.to_thread(speaker.say, f"line {number}")
            await viewers.wait(CAPTIONS * VIEWERS)
            after = api.log().count("garbage collection")
            await viewers.close()
            return len(viewers.delays_s), after - before

        received, collections = asyncio.run(view())
    assert received == CAPTIONS * VIEWERS
    assert collections <= 1
