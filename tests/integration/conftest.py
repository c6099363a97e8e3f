"""One API for all tests of its HTTP that need no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.api_server import Api, Ingests, running
from tests.integration.openai_caller import Caller
from wire.bus import Redis


@pytest.fixture(scope="module")
def server(emptied_redis: str, free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests that need nothing else."""
    limits = {"MAX_UPLOAD_BYTES": 4 * 1024 * 1024, "MAX_JOBS_WAITING": 3, "MAX_STATIONS": 5}
    with running(emptied_redis, free_port(), tmp_path_factory.mktemp("api"), **limits) as api:
        yield api


@pytest.fixture
def api(server: Api, redis_url: str) -> Api:
    """The server, before an empty Redis."""
    return server


@pytest.fixture
def ingests(redis_url: str) -> Iterator[Ingests]:
    """A scripted ingest that is running."""
    with Ingests(redis_url) as ingests:
        yield ingests


@pytest.fixture
def calls() -> Iterator[ThreadPoolExecutor]:
    """Threads for clients that wait."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def caller(api: Api, redis: Redis, calls: ThreadPoolExecutor, wait_until: Callable[..., None]) -> Caller:
    """A client of the server."""
    return Caller(api, redis, calls, wait_until)
