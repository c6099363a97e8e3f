"""A page that fails to load completely reports it and reloads, with a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.integration.api_server import Api, Speaker

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("path", "part", "shows_message"),
    [("", "modules/times.js", True), ("overlay.html?source=stations/p1", "modules/store.js", False)],
)
def test_page_reloads_if_a_module_fails_to_load(
    page: Page, api: Api, speaker: Speaker, wait_until: Callable[..., None], path: str, part: str, shows_message: bool
) -> None:
    requested = break_off_once(page, part)
    page.goto(f"{api.url}/{path}")
    if shows_message:
        expect(page.get_by_text("Part of this page failed to load")).to_be_visible()
    with page.expect_event("load"):
        pass
    wait_until(lambda: 'api_viewers{kind="stations"} 1.0' in api.http.get("/metrics").text)
    speaker.say("Nu är allt här.")
    expect(page.get_by_text("Nu är allt här.").first).to_be_visible()
    assert len(requested) == 2


def test_style_sheet_that_fails_to_load_is_requested_again(page: Page, api: Api) -> None:
    requested = break_off_once(page, "style.css")
    page.goto(f"{api.url}/#search")
    words = page.get_by_label("Search for")
    words.fill("zebra")
    page.wait_for_function("() => getComputedStyle(document.body).display === 'grid'")
    expect(words).to_have_value("zebra")
    assert len(requested) == 2


def break_off_once(page: Page, part: str) -> list[str]:
    """Let the first request of a resource fail; return the list of requested addresses."""
    requested: list[str] = []

    def answer(route: Route) -> None:
        requested.append(route.request.url)
        if len(requested) == 1:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(f"**/{part}", answer)
    return requested
