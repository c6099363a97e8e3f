"""The newest captions in a window that stays above those of other programs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api, Speaker

pytestmark = pytest.mark.browser


def test_floating_window_shows_the_newest_captions(
    page: Page, api: Api, speaker: Speaker, wait_until: Callable[..., None]
) -> None:
    page.goto(f"{api.url}#radio/p1")
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Floating window").click()
    wait_until(lambda: 'api_viewers{kind="stations"} 2.0' in api.http.get("/metrics").text)  # the page, and the window
    speaker.say("Det snöar i Umeå.")
    captions = opened.value.frame_locator("iframe").locator("#captions p")
    expect(captions).to_have_text(["Det snöar i Umeå."])
    assert opened.value.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(0, 0, 0)"
    assert opened.value.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0, "it has scroll bars"
    with opened.value.expect_event("close"):
        page.goto("about:blank")


def test_floating_window_is_offered_only_where_it_exists(page: Page, api: Api) -> None:
    page.add_init_script("delete window.documentPictureInPicture")
    page.goto(f"{api.url}#radio/p1")
    expect(page.get_by_role("link", name="Overlay")).to_be_visible()
    expect(page.get_by_role("button", name="Floating window")).to_have_count(0)


def test_failure_to_open_a_floating_window_is_reported(page: Page, api: Api) -> None:
    page.goto(f"{api.url}#radio/p1")
    page.evaluate(
        "() => { documentPictureInPicture.requestWindow = () => Promise.reject(new DOMException('Not now.')); }"
    )
    page.get_by_role("button", name="Floating window").click()
    expect(page.get_by_role("alert")).to_contain_text("The floating window could not be opened. Not now.")
