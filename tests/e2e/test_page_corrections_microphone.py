"""Correcting the captions of the page's microphone, with a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.correcting import kept, opened
from tests.integration.api_server import Api, Ingest
from wire.bus import Redis

pytestmark = pytest.mark.browser


def test_speaker_corrects_captions_and_readers_see_it(
    page: Page, browser: Browser, api: Api, redis: Redis, redis_url: str
) -> None:
    ingest = Ingest(redis_url)
    ingest.start()
    page.goto(f"{api.url}#microphone")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".lines .text")).to_have_text(["first"])
    assert ingest.hello is not None
    with browser.new_context() as others:
        reader = others.new_page()
        reader.goto(f"{api.url}#microphone/{ingest.hello.id}")
        expect(reader.locator(".lines .text")).to_have_text(["first"])
        opened(page, 0).fill("The first.")
        page.keyboard.press("Enter")  # during the recording
        expect(reader.locator(".lines .text")).to_have_text(["The first."])
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("microphone-view .state")).to_have_text("Stopped.")
        opened(page, 1).fill("")
        page.once("dialog", lambda dialog: dialog.accept())
        page.keyboard.press("Enter")
        expect(page.locator(".lines .text:visible")).to_have_text(["The first."])
        expect(page.get_by_role("button", name=re.compile("Corrected: line at "))).to_be_visible()
        expect(reader.locator(".lines .text:visible")).to_have_text(["The first."], timeout=30_000)  # found by polling
        expect(reader.locator(".lines .correct")).to_have_count(0)
    ingest.join(timeout=20)
    page.reload()
    page.get_by_role("link", name="Your last recording").click()
    opened(page, 0).fill("The very first.")
    page.keyboard.press("Enter")
    expect(page.locator(".lines .text:visible")).to_have_text(["The very first."])
    assert kept(redis, f"microphones/{ingest.hello.id}") == ["The very first.", ""]


def test_microphone_works_without_session_storage(page: Page, api: Api, redis_url: str) -> None:
    page.context.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', {get() { throw new Error('denied'); }})"
    )
    ingest = Ingest(redis_url)
    ingest.start()
    page.goto(f"{api.url}#microphone")
    page.get_by_role("button", name="Start").click()
    with page.expect_popup() as listening:
        page.get_by_role("link", name="this address").click()
    expect(listening.value.locator(".lines .text")).to_have_text(["first"])
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("microphone-view .state")).to_have_text("Stopped.")
    ingest.join(timeout=20)
