"""A transcriber with a scripted engine, run as a separate process so that tests can kill it.

python -m tests.integration.transcriber_process REDIS_URL [--stall WORD] [--die WORD] [--claim-after SECONDS]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry

from tests.fakes import ScriptedEngine, numbers
from tests.places import ROOT
from transcriber.engine import Utterance
from transcriber.main import serve
from transcriber.on_air import OnAir
from transcriber.settings import Settings
from wire.bus import connect
from wire.metrics import TranscriberMetrics

#: Set in Redis when a process has stalled.
STALLED = "test:stalled"


@contextlib.contextmanager
def started(redis_url: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start such a process; it is killed at the end."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.transcriber_process", redis_url, *options], cwd=ROOT
    )
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait(timeout=10)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("redis_url")
    parser.add_argument("--stall", type=int, default=0, help="wait for ever on the chunk that holds this word")
    parser.add_argument("--die", type=int, default=0, help="be killed by it")
    parser.add_argument("--claim-after", type=float, default=1.0)
    parser.add_argument("--batch-size", type=int, default=4)
    arguments = parser.parse_args()

    def before(utterances: Sequence[Utterance]) -> None:
        heard = set().union(*(numbers(u.audio) for u in utterances))
        if arguments.die in heard:
            os.kill(os.getpid(), signal.SIGKILL)
        if arguments.stall in heard:
            connect(arguments.redis_url).set(STALLED, "1")
            threading.Event().wait()

    settings = Settings(
        redis_url=arguments.redis_url, claim_after_s=arguments.claim_after, batch_size=arguments.batch_size
    )
    registry = CollectorRegistry()
    metrics = TranscriberMetrics(registry)
    return serve(settings, OnAir(ScriptedEngine(before), metrics), metrics, registry)


if __name__ == "__main__":
    sys.exit(main())
