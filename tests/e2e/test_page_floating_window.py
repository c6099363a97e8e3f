"""The newest captions in a window that stays above those of other programs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.integration.api_server import Api, Speaker
from wire.bus import Redis
from wire.messages import Station
from wire.sources import Stations

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


def test_floating_window_tells_why_no_captions_come(
    page: Page, server: Api, redis: Redis, wait_until: Callable[..., None]
) -> None:
    Stations(redis).add(Station("p1", "P1 Vetenskap", "http://127.0.0.1:9/p1.mp3", "sv"))
    wait_until(lambda: server.http.get("/about").json()["transcribers"] == 0)  # the answer may be a second old
    sockets: list[WebSocketRoute] = []

    def relay(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        if len(sockets) > 1:
            socket.close()
        else:
            socket.connect_to_server()

    page.route_web_socket("**/stations/p1/live*", relay)
    page.goto(f"{server.url}/overlay.html?source=stations/p1&notes")  # what the window contains
    footer = page.locator("footer")
    expect(footer).to_have_text("No transcriber is running: nothing is captioned until one starts.")
    Speaker(redis, "stations/p1").say("Klockan är", final_after=False)
    expect(page.locator("#captions p")).to_have_text(["Klockan är"])
    sockets[0].close()
    expect(footer).to_contain_text("Not connected. Reconnecting…")


def test_unfinished_line_disappears_when_no_more_is_captioned(
    page: Page, api: Api, speaker: Speaker, wait_until: Callable[..., None]
) -> None:
    page.clock.install()
    page.goto(f"{api.url}/overlay.html?source=stations/p1")
    wait_until(lambda: 'api_viewers{kind="stations"} 1.0' in api.http.get("/metrics").text)
    speaker.say("Klockan är", final_after=False)
    line = page.locator("#captions p")
    expect(line).to_have_text(["Klockan är"])
    expect(page.locator("footer")).to_have_count(0)  # an audience is not told
    page.clock.fast_forward(15_000)
    expect(line).to_have_text(["Klockan är"])
    page.clock.fast_forward(10_000)
    expect(line).to_have_count(0)
    speaker.revise("Klockan är åtta.")  # after all
    expect(line).to_have_text(["Klockan är åtta."])


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
