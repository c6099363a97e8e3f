"""The page on a small telephone, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api, Ingest

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [(360, 640), (1280, 800)], ids=["telephone", "desktop"])
def test_what_is_said_comes_into_sight(page: Page, api: Api, redis_url: str, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    Ingest(redis_url).start()
    page.goto(f"{api.url}#microphone")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".lines .text")).to_be_in_viewport()
    is_moved = page.evaluate("document.querySelector('main').scrollTop > 0")
    assert is_moved == (size[0] == 360)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("microphone-view .state")).to_have_text("Stopped.")
