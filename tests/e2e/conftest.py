"""The page: a browser, and an API with its own Redis, where captions are committed as by a transcriber.

Tests of the whole system are in the folder `whole`.
"""

from __future__ import annotations

import math
import struct
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.chromium import ARGUMENTS
from tests.integration.api_server import Api, Speaker, knowing, running
from wire.bus import Redis, connect
from wire.languages import CODES
from wire.messages import Station
from wire.sources import Stations
from wire.workers import Worker

expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test enough time: the first one includes the start of the system."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="package")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of 440 Hz."""
    path = tmp_path_factory.mktemp("sound") / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes(
            b"".join(struct.pack("<h", round(12_000 * math.sin(math.tau * 440 * n / 48_000))) for n in range(480_000))
        )
    return path


@pytest.fixture(scope="package")
def browser(need_program: Callable[..., str], tone: Path) -> Iterator[Browser]:
    """Chromium with the tone as its microphone: one per process, each page in its own context."""
    arguments = [
        *ARGUMENTS,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={tone}",
    ]
    program = need_program("chromium", "chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(emptied_redis: str, free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One API for all tests that do not need their own."""
    folder = tmp_path_factory.mktemp("api")
    with running(emptied_redis, free_port(), folder, MAX_UPLOAD_BYTES=1_500_000) as api:
        yield api


@pytest.fixture
def api(server: Api, redis_url: str, wait_until: Callable[..., None]) -> Iterator[Api]:
    """The API, with one station and the heartbeat of a transcriber in an otherwise empty Redis."""
    with connect(redis_url) as redis, Worker(redis, "transcriber", lambda: b""):
        Stations(redis).add(Station("p1", "P1 Vetenskap", "http://127.0.0.1:9/p1.mp3", "sv"))
        # An answer may be a second old: from the previous test.
        wait_until(lambda: server.http.get("/about").json()["languages"] == sorted(CODES))
        yield server


@pytest.fixture
def transcriber(api: Api, redis: Redis, wait_until: Callable[..., None]) -> Iterator[Callable[..., None]]:
    """`transcriber("sv en", "transcribe")` starts the heartbeat of one with a model, and the API reports it."""

    def start(languages: str, tasks: str = "transcribe translate") -> None:
        started.enter_context(Worker(redis, "transcriber", knowing(languages, tasks)))
        wait_until(lambda: api.http.get("/about").json()["languages"] == sorted(languages.split()))

    with ExitStack() as started:
        yield start


@pytest.fixture
def speaker(redis: Redis) -> Speaker:
    """Captions of the station."""
    return Speaker(redis, "stations/p1")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that must not report errors."""
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()
    assert complaints == []
