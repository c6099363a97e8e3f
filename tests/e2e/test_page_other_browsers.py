"""The page in browsers with missing or different features: older ones, phones and tablets."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.api_server import Api, Speaker

pytestmark = pytest.mark.browser


def test_too_old_browser_is_reported(browser: Browser, api: Api) -> None:
    with browser.new_page() as page:
        page.route(
            "**/modules/times.js", lambda route: route.fulfill(content_type="text/javascript", body="export new")
        )
        page.goto(api.url)
        expect(page.get_by_role("status")).to_contain_text("This browser is too old for this page.")


def test_recent_browser_features_are_optional(page: Page, api: Api, speaker: Speaker) -> None:
    page.add_init_script("delete Element.prototype.checkVisibility; delete Element.prototype.ariaPressed")
    speaker.say("Första raden.")
    page.goto(api.url)
    expect(page.locator(".lines p")).to_be_visible()
    page.get_by_role("link", name="Skip to the captions").press("Enter")
    expect(page.locator(".lines")).to_be_focused()
    page.get_by_role("button", name="Correct captions").click()
    page.locator(".lines .correct").click()
    page.get_by_role("button", name="Mark as correct").press("Enter")
    expect(page.locator(".lines .correct")).to_have_text("Corrected")


def test_volume_is_hidden_if_the_page_cannot_set_it(page: Page, api: Api) -> None:
    page.goto(api.url)
    expect(page.get_by_label("Volume")).to_be_visible()
    page.add_init_script("Object.defineProperty(HTMLMediaElement.prototype, 'volume', { get: () => 1, set: () => {} })")
    page.reload()
    expect(page.get_by_role("button", name="Listen")).to_be_visible()
    expect(page.get_by_label("Volume")).to_be_hidden()


def test_each_view_starts_at_the_top_on_a_phone(page: Page, api: Api, speaker: Speaker) -> None:
    for number in range(30):
        speaker.say(f"rad {number}")
    page.set_viewport_size({"width": 390, "height": 500})
    page.goto(api.url)
    remove = page.get_by_role("button", name="Remove station")
    remove.scroll_into_view_if_needed()
    expect(remove).to_be_in_viewport()
    page.get_by_role("link", name="File").click()
    expect(page.get_by_role("heading", name="Caption recordings")).to_be_in_viewport()
