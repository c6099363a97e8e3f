"""The page reports a system without transcribers."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api
from wire.bus import Redis
from wire.workers import Worker

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("view", ["radio", "file", "microphone"])
def test_missing_transcribers_are_reported_until_one_starts(page: Page, server: Api, redis: Redis, view: str) -> None:
    page.clock.install()
    page.goto(f"{server.url}#{view}")
    missing = page.get_by_text("No transcriber is running")
    expect(missing).to_be_visible()
    with Worker(redis, "transcriber", lambda: b""):
        page.wait_for_timeout(1_100)  # the answer may be a second old
        page.clock.fast_forward(10_000)
        expect(missing).to_be_hidden()
