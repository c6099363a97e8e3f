"""A Redis that hangs or restarts: all processes wait, and nothing is lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import judging
from tests.e2e.recording import record
from tests.e2e.system import System
from tests.e2e.viewer import Viewer
from tests.e2e.whole.test_workers import said


def hang(system: System) -> None:
    """Redis does not respond for some seconds."""
    system.processes["redis"].send(signal.SIGSTOP)
    time.sleep(7)
    system.processes["redis"].send(signal.SIGCONT)


def restart(system: System) -> None:
    """Redis stops cleanly and restarts some seconds later from its log on disk."""
    system.processes.pop("redis").stop()
    time.sleep(4)
    system.start_redis()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of some minutes."""
    return record("sv", 60, 6).encoded(tmp_path_factory.mktemp("long") / "long.mp3")


@pytest.fixture(scope="module")
def undisturbed(system: System, path: Path) -> list[dict[str, Any]]:
    """Its captions without any disturbance."""
    system.transcribers(1)
    return said(system.finished(system.upload(path, "sv")))


@pytest.mark.parametrize("trouble", [hang, restart])
def test_nothing_is_lost(
    system: System,
    station: str,
    path: Path,
    undisturbed: list[dict[str, Any]],
    trouble: Callable[[System], None],
) -> None:
    system.transcribers(1)
    with Viewer(system.socket(f"/stations/{station}/live?after=0")) as viewer:
        system.wait(lambda: viewer.finals, what="the station is captioned")
        after = viewer.captions[-1]["event"]
    start_s = time.time()
    id = system.upload(path, "sv")
    system.wait(lambda: system.job(id)["progress"] > 0, what="the upload is under way")
    assert system.job(id)["state"] == "running"
    trouble(system)
    assert said(system.finished(id)) == undisturbed
    end_s = time.time()
    # A viewer may have been disconnected meanwhile; reconnecting after the last event loses nothing.
    with Viewer(system.socket(f"/stations/{station}/live?after={after}")) as viewer:
        system.wait(lambda: viewer.until_s > end_s + 1, what="the station is captioned again")
        captions, finals = viewer.captions, viewer.finals
    judging.check_order(captions)
    assert not [caption for caption in captions if caption["content"] == "gap"]
    assert judging.lost_steps(system.truth(start_s - 15), finals, start_s, end_s) == set()
