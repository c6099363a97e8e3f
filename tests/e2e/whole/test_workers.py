"""More and fewer transcribers: the captions stay the same."""

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
    """A recording of some minutes."""
    return record("en", 50, 4).encoded(tmp_path_factory.mktemp("long") / "long.mp3")


@pytest.fixture(scope="module")
def by_one(system: System, long_recording: Path) -> list[dict[str, Any]]:
    """Its captions by a single transcriber."""
    system.transcribers(1)
    return said(system.finished(system.upload(long_recording, "en")))


def said(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of captions that must not depend on which transcriber made them, or when."""
    names = ("id", "start_s", "end_s", "text", "content", "language")
    return [{name: caption[name] for name in names} for caption in document["captions"]]


def chunks_by_worker(system: System) -> dict[str, float]:
    """Number of chunks that each transcriber has completed so far."""
    counts: dict[str, float] = {}
    for family in text_string_to_metric_families(httpx.get(f"{system.url}/metrics", timeout=30).text):
        for sample in family.samples:
            if sample.name == "undertext_transcriber_chunks_total":
                worker = sample.labels["worker"]
                counts[worker] = counts.get(worker, 0) + sample.value
    return counts


def test_two_transcribers_produce_the_same_as_one(
    system: System, long_recording: Path, by_one: list[dict[str, Any]]
) -> None:
    system.transcribers(2)
    id = system.upload(long_recording, "en")
    assert said(system.finished(id)) == by_one
    # Both did some of the work; heartbeats report the counts within seconds.
    system.wait(lambda: sum(count > 0 for count in chunks_by_worker(system).values()) == 2, 30, "both have worked")


def test_killed_transcriber_neither_loses_nor_doubles_captions(
    system: System, long_recording: Path, by_one: list[dict[str, Any]]
) -> None:
    victim = system.transcribers(2)[1]
    id = system.upload(long_recording, "en")
    name = freeze_with_work(system, victim, id)
    victim.kill()
    del system.processes[victim.name]
    assert held_by(system, name), "it had no pending chunks when killed"
    assert said(system.finished(id)) == by_one
    system.transcribers(1)


def freeze_with_work(system: System, victim: Any, id: str) -> str:
    """Suspend a transcriber while it has chunks of an upload; return the name of its consumer."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert system.job(id)["state"] != "finished", "the upload finished before its transcriber could be killed"
        victim.send(signal.SIGSTOP)
        # Its consumer is the one whose chunks stay pending while it is suspended.
        first = pending(system)
        time.sleep(0.6)
        stuck = [name for name, ids in pending(system).items() if ids & first.get(name, set())]
        if stuck:
            return stuck[0]
        victim.send(signal.SIGCONT)
        time.sleep(0.05)
    raise AssertionError("the transcriber never held a chunk")


def pending(system: System) -> dict[str, set[bytes]]:
    """Pending chunks of uploads, by worker."""
    held: dict[str, set[bytes]] = {}
    for stream in STREAMS[1:]:
        entries: Any = system.redis.xpending_range(stream, GROUP, "-", "+", 200)
        for entry in entries:
            held.setdefault(entry["consumer"].decode(), set()).add(entry["message_id"])
    return held


def held_by(system: System, name: str) -> set[bytes]:
    """Pending chunks of uploads of one worker."""
    return pending(system).get(name, set())
