"""Responses with captions: large ones neither occupy memory while they are sent, nor are made many at once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from flask import Response
from gevent.event import Event

from api import captions
from api.app import create_app
from api.archive.merging import CaptionPage, Period
from api.http.problems import Problem
from api.settings import Settings
from wire.captions import Progress
from wire.messages import Caption

SAID = Caption("stations/p1", 1, 0, 0.0, 2.0, "Vädret i Skåne", final=True)


@pytest.fixture(autouse=True)
def in_request() -> Iterator[None]:
    with create_app(Settings()).test_request_context("/stations/p1/captions.srt"):
        yield


@pytest.mark.parametrize("format", ["json", "srt", "vtt", "txt"])
def test_large_answer_is_sent_from_a_file(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer() -> Response:
        return captions.captions_response([SAID], format, about={}, complete=True, filename="p1")

    small = answer()
    monkeypatch.setattr(captions, "MAX_IN_MEMORY_BYTES", 10)
    large = answer()
    assert (small.direct_passthrough, large.direct_passthrough) == (False, True)
    assert dict(large.headers) == {**dict(small.headers), "Cache-Control": "no-cache"}  # as the app adds to all
    assert b"".join(large.iter_encoded()) == small.get_data()
    large.close()


class FakeLog:
    """A log with many captions, which are read when `finish` is set."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.finish = Event()

    def progress(self, source: str) -> Progress:
        return Progress(event=9 if source == "stations/new" else 5000)

    def read(self, source: str, after: int, limit: int) -> list[Caption]:
        self.begun.append(source)
        if source != "stations/new":
            self.finish.wait(20)
        return []

    def latest(self, source: str, limit: int) -> list[Caption]:
        self.begun.append(f"{source} {limit}")
        return []


def request(log: Any, source: str, limit: int | None = None) -> None:
    with create_app(Settings()).test_request_context("/"):
        captions.log_response(log, source, "json", about={}, filename="p1", limit=limit)


def test_requests_for_many_captions_take_turns_and_others_do_not_wait() -> None:
    log = FakeLog()
    sources = ("stations/p1", "stations/p2", "stations/new")
    requests = [gevent.spawn(request, log, source) for source in sources]
    requests.append(gevent.spawn(request, log, "stations/p3", 200))
    gevent.joinall(requests[2:], 20)
    assert log.begun == ["stations/p1", "stations/new", "stations/p3 200"]
    log.finish.set()
    gevent.joinall(requests, 20)
    assert log.begun[3:] == ["stations/p2"]


def test_a_request_that_waits_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "SLOT_TIMEOUT_S", 0.01)
    log = FakeLog()
    first = gevent.spawn(request, log, "stations/p1")
    gevent.sleep(0)
    with pytest.raises(Problem, match="Others are downloading"):
        request(log, "stations/p2")
    log.finish.set()
    first.join(20)
    request(log, "stations/p2")


def test_large_answer_is_sent_from_memory_if_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captions, "MAX_IN_MEMORY_BYTES", 10)
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    answer = captions.captions_response([SAID], "txt", about={}, complete=True, filename="p1")
    assert "Vädret i Skåne" in answer.get_data(as_text=True)


class FakeArchivist:
    """An archive whose periods of more than an hour are read when `finish` is set."""

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.finish = Event()

    def captions(self, source: str, period: Period) -> CaptionPage:
        self.begun.append(period.to_s)
        if period.to_s > 3600:
            self.finish.wait(20)
        return CaptionPage([], None, True, 0)


def test_an_hour_does_not_wait_for_a_day() -> None:
    archivist: Any = FakeArchivist()

    def request(to_s: float) -> None:
        with create_app(Settings()).test_request_context("/"):
            captions.period_response(archivist, "stations/p1", "json", Period(0.0, to_s), about={}, filename="p1")

    requests = [gevent.spawn(request, to_s) for to_s in (86400.0, 86401.0, 3600.0)]
    requests[2].join(20)
    assert archivist.begun == [86400.0, 3600.0]
    archivist.finish.set()
    gevent.joinall(requests, 20)
    assert archivist.begun == [86400.0, 3600.0, 86401.0]
