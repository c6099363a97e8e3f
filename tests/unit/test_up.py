"""What `make up` starts, before anything is started."""

from __future__ import annotations

import os
from unittest.mock import Mock

import pytest

from demo.up import Settings, services, watch_make


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "192.0.2.7"])
def test_demo_station_has_the_address_in_the_stations_file(host: str) -> None:
    kept = {service.name: service for service in services(Settings(host=host, redis_url="redis://127.0.0.1:1/0"))}
    assert kept["api"].environ["HOST"] == host
    assert kept["station"].environ["HOST"] == "127.0.0.1"
    assert kept["ingest"].environ["DEMO_URL"] == f"http://127.0.0.1:{kept['station'].environ['DEMO_PORT']}/stream.mp3"


def test_two_transcribers_are_two_processes() -> None:
    names = [service.name for service in services(Settings(transcribers=2, redis_url="redis://127.0.0.1:1/0"))]
    assert names == ["station", "ingest", "api", "transcriber-1", "transcriber-2"]


def test_watch_make_does_not_request_a_second_stop() -> None:
    supervisor = Mock(stopping=True)
    watch_make(os.getppid(), supervisor)
    supervisor.request_stop.assert_not_called()
