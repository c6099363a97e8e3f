"""More transcribers than one, and fewer than a moment ago: the captions stay the same."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.recording import record
from tests.e2e.system import System
from wire.keys import GROUP
from wire.queue import STREAMS


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some minutes."""
    return record("en", 50, 4).encoded(tmp_path_factory.mktemp("long") / "long.mp3")


@pytest.fixture(scope="module")
def by_one(system: System, long_recording: Path) -> list[dict[str, Any]]:
    """Its captions by a single transcriber."""
    system.transcribers(1)
    return said(system.finished(system.upload(long_recording, "en")))


def said(document: dict[str, Any]) -> list[dict[str, Any]]:
    """What must not depend on who transcribed, or when."""
    names = ("id", "start_s", "end_s", "text", "content", "language")
    return [{name: caption[name] for name in names} for caption in document["captions"]]


def chunks_by_worker(system: System) -> dict[str, float]:
    """Chunks that each transcriber has settled so far."""
    counts: dict[str, float] = {}
    for family in text_string_to_metric_families(httpx.get(f"{system.url}/metrics", timeout=30).text):
        for sample in family.samples:
            if sample.name == "undertext_transcriber_chunks_total":
                worker = sample.labels["worker"]
                counts[worker] = counts.get(worker, 0) + sample.value
    return counts


def test_two_transcribers_say_the_same_as_one(
    system: System, long_recording: Path, by_one: list[dict[str, Any]]
) -> None:
    system.transcribers(2)
    id = system.upload(long_recording, "en")
    assert said(system.finished(id)) == by_one
    # Both had their share: heartbeats bring the counts within seconds.
    system.wait(lambda: sum(count > 0 for count in chunks_by_worker(system).values()) == 2, 30, "both have worked")


def test_a_killed_transcriber_loses_nothing_and_doubles_nothing(
    system: System, long_recording: Path, by_one: list[dict[str, Any]]
) -> None:
    victim = system.transcribers(2)[1]
    id = system.upload(long_recording, "en")
    name = freeze_with_work(system, victim, id)
    victim.kill()
    del system.processes[victim.name]
    assert held_by(system, name), "it was killed with nothing in its hands"
    assert said(system.finished(id)) == by_one
    system.transcribers(1)


def freeze_with_work(system: System, victim: Any, id: str) -> str:
    """Stop a transcriber at a moment when it holds chunks of an upload; its consumer's name."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert system.job(id)["state"] != "finished", "the upload was over before its transcriber could be killed"
        victim.send(signal.SIGSTOP)
        # Its name is the one whose chunks stay pending while it stands still.
        first = pending(system)
        time.sleep(0.6)
        stuck = [name for name, ids in pending(system).items() if ids & first.get(name, set())]
        if stuck:
            return stuck[0]
        victim.send(signal.SIGCONT)
        time.sleep(0.05)
    raise AssertionError("the transcriber never held a chunk")


def pending(system: System) -> dict[str, set[bytes]]:
    """Chunks of uploads in each worker's hands."""
    held: dict[str, set[bytes]] = {}
    for stream in STREAMS[1:]:
        entries: Any = system.redis.xpending_range(stream, GROUP, "-", "+", 200)
        for entry in entries:
            held.setdefault(entry["consumer"].decode(), set()).add(entry["message_id"])
    return held


def held_by(system: System, name: str) -> set[bytes]:
    """Chunks of uploads in one worker's hands."""
    return pending(system).get(name, set())
