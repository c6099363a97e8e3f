"""The controls of caption lines on the page."""

from __future__ import annotations

from playwright.sync_api import Locator, Page


def time_of(page: Page, second: int) -> Locator:
    """The button that plays from a line."""
    return page.get_by_role("button", name=f"0:{second:02}", exact=True)


def correct(page: Page, second: int) -> Locator:
    """The button that opens the editor of a line."""
    return page.get_by_role("button", name=f"Correct: line at 0:{second:02}")


def stops(page: Page) -> Locator:
    """All Tab stops in the lines, including hidden ones."""
    return page.locator(".lines").locator("[tabindex='0'], a, input, button:not([tabindex='-1'])")
