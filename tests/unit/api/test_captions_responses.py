"""Responses with captions: large ones neither occupy memory while they are sent, nor are made many at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from flask import Response
from gevent.event import Event

from api import captions
from api.app import create_app
from api.archive.merging import Period
from api.settings import Settings
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


def test_large_answers_take_turns_and_pages_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int | None] = []
    finish = Event()

    def answer(*_: Any, limit: int | None, **__: Any) -> Response:
        begun.append(limit)
        if limit != 200:
            finish.wait(20)
        return Response()

    monkeypatch.setattr(captions, "_log_response", answer)

    def request(limit: int | None) -> None:
        with create_app(Settings()).test_request_context("/"):
            captions.log_response(None, "stations/p1", "json", about={}, filename="p1", limit=limit)  # type: ignore[arg-type]

    requests = [gevent.spawn(request, limit) for limit in (None, 5000, 200)]
    requests[2].join(20)
    assert begun == [None, 200]
    finish.set()
    gevent.joinall(requests, 20)
    assert begun == [None, 200, 5000]


def test_an_hour_does_not_wait_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[float] = []
    finish = Event()

    def answer(_archivist: Any, _source: str, _format: str, period: Period, **_: Any) -> Response:
        begun.append(period.to_s)
        if period.to_s > 3600:
            finish.wait(20)
        return Response()

    monkeypatch.setattr(captions, "_period_response", answer)

    def request(to_s: float) -> None:
        captions.period_response(None, "stations/p1", "json", Period(0.0, to_s), about={}, filename="p1")  # type: ignore[arg-type]

    requests = [gevent.spawn(request, to_s) for to_s in (86400.0, 86401.0, 3600.0)]
    requests[2].join(20)
    assert begun == [86400.0, 3600.0]
    finish.set()
    gevent.joinall(requests, 20)
    assert begun == [86400.0, 3600.0, 86401.0]
