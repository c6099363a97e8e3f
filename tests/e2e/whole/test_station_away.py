"""A station that is not read for a while: its captions mark the gap."""

from __future__ import annotations

import time

from tests.e2e import judging
from tests.e2e.system import System
from tests.e2e.viewer import Viewer


def test_downtime_of_ingest_is_a_gap(system: System, station: str) -> None:
    system.transcribers(1)
    with Viewer(system.socket(f"/stations/{station}/live?after=0")) as viewer:
        system.wait(lambda: viewer.finals, what="the station is captioned")
        system.processes.pop("ingest").kill()
        killed_s = time.time()
        time.sleep(6)  # the audio that it misses
        started_s = time.time()
        system.start_ingest()
        system.wait(lambda: viewer.finals[-1]["start_s"] > started_s, what="the station is captioned again")
        captions, finals = viewer.captions, viewer.finals
    judging.check_order(captions)
    [gap] = [caption for caption in finals if caption["content"] == "gap"]
    assert gap["reason"] == "away"
    assert gap["start_s"] < killed_s
    assert gap["end_s"] > started_s - 5, "a server sends new listeners a few seconds of earlier audio"
