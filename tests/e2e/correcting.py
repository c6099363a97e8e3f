"""Helpers for correcting lines on the page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from wire.bus import Redis
from wire.captions import CaptionLog, latest_revisions


def kept(redis: Redis, source: str = "jobs/j") -> list[str]:
    """The stored texts of a source's captions."""
    return [caption.text for caption in latest_revisions(CaptionLog(redis).read(source))]


def opened(page: Page, at: int) -> Locator:
    """Open the editor of a line with the mouse; return its text field."""
    line = page.locator(".lines p").nth(at)
    line.hover()
    line.locator(".correct").click()
    return line.get_by_role("textbox", name="Caption text")
