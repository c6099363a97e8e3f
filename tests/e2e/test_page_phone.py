"""The page on a small phone, with a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api, Ingest, Speaker
from wire.bus import Redis
from wire.messages import Job, State, Station
from wire.sources import Jobs, Stations

pytestmark = pytest.mark.browser

#: Doubles the font size.
LARGE_LETTERS = (
    "document.addEventListener('readystatechange', () => { document.documentElement.style.fontSize = '200%'; })"
)


@pytest.mark.parametrize("size", [(360, 640), (1280, 800)], ids=["phone", "desktop"])
def test_microphone_captions_are_in_view(page: Page, api: Api, redis_url: str, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    Ingest(redis_url).start()
    page.goto(f"{api.url}#microphone")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".lines .text")).to_be_in_viewport()
    is_moved = page.evaluate("document.querySelector('main').scrollTop > 0")
    assert is_moved == (size[0] == 360)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("microphone-view .state")).to_have_text("Stopped.")


@pytest.mark.parametrize(
    ("size", "letters", "is_moved"),
    [((360, 640), "100%", False), ((640, 360), "100%", True), ((360, 640), "150%", True)],
    ids=["upright", "on-its-side", "large-letters"],
)
def test_newest_line_of_a_station_is_in_view(
    page: Page, api: Api, speaker: Speaker, size: tuple[int, int], letters: str, is_moved: bool
) -> None:
    for number in range(20):
        speaker.say(f"Rad {number}.")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    larger = f"document.documentElement.style.fontSize = '{letters}'"
    page.add_init_script(f"document.addEventListener('readystatechange', () => {{ {larger} }}, {{ once: true }})")
    page.goto(api.url)
    expect(page.locator(".lines .text").last).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.querySelector('main').scrollTop > 0") == is_moved
    beside = page.locator("header.station").get_by_role("heading").evaluate("(name) => name.clientWidth")
    assert beside > size[0] / 2, "a name has room"


@pytest.mark.parametrize("view", ["radio", "wall", "file", "microphone", "search"])
def test_nothing_is_wider_than_the_screen_at_twice_the_font_size(
    page: Page, api: Api, redis: Redis, speaker: Speaker, view: str
) -> None:
    Stations(redis).add(Station("lång", "Radio med ett synnerligen långt namn", "http://127.0.0.1:9/l.mp3", "sv"))
    speaker.say("Vädret: regn i Umeå.")
    page.set_viewport_size({"width": 360, "height": 640})
    page.add_init_script(LARGE_LETTERS)
    page.goto(f"{api.url}#{view}")
    expect(page.locator("main > *")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.querySelector('main').scrollWidth") <= 360


def test_notice_has_enough_width_at_twice_the_font_size(page: Page, api: Api) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto(f"{api.url}#search/-")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    notice = page.locator("notice-bar").get_by_text("There is no word to search for.")
    expect(notice).to_be_visible()
    assert notice.evaluate("(words) => words.clientWidth") > 200
    page.get_by_role("button", name="Dismiss").click()
    expect(notice).to_be_hidden()


def test_report_of_missing_transcribers_leaves_room_for_captions_at_twice_the_font_size(
    page: Page, server: Api, redis: Redis, wait_until: Callable[..., None]
) -> None:
    wait_until(lambda: server.http.get("/about").json()["transcribers"] == 0)  # may be a second old
    page.set_viewport_size({"width": 360, "height": 640})
    page.add_init_script(LARGE_LETTERS)
    page.goto(server.url)
    expect(page.get_by_text("No transcriber is running")).to_be_visible()
    assert page.locator("main").evaluate("(main) => main.clientHeight") >= 250


def test_bar_leaves_most_of_the_screen_with_large_fonts(page: Page, api: Api) -> None:
    page.set_viewport_size({"width": 180, "height": 320})  # 360 by 640 at twice the font size
    page.goto(f"{api.url}#search")
    assert page.locator(".bar").evaluate("(bar) => bar.clientHeight") < 320 / 3
    expect(page.get_by_role("link", name="Undertext")).to_be_visible()
    for view in ("Radio", "File", "Microphone", "Search"):
        page.get_by_role("link", name=view, exact=True).click(trial=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 180


def test_line_of_a_moment_is_in_view_in_landscape(page: Page, api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, state=State.FINISHED, filename="möte.wav"))
    speaker = Speaker(redis, "jobs/j")
    for number in range(40):
        speaker.say(f"Rad {number}.", start_s=5.0 * number)
    speaker.finish()
    page.set_viewport_size({"width": 640, "height": 360})
    for at in (15, 20):  # of the same recording
        page.goto(f"{api.url}#file/j?at={5 * at}")
        said = page.locator(".lines [aria-current=true] .text")
        expect(said).to_have_text(f"Rad {at}.")
        expect(said).to_be_in_viewport(ratio=1)
