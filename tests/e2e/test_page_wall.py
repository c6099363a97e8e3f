"""All stations on air side by side, with a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api, Speaker
from wire.bus import Redis
from wire.messages import State, Station, Status
from wire.sources import Stations, Statuses

pytestmark = pytest.mark.browser


def test_stations_on_air_are_shown_side_by_side(page: Page, api: Api, redis: Redis, speaker: Speaker) -> None:
    for number in range(2, 31):  # more than fit on the screen
        Stations(redis).add(Station(f"p{number}", f"P{number:02}", "http://127.0.0.1:9/", "en"))
        Statuses(redis).save(Status(f"stations/p{number}", State.RUNNING, title=f"Title {number}"))
    Stations(redis).add(Station("away", "Away", "http://127.0.0.1:9/", "en"))
    Statuses(redis).save(Status("stations/p1", State.RUNNING, activity="speech"))
    second, last = Speaker(redis, "stations/p2"), Speaker(redis, "stations/p30")
    speaker.say("said before")
    page.goto(api.url)
    page.get_by_role("link", name="All on air").click()
    expect(page).to_have_title("All on air – Undertext")
    cards = page.get_by_role("list").get_by_role("listitem")
    expect(cards).to_have_count(30)
    expect(page.get_by_text("Not on air: Away")).to_be_visible()
    page.keyboard.press("Tab")
    page.get_by_role("link", name="Skip to the captions").press("Enter")
    expect(page.locator(".wall")).to_be_focused()
    first = cards.filter(has=page.get_by_role("heading", name="P1 Vetenskap"))
    expect(first).to_contain_text("said before")
    speaker.say("not fin", final_after=False)
    expect(first.locator(".provisional")).to_have_text("not fin")
    speaker.revise("now final")
    expect(first.locator(".said p")).to_have_text(["said before", "now final"])
    expect(first.locator(".provisional")).to_have_count(0)
    second.say("Good morning.", language="en")
    expect(page.get_by_text("Good morning.")).to_have_attribute("lang", "en")
    last.say("out of sight")
    below = cards.filter(has=page.get_by_role("heading", name="P30"))
    assert "out of sight" not in below.inner_text()
    below.scroll_into_view_if_needed()
    expect(below).to_contain_text("out of sight")
    Stations(redis).remove("p2")
    expect(cards).to_have_count(29)
    below.get_by_role("link", name="P30").click()
    expect(page.get_by_role("heading", name="P30")).to_be_visible()
    expect(page.locator(".lines")).to_contain_text("out of sight")
