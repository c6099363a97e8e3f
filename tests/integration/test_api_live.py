"""The live sockets of a real server: replay then live, slow viewers, limits."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api_server import Api, Babble, Speaker, running
from tests.integration.raw_viewer import frames, shake_hands
from wire import audience
from wire.bus import connect
from wire.captions import Advance, CaptionLog
from wire.messages import Caption, Job, State, Station, Status
from wire.sources import Jobs, Stations, Statuses


@pytest.fixture(scope="module")
def server(redis_server: str, free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests that need nothing else."""
    limits = {"VIEWER_QUEUE": 500, "MAX_SOCKETS": 8}
    with running(redis_server, free_port(), tmp_path_factory.mktemp("api"), **limits) as api:
        yield api


@pytest.fixture
def api(server: Api, redis_url: str, wait_until: Callable[..., None]) -> Iterator[Api]:
    """The server, with one station and one job, and no viewer before or after."""
    redis = connect(redis_url)
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
    Jobs(redis).save(Job("j1", created_s=time.time(), duration_s=100.0))
    yield server
    wait_until(lambda: not re.search(r"undertext_api_viewers{.*} [1-9]", server.http.get("/metrics").text))


@pytest.fixture
def speaker(redis_url: str) -> Speaker:
    """Captions of the station."""
    return Speaker(connect(redis_url), "stations/p1")


def events(messages: list[dict[str, Any]]) -> list[int]:
    return [message["event"] for message in messages if message["type"] == "caption"]


def test_status_is_sent_first_then_captions_when_committed(api: Api, speaker: Speaker) -> None:
    speaker.say("before")
    with api.socket("/stations/p1/live") as viewer:
        assert viewer.next()["type"] == "status"
        speaker.say("now", revisions=2)
        first, second = viewer.next("caption"), viewer.next("caption")
    assert (first["text"], first["revision"], first["final"]) == ("now", 0, False)
    assert (second["text"], second["revision"], second["final"]) == ("now", 1, True)


def test_partial_captions_are_sent_and_do_not_advance_the_event(api: Api, speaker: Speaker, redis_url: str) -> None:
    speaker.say("before")
    with api.socket("/stations/p1/live?after=0") as viewer:
        viewer.next("caption")
        ahead = Caption("stations/p1", 2, 0, 10.0, 11.0, "ahead", False)
        speaker.log.preview("stations/p1", lambda state: Advance(b"{}", (ahead,)))
        shown = viewer.next("caption")
        speaker.say("ahead of time")
        whole = viewer.next("caption")
    assert (shown["text"], shown["partial"], shown["event"]) == ("ahead", True, 1)
    assert (whole["text"], whole["partial"], whole["event"]) == ("ahead of time", False, 2)


def test_watched_sources_are_recorded_in_redis(api: Api, redis_url: str, wait_until: Callable[..., None]) -> None:
    redis = connect(redis_url)
    sources = ["stations/p1", "jobs/j1"]
    with api.socket("/stations/p1/live"):
        wait_until(lambda: audience.with_viewers(redis, sources) == {"stations/p1"}, 20)
    wait_until(lambda: not audience.with_viewers(redis, sources), 30)
    assert audience.with_viewers(redis, []) == frozenset()


def test_changed_status_is_sent(api: Api, redis_url: str) -> None:
    with api.socket("/stations/p1/live") as viewer:
        assert viewer.next("status")["state"] == "waiting"
        Statuses(connect(redis_url)).save(Status("stations/p1", State.RUNNING, title="Ekot"))
        assert viewer.next("status")["title"] == "Ekot"


def test_status_that_differs_in_audio_only_is_not_repeated(api: Api, redis_url: str, speaker: Speaker) -> None:
    statuses = Statuses(connect(redis_url))
    with api.socket("/stations/p1/live") as viewer:
        for chunk in range(3):
            statuses.save(Status("stations/p1", State.RUNNING, audio_s=5.0 * chunk))
        speaker.say()
        seen = viewer.until(lambda m: m["type"] == "caption")
    assert [m["state"] for m in seen if m["type"] == "status"] == ["waiting", "running"]


def test_replay_then_live_has_no_gap_and_no_repeat_while_captions_are_committed(
    api: Api, redis_url: str, wait_until: Callable[..., None]
) -> None:
    log = CaptionLog(connect(redis_url))
    with Babble(redis_url, "stations/p1", pause_s=0.0005):
        for after in (0, 3, 100, 400):  # each joins while the log grows
            wait_until(lambda a=after: log.progress("stations/p1").event > a)
            with api.socket(f"/stations/p1/live?after={after}") as viewer:
                seen = events(viewer.until(lambda m, a=after: m["type"] == "caption" and m["event"] >= a + 150))
            assert seen == list(range(after + 1, seen[-1] + 1))


def test_reconnecting_viewer_continues_after_the_last_event(api: Api, speaker: Speaker) -> None:
    for _ in range(5):
        speaker.say()
    with api.socket("/stations/p1/live?after=3") as viewer:
        assert [viewer.next("caption")["event"] for _ in range(2)] == [4, 5]
        speaker.say()
        assert viewer.next("caption")["event"] == 6


def test_viewer_starts_again_after_data_loss(api: Api, speaker: Speaker) -> None:
    speaker.say()
    with api.socket("/stations/p1/live?after=77") as viewer:
        assert viewer.next("reset", "caption")["type"] == "reset"
        assert viewer.next("caption")["event"] == 1


def test_a_finished_job_is_replayed_and_closed(api: Api, redis_url: str) -> None:
    speaker = Speaker(connect(redis_url), "jobs/j1")
    speaker.say(revisions=2)
    speaker.finish()
    with api.socket("/jobs/j1/live") as viewer:
        assert events(viewer.until(lambda m: m["type"] == "end")) == [1, 2]
        assert viewer.closed() == 1000


def test_a_job_ends_while_it_is_watched(api: Api, redis_url: str) -> None:
    speaker = Speaker(connect(redis_url), "jobs/j1")
    with api.socket("/jobs/j1/live") as viewer:
        speaker.say()
        assert viewer.next("caption")["event"] == 1
        speaker.finish()
        viewer.next("end")
        assert viewer.closed() == 1000


def test_cancelling_a_job_ends_its_viewers(api: Api) -> None:
    with api.socket("/jobs/j1/live") as viewer:
        viewer.next("status")
        assert api.http.delete("/jobs/j1").status_code == 204
        assert viewer.until(lambda m: m["type"] == "end")[-2]["state"] == "cancelled"
        assert viewer.closed() == 1000
    with api.socket("/jobs/j1/live") as viewer:  # and a later viewer
        viewer.until(lambda m: m["type"] == "end")


def test_deleting_a_station_ends_its_viewers(api: Api) -> None:
    with api.socket("/stations/p1/live") as viewer:
        viewer.next("status")
        assert api.http.delete("/stations/p1").status_code == 204
        viewer.next("end")
        assert viewer.closed() == 1000


Stall = Callable[[Api, str], socket.socket]


@pytest.fixture
def stalled(request: pytest.FixtureRequest) -> Stall:
    """`stalled(api, path)`: a viewer that never reads after the handshake."""

    def open_socket(api: Api, path: str) -> socket.socket:
        sock = socket.socket()
        request.addfinalizer(sock.close)
        return shake_hands(sock, api, path)

    return open_socket


def test_slow_viewer_gets_what_it_missed_and_does_not_slow_others(api: Api, speaker: Speaker, stalled: Stall) -> None:
    slow = stalled(api, "/stations/p1/live")
    text = "x" * 8000
    total = 800
    with api.socket("/stations/p1/live") as quick:
        quick.next("status")
        for number in range(1, total + 1):  # more than the kernel and its queue of 500 hold
            speaker.say(text)
            assert quick.next("caption", "missed")["event"] == number
    messages = list(frames(slow, lambda m: m.get("event") == total))
    slow.close()
    missed = [m for m in messages if m["type"] == "missed"]
    assert missed
    assert sum(m["count"] for m in missed) + len(events(messages)) == total
    assert events(messages) == sorted(set(events(messages)))
    assert "undertext_api_missed_total 0.0" not in api.http.get("/metrics").text


def test_viewer_that_reads_nothing_is_cut(
    redis_url: str, free_port: Callable[[], int], tmp_path: Path, wait_until: Callable[..., None], stalled: Stall
) -> None:
    redis = connect(redis_url)
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1"))
    speaker = Speaker(redis, "stations/p1")
    with running(redis_url, free_port(), tmp_path, SEND_TIMEOUT_S=0.5, VIEWER_QUEUE=20) as api:
        stalled(api, "/stations/p1/live")
        for _ in range(60):
            speaker.say("x" * 30_000)
        wait_until(lambda: 'undertext_api_viewers{kind="stations"} 0.0' in api.http.get("/metrics").text)


def test_viewer_that_does_not_answer_pings_is_disconnected(
    redis_url: str, free_port: Callable[[], int], tmp_path: Path, wait_until: Callable[..., None], stalled: Stall
) -> None:
    Stations(connect(redis_url)).add(Station("p1", "P1", "http://127.0.0.1/p1"))
    with running(redis_url, free_port(), tmp_path, PING_INTERVAL_S=0.5) as api:
        stalled(api, "/stations/p1/live")
        wait_until(lambda: 'undertext_api_viewers{kind="stations"} 0.0' in api.http.get("/metrics").text, timeout_s=30)


def test_sockets_are_limited_and_plain_requests_are_still_answered(
    api: Api, stalled: Stall, wait_until: Callable[..., None]
) -> None:
    held = [stalled(api, "/stations/p1/live") for _ in range(8)]
    refusal = api.refusal("/stations/p1/live")
    assert refusal.status_code == 503
    assert "MAX_SOCKETS" in refusal.json()["detail"]
    assert api.http.get("/healthz").status_code == 200
    for sock in held:
        sock.close()
    wait_until(lambda: 'undertext_api_viewers{kind="stations"} 0.0' in api.http.get("/metrics").text)
    with api.socket("/stations/p1/live") as viewer:
        viewer.next("status")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/stations/nowhere/live", 404), ("/jobs/none/live", 404), ("/stations/p1/live?after=x", 422), ("/nothing", 404)],
)
def test_rejections_precede_the_handshake(api: Api, path: str, status: int) -> None:
    refusal = api.refusal(path)
    assert refusal.status_code == refusal.json()["status"] == status
    assert refusal.headers["content-type"] == "application/problem+json"


def test_page_of_another_origin_cannot_open_a_socket(api: Api) -> None:
    assert api.refusal("/stations/p1/live", Origin="https://evil.example").status_code == 403
    with api.socket("/stations/p1/live", headers={"Origin": "http://127.0.0.1"}) as viewer:
        viewer.next("status")


def test_messages_from_a_viewer_are_ignored(api: Api, speaker: Speaker) -> None:
    with api.socket("/stations/p1/live") as viewer:
        viewer.next("status")
        for _ in range(300):
            viewer.client.send("hello?")
        speaker.say()
        assert viewer.next("caption")["event"] == 1


@pytest.mark.parametrize(("path", "size"), [("/microphone", 600 * 1024), ("/stations/p1/live", 2000)])
def test_too_large_message_closes_the_socket(path: str, size: int, api: Api) -> None:
    with api.socket(path) as client:
        client.client.send("x" * size)
        assert client.closed() == 1009
