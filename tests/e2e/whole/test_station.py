"""A radio station, from the stream to a viewer's socket."""

from __future__ import annotations

import time

import httpx

from benchmarks.alignment import normalised
from tests.e2e import judging
from tests.e2e.system import System
from tests.e2e.viewer import Viewer

#: Longer than the music between two programmes by far.
WATCHED_S = 40.0


def test_captions_match_what_the_demo_station_said(system: System, station: str) -> None:
    system.transcribers(1)
    with Viewer(system.socket(f"/stations/{station}/live")) as viewer:
        system.wait(lambda: viewer.finals, what="the first caption arrives")
        start_s = time.time()
        system.wait(lambda: viewer.until_s > start_s + WATCHED_S, what="all of it is captioned")
        end_s = start_s + WATCHED_S - 1
        captions, finals = viewer.captions, viewer.finals
    truth = system.truth(start_s - 15)
    judging.check_order(captions)
    assert not [caption for caption in captions if caption["content"] == "gap"]
    assert judging.live_wer(truth, finals, start_s, end_s) < judging.MAX_WER
    assert judging.lost_steps(truth, finals, start_s, end_s) == set()


def test_words_are_shown_before_their_chunk_is_complete(system: System, station: str) -> None:
    system.transcribers(1)
    with Viewer(system.socket(f"/stations/{station}/live")) as viewer:
        system.wait(lambda: [c for c in viewer.captions if c["partial"] and c["words"]], what="words come ahead")
        ahead = next(c for c in viewer.captions if c["partial"] and c["words"])
        system.wait(lambda: ahead["id"] in [c["id"] for c in viewer.finals], what="their line is final")
    judging.check_order(viewer.captions)


def test_caption_times_match_the_broadcast(system: System, station: str) -> None:
    with Viewer(system.socket(f"/stations/{station}/live?after=0")) as viewer:
        system.wait(lambda: len([c for c in viewer.finals if c["words"]]) >= 8, what="some captions have come")
        finals = [caption for caption in viewer.finals if caption["words"]]
    truth = [word for sentence in system.truth(0) for word in sentence["words"]]
    off = []
    for caption in finals:
        for word in caption["words"]:
            same = [w["start_s"] for w in truth if normalised(w["text"]) == normalised(word["text"])]
            off.append(min((abs(start_s - word["start_s"]) for start_s in same), default=9.0))
    assert sorted(off)[len(off) // 2] < 0.5


def test_station_status_has_the_probed_format(system: System, station: str) -> None:
    def status() -> dict[str, object]:
        values: dict[str, object] = httpx.get(f"{system.url}/stations/{station}", timeout=30).json()["status"]
        return values

    system.wait(lambda: status()["title"], what="a title was read")
    seen = status()
    assert (seen["state"], seen["codec"], seen["sample_rate_hz"], seen["channels"]) == ("running", "mp3", 44_100, 2)


def test_late_viewer_receives_the_same_captions(system: System, station: str) -> None:
    with Viewer(system.socket(f"/stations/{station}/live?after=0")) as first:
        system.wait(lambda: len(first.finals) >= 3, what="captions are replayed")
        with Viewer(system.socket(f"/stations/{station}/live?after=0")) as second:
            count = len(first.logged)
            system.wait(lambda: len(second.logged) >= count, what="the second has caught up")
            assert second.logged[:count] == first.logged[:count]
