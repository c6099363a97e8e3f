"""Server-sent events of a real server: the same as the live sockets, and reconnecting."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.api_server import Api, Babble, Speaker, running
from tests.integration.event_source import Event, opened
from tests.redis_server import running_redis
from wire.bus import connect
from wire.captions import CaptionLog
from wire.messages import Job, Station
from wire.sources import Jobs, Stations

STATION, JOB = "/stations/p1/events", "/jobs/j1/events"
NOBODY = 'undertext_api_viewers{kind="stations"} 0.0'


@pytest.fixture(scope="module")
def server(redis_server: str, free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests that need nothing else."""
    limits = {"VIEWER_QUEUE": 500, "MAX_SOCKETS": 4, "PING_INTERVAL_S": 0.5}
    with running(redis_server, free_port(), tmp_path_factory.mktemp("api"), **limits) as api:
        yield api


def add_sources(redis_url: str) -> None:
    """One station and one job."""
    redis = connect(redis_url)
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
    Jobs(redis).save(Job("j1", created_s=time.time(), duration_s=100.0))


@pytest.fixture
def api(server: Api, redis_url: str, wait_until: Callable[..., None]) -> Iterator[Api]:
    """The server, with one station and one job, and no viewer before or after."""
    add_sources(redis_url)
    yield server
    wait_until(lambda: not re.search(r"undertext_api_viewers{.*} [1-9]", server.http.get("/metrics").text))


@pytest.fixture
def speaker(redis_url: str) -> Speaker:
    """Captions of the station."""
    return Speaker(connect(redis_url), "stations/p1")


@pytest.fixture
def job(redis_url: str) -> Speaker:
    """Captions of the job."""
    return Speaker(connect(redis_url), "jobs/j1")


def numbers(events: list[Event]) -> list[int]:
    """Events of captions, which are their ids, too."""
    captions = [event for event in events if event.type == "caption"]
    assert [str(caption.data["event"]) for caption in captions] == [caption.id for caption in captions]
    return [caption.data["event"] for caption in captions]


def test_status_is_sent_first_then_captions_when_committed(api: Api, speaker: Speaker) -> None:
    speaker.say("before")
    with opened(api, STATION) as stream:
        assert stream.next().data["type"] == "status"
        assert stream.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.answer.headers["cache-control"] == "no-store"
        assert stream.answer.headers["x-accel-buffering"] == "no"
        assert stream.retry_ms > 0
        speaker.say("nu: å\nandra", revisions=2)
        first, second = stream.next("caption"), stream.next("caption")
    assert (first.data["text"], first.data["type"], first.id) == ("nu: å\nandra", "caption", "2")
    assert (second.data["revision"], second.data["final"], second.id) == (1, True, "3")


def test_replay_then_live_has_no_gap_and_no_repeat_while_captions_are_committed(
    api: Api, redis_url: str, wait_until: Callable[..., None]
) -> None:
    log = CaptionLog(connect(redis_url))
    with Babble(redis_url, "stations/p1", pause_s=0.0005):
        for after in (0, 3, 400):  # each joins while the log grows
            wait_until(lambda a=after: log.progress("stations/p1").event > a)
            with opened(api, f"{STATION}?after={after}") as stream:
                seen = numbers(stream.until(lambda e, a=after: int(e.id or 0) >= a + 150))
            assert seen == list(range(after + 1, seen[-1] + 1))


def test_reconnecting_client_continues_after_the_last_event(api: Api, speaker: Speaker) -> None:
    for _ in range(5):
        speaker.say()
    # An EventSource reconnects to its original URL.
    with opened(api, f"{STATION}?after=1", **{"Last-Event-ID": "3"}) as stream:
        assert [stream.next("caption").id for _ in range(2)] == ["4", "5"]
        speaker.say()
        assert stream.next("caption").id == "6"


def test_reconnecting_client_without_captions_misses_none(api: Api, speaker: Speaker) -> None:
    speaker.say("before")
    with opened(api, STATION) as stream:
        stream.next("status")
    speaker.say("meanwhile")
    with opened(api, STATION, **{"Last-Event-ID": stream.last_id}) as stream:
        assert stream.next("caption").data["text"] == "meanwhile"


def test_reconnecting_client_starts_again_after_data_loss(api: Api, speaker: Speaker) -> None:
    speaker.say()
    with opened(api, STATION, **{"Last-Event-ID": "77"}) as stream:
        assert stream.next("reset", "caption").id == "0"
        assert stream.next("caption").id == "1"


def test_job_is_replayed_to_its_end_then_answers_204(api: Api, job: Speaker) -> None:
    job.say(revisions=2)
    with opened(api, JOB) as stream:
        assert numbers([stream.next("caption") for _ in range(2)]) == [1, 2]
        job.finish()
        assert [event.type for event in stream.rest()] == ["end"]
    again = api.http.get(JOB, headers={"Last-Event-ID": stream.last_id})
    assert (again.status_code, again.content) == (204, b"")
    with opened(api, JOB, **{"Last-Event-ID": "1"}) as stream:
        assert numbers(stream.rest()) == [2]


def test_job_without_captions_answers_204_after_its_end(api: Api, job: Speaker) -> None:
    job.finish()
    with opened(api, JOB) as stream:
        assert stream.answer.headers["connection"] == "close"  # or a client would reuse it for its next request
        assert stream.rest()[-1].type == "end"
    assert api.http.get(JOB, headers={"Last-Event-ID": stream.last_id}).status_code == 204


def test_unfinished_job_is_followed_by_an_up_to_date_client(api: Api, job: Speaker) -> None:
    job.say()
    with opened(api, JOB, **{"Last-Event-ID": "1"}) as stream:
        stream.next("status")
        job.say()
        assert stream.next("caption").id == "2"


def test_cancelling_a_job_ends_its_streams(api: Api) -> None:
    with opened(api, JOB) as stream:
        stream.next("status")
        assert api.http.delete("/jobs/j1").status_code == 204
        assert [event.data.get("state") for event in stream.rest()] == ["cancelled", None]
    assert api.http.get(JOB, headers={"Last-Event-ID": stream.last_id}).status_code == 204


def test_idle_stream_sends_comments(api: Api) -> None:
    with opened(api, STATION) as stream:
        stream.next("status")
        stream.comment()
        stream.comment()


def test_disconnected_client_is_noticed_on_an_idle_stream(api: Api, wait_until: Callable[..., None]) -> None:
    with opened(api, STATION) as stream:
        stream.next("status")
        assert NOBODY not in api.http.get("/metrics").text
    wait_until(lambda: NOBODY in api.http.get("/metrics").text)


@pytest.fixture
def stalled(request: pytest.FixtureRequest) -> Callable[[Api], socket.socket]:
    """`stalled(api)`: a client that asks for the station's events and never reads them."""

    def ask(api: Api) -> socket.socket:
        sock = socket.socket()
        request.addfinalizer(sock.close)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        host, port = api.url.removeprefix("http://").split(":")
        sock.connect((host, int(port)))
        sock.sendall(f"GET {STATION} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        assert sock.recv(12) == b"HTTP/1.1 200"
        return sock

    return ask


def test_slow_client_gets_what_it_missed_and_does_not_slow_others(
    api: Api, speaker: Speaker, stalled: Callable[[Api], socket.socket]
) -> None:
    slow = stalled(api)
    total = 800
    with opened(api, STATION) as quick:
        quick.next("status")
        for number in range(1, total + 1):  # more than the kernel and its queue of 500 hold
            speaker.say("x" * 8000)
            assert quick.next("caption", "missed").data["event"] == number
    slow.settimeout(20)
    with slow.makefile("rb") as lines:
        text = b"".join(iter(lines.readline, f"id: {total}\n".encode()))  # up to the last caption
    slow.close()
    missed = [json.loads(line) for line in re.findall(rb'data: ({"type": "missed".*})', text)]
    ids = [int(id) for id in re.findall(rb"id: (\d+)\nevent: caption", text)]
    assert missed
    assert sum(message["count"] for message in missed) + len(ids) + 1 == total
    assert ids == sorted(set(ids))


def test_client_that_reads_nothing_is_cut(
    redis_url: str,
    free_port: Callable[[], int],
    tmp_path: Path,
    wait_until: Callable[..., None],
    stalled: Callable[[Api], socket.socket],
) -> None:
    add_sources(redis_url)
    speaker = Speaker(connect(redis_url), "stations/p1")
    with running(redis_url, free_port(), tmp_path, SEND_TIMEOUT_S=0.5, VIEWER_QUEUE=20) as api:
        sock = stalled(api)
        for _ in range(60):
            speaker.say("x" * 30_000)
        wait_until(lambda: NOBODY in api.http.get("/metrics").text)
        sock.settimeout(20)
        while sock.recv(65536):  # what was accepted, then the end
            continue
        assert "Traceback" not in api.log()


def test_streams_count_as_sockets_and_plain_requests_are_still_answered(api: Api) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(opened(api, STATION)).next("status")
            stack.enter_context(api.socket("/stations/p1/live")).next("status")
        with api.http.stream("GET", STATION) as refusal:  # an accepted one would be read forever
            assert refusal.status_code == 503
            assert "MAX_SOCKETS" in json.loads(refusal.read())["detail"]
        assert api.refusal("/stations/p1/live").status_code == 503
        assert api.http.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/stations/nowhere/events", {}, 404),
        ("/jobs/none/events", {}, 404),
        ("/jobs/none/events", {"Last-Event-ID": "1"}, 404),
        (f"{STATION}?after=x", {}, 422),
        (STATION, {"Last-Event-ID": "x"}, 422),
        (STATION, {"Origin": "https://evil.example"}, 403),
    ],
)
def test_refusals_are_problems(api: Api, path: str, headers: dict[str, str], status: int) -> None:
    refusal = api.http.get(path, headers=headers)
    assert refusal.status_code == refusal.json()["status"] == status
    assert refusal.headers["content-type"] == "application/problem+json"


def test_head_has_headers_only(api: Api) -> None:
    answer = api.http.head(STATION)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


def test_sources_have_the_url_of_their_events(api: Api) -> None:
    assert api.http.get("/stations/p1").json()["urls"]["events"] == STATION
    assert api.http.get("/jobs/j1").json()["urls"]["events"] == JOB


def test_stopping_server_ends_its_streams_soon(redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
    add_sources(redis_url)
    with running(redis_url, free_port(), tmp_path) as api, opened(api, STATION) as stream:
        stream.next("status")
        api.process.terminate()
        assert stream.rest() == []
        assert api.process.wait(timeout=10) == 0
        assert "graceful timeout" not in api.log()


def test_clients_miss_nothing_when_redis_restarts(free_port: Callable[[], int], tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as stack:
        with running_redis(tmp_path, port, keeps=True) as url:
            add_sources(url)
            api = stack.enter_context(running(url, free_port(), tmp_path))
            stream = stack.enter_context(opened(api, f"{STATION}?after=0"))
            speaker = Speaker(connect(url, patience_s=10), "stations/p1")
            speaker.say()
            events = stream.until(lambda event: event.type == "caption")
        events += stream.until(lambda event: event.type == "interrupted")
        assert api.http.get(STATION).status_code == 503
        with opened(api, STATION, **{"Last-Event-ID": "1"}) as second:  # which would never reconnect after a 503
            [last] = second.rest()
        assert (last.type, last.data["status"]) == ("error", 503)
        assert second.retry_ms > 0
        with running_redis(tmp_path, port, keeps=True):
            for _ in range(20):  # some before the subscription is restored, some after
                speaker.say()
            events += stream.until(lambda event: event.id == "21")
        assert numbers(events) == list(range(1, 22))
