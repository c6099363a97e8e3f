"""Lines that are corrected on the page, and what is kept of that."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from wire.bus import Redis
from wire.captions import CaptionLog, latest_revisions


def kept(redis: Redis, source: str = "jobs/j") -> list[str]:
    """The texts of a source's captions."""
    return [caption.text for caption in latest_revisions(CaptionLog(redis).read(source))]


def opened(page: Page, at: int) -> Locator:
    """The field in which a line is corrected, opened as with a mouse."""
    line = page.locator(".lines p").nth(at)
    line.hover()
    line.locator(".correct").click()
    return line.get_by_role("textbox", name="Caption text")
