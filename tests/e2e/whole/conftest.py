"""The whole system, for real: Redis with AOF, the demo station, ingest, transcribers with the bundled model, the API.

One system serves all tests of this folder: starting torch anew for each would take longer than the tests themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.e2e.system import System


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[System]:
    """The running system."""
    made = System(tmp_path_factory.mktemp("system"), free_port)
    try:
        made.start()
        yield made
    finally:
        for process in made.processes.values():
            print(f"--- {process.name}\n{process.tail()}")
        made.stop()


@pytest.fixture(scope="package")
def station(system: System) -> str:
    """The demo station, registered; its id."""
    station = {"id": "demo", "name": "Demo", "url": f"{system.station_url}/stream.mp3"}
    httpx.post(f"{system.url}/stations", json=station, timeout=30).raise_for_status()
    return "demo"
