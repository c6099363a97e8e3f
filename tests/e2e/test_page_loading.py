"""A page of which a part does not arrive says so, and is loaded again, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.integration.api_server import Api, Speaker

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("path", "part", "says_so"),
    [
        ("", "modules/times.js", True),
        ("", "captions.css", False),  # all works without it, until it is loaded again
        ("overlay.html?source=stations/p1", "modules/store.js", False),
    ],
)
def test_what_did_not_arrive_is_loaded_again(
    page: Page, api: Api, speaker: Speaker, wait_until: Callable[..., None], path: str, part: str, says_so: bool
) -> None:
    asked: list[str] = []

    def break_off_once(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(f"**/{part}", break_off_once)
    page.goto(f"{api.url}/{path}")
    if says_so:
        expect(page.get_by_text("This page has not arrived whole")).to_be_visible()
    with page.expect_event("load"):
        pass
    wait_until(lambda: 'api_viewers{kind="stations"} 1.0' in api.http.get("/metrics").text)
    speaker.say("Nu är allt här.")
    expect(page.get_by_text("Nu är allt här.").first).to_be_visible()
    assert len(asked) == 2
