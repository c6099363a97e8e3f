"""The page reports a system without transcribers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api, knowing
from wire.bus import Redis
from wire.workers import Worker

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("view", ["radio", "file", "microphone"])
def test_missing_transcribers_are_reported_until_one_starts(
    page: Page, server: Api, redis: Redis, wait_until: Callable[..., None], view: str
) -> None:
    def wait_for(transcribers: int) -> None:  # the answer may be a second old
        wait_until(lambda: server.http.get("/about").json()["transcribers"] == transcribers)

    wait_for(0)
    page.clock.install()
    page.goto(f"{server.url}#{view}")
    missing = page.get_by_text("No transcriber is running")
    expect(missing).to_be_visible()
    with Worker(redis, "transcriber", knowing("sv en", "transcribe translate")):
        wait_for(1)
        page.clock.fast_forward(10_000)
        expect(missing).to_be_hidden()
    # Views that are opened from now on offer what it supports.
    page.get_by_role("link", name="File" if view == "microphone" else "Microphone").click()
    expect(page.locator("select[name=language]:visible option")).to_have_text(["Auto-detect", "English", "Swedish"])
