"""The page's search, with a real browser and a real API."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api, Speaker, running
from wire.bus import Redis, connect
from wire.messages import Job, Station
from wire.sources import Jobs, Stations

pytestmark = pytest.mark.browser


@pytest.fixture
def said(api: Api, redis: Redis, speaker: Speaker, wait_until: Callable[..., None]) -> Speaker:
    """A station and a recording that mention a storm."""
    now_s = time.time()
    speaker.say("Långt innan.", start_s=now_s - 500)
    for number, text in enumerate(("God kväll.", "Stormen når Umeå <b>i natt</b>.", "Åk inte ut.")):
        speaker.say(text, start_s=now_s - 60 + 5 * number)
    Jobs(redis).save(Job("a1", time.time(), filename="möte.mp3"))
    Speaker(redis, "jobs/a1").say("Stormen var värre.")

    def found() -> int:
        return len(api.http.get("/search?q=storm*&limit=200").json()["results"])

    wait_until(lambda: found() == 2, 20)
    return speaker


def test_results_link_to_their_lines(page: Page, api: Api, said: Speaker) -> None:
    page.goto(api.url)
    page.get_by_role("link", name="Search").click()
    expect(page).to_have_title("Search – Undertext")
    expect(page.get_by_label("Search for")).to_be_focused()
    page.keyboard.type("storm*")
    page.keyboard.press("Enter")
    expect(page.locator("search-view").get_by_role("status")).to_have_text("2 results.")
    items = page.locator(".found li")
    station = items.filter(has_text="P1 Vetenskap")
    expect(station).to_contain_text("God kväll. Stormen når Umeå <b>i natt</b>. Åk inte ut.")
    expect(station.locator("mark")).to_have_text("Stormen")
    expect(items.filter(has_text="möte.mp3")).to_contain_text("at 0:05")
    expect(station.get_by_role("link")).to_have_text(re.compile(r"P1 Vetenskap, today \d\d:\d\d"))
    items.filter(has_text="möte.mp3").get_by_role("link").click()
    expect(page.locator("[aria-current=true] .text")).to_have_text("Stormen var värre.")
    assert page.url.endswith("/#file/a1?at=5")
    page.go_back()
    expect(items).to_have_count(2)
    page.get_by_label("Search in").select_option("P1 Vetenskap")
    expect(items).to_have_count(1)
    station.get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="P1 Vetenskap")).to_be_visible()
    expect(page.locator("[aria-current=true] .text")).to_have_text("Stormen når Umeå <b>i natt</b>.")
    expect(page.locator(".lines .text")).to_have_text(
        ["Långt innan.", "God kväll.", "Stormen når Umeå <b>i natt</b>.", "Åk inte ut."]
    )
    page.go_back()
    expect(page.get_by_label("Search for")).to_have_value("storm*")
    expect(items).to_have_count(2)


def test_search_is_restricted_by_language_and_days(page: Page, api: Api, said: Speaker) -> None:
    page.clock.set_fixed_time(time.time())
    page.goto(f"{api.url}/#search/storm*")
    items = page.locator(".found li")
    expect(items).to_have_count(2)
    page.get_by_text("More options").click()
    state = page.locator("search-view").get_by_role("status")
    none = "No results for “storm*” with these options."
    page.get_by_label("Language", exact=True).select_option("English")
    expect(state).to_have_text(none)
    page.get_by_label("Language", exact=True).select_option("Swedish")
    expect(items).to_have_count(2)
    before, after = (
        page.evaluate(f"() => new Date(Date.now() + {n} * 864e5).toLocaleDateString('sv')") for n in (-2, 2)
    )
    page.get_by_label("From").fill(after)
    expect(state).to_have_text(none)
    page.get_by_label("From").fill(before)
    expect(items).to_have_count(2)
    page.get_by_label("To", exact=True).fill(before)
    expect(state).to_have_text(none)
    page.get_by_label("To", exact=True).fill("0020-01-01")  # as while a year is typed: not sent
    page.get_by_text("More options").click()
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_label("To", exact=True)).to_be_focused()  # which the browser reports
    page.get_by_label("To", exact=True).fill(after)
    expect(items).to_have_count(2)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_no_results_and_empty_queries_are_reported(page: Page, api: Api, said: Speaker) -> None:
    page.goto(f"{api.url}/#search/orkan")
    expect(page.locator("search-view").get_by_role("status")).to_have_text("No results for “orkan”.")
    page.get_by_label("Search for").fill("...")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("alert")).to_contain_text("no word to search for")


def test_without_a_token_only_stations_are_searched(
    page: Page, redis_url: str, free_port: Callable[[], int], tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    with running(redis_url, free_port(), tmp_path, API_TOKEN="sesam") as api, connect(redis_url) as redis:
        Stations(redis).add(Station("p1", "P1", "http://127.0.0.1:9/p1"))
        Jobs(redis).save(Job("a1", time.time(), filename="möte.mp3"))
        Speaker(redis, "jobs/a1").say("Orkanen kom.")
        known = {"Authorization": "Bearer sesam"}
        wait_until(lambda: api.http.get("/search?q=orkanen", headers=known).json()["results"], 20)
        page.goto(f"{api.url}/#search")
        expect(page.locator("search-view").get_by_role("status")).to_have_text("Searches stations, newest first.")
        page.keyboard.type("orkanen")
        page.keyboard.press("Enter")
        expect(page.locator("search-view").get_by_role("status")).to_have_text("No results for “orkanen” on stations.")
        page.get_by_label("Search in").select_option("P1")
        expect(page.locator("search-view").get_by_role("status")).to_have_text("No results for “orkanen”.")
        expect(page.get_by_text("to search recordings too")).to_be_hidden()
        page.get_by_label("Search in").select_option("Everywhere")
        page.get_by_role("button", name="Enter token").click()
        page.get_by_role("textbox", name="Token").fill("sesam")
        page.keyboard.press("Enter")
        expect(page.locator("search-view").get_by_role("status")).to_have_text("1 result.")
        expect(page.get_by_role("link", name="möte.mp3")).to_be_visible()
        expect(page.get_by_text("to search recordings too")).to_be_hidden()


def test_earlier_results_are_loaded_on_request(
    page: Page, api: Api, speaker: Speaker, wait_until: Callable[..., None]
) -> None:
    for _ in range(60):
        speaker.say("Koala.", start_s=time.time())
    wait_until(lambda: len(api.http.get("/search?q=koala&limit=200").json()["results"]) == 60, 20)
    page.goto(f"{api.url}/#search/koala")
    expect(page.locator(".found li")).to_have_count(50)
    expect(page.locator("search-view").get_by_role("status")).to_have_text("50+ results.")
    page.get_by_role("button", name="Show earlier results").click()
    expect(page.locator(".found li")).to_have_count(60)
    expect(page.get_by_role("button", name="Show earlier results")).to_be_hidden()


def test_stations_are_sorted_by_name(page: Page, api: Api, redis: Redis) -> None:
    for id, name in (("a", "Radio Örebro"), ("z", "Antenne")):
        Stations(redis).add(Station(id, name, "http://127.0.0.1:9/s"))
    page.goto(f"{api.url}/#search")
    names = ["Everywhere", "Antenne", "P1 Vetenskap", "Radio Örebro"]
    expect(page.get_by_label("Search in").locator("option")).to_have_text(names)


def test_search_has_a_feed(page: Page, api: Api, speaker: Speaker, wait_until: Callable[..., None]) -> None:
    speaker.say("Tyfonen når land.", start_s=time.time())
    wait_until(lambda: api.http.get("/search?q=tyfon*").json()["results"], 20)
    page.goto(f"{api.url}/#search")
    link = page.get_by_role("link", name="Follow this search")
    in_head = page.locator("head link[rel=alternate]")
    expect(page.locator("search-view").get_by_role("status")).to_contain_text("Searches stations")
    expect(link).to_be_hidden()
    page.get_by_label("Search for").fill("tyfon* -regn")
    page.keyboard.press("Enter")
    expect(link).to_have_attribute("href", "/search.atom?q=tyfon*+-regn")
    expect(in_head).to_have_attribute("href", "/search.atom?q=tyfon*+-regn")
    expect(in_head).to_have_attribute("type", "application/atom+xml")
    page.get_by_label("Search in").select_option("P1 Vetenskap")
    feed = f"/search.atom?q=tyfon*+-regn&source={quote(speaker.source, safe='')}"
    expect(link).to_have_attribute("href", feed)
    expect(in_head).to_have_attribute("href", feed)
    assert api.http.get(feed).text.count("<entry") == 1
    page.get_by_label("Search for").fill("...")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("no word to search for")
    expect(link).to_be_hidden()
    expect(in_head).to_have_count(0)
    page.go_back()
    expect(in_head).to_have_count(1)
    page.get_by_label("Main").get_by_role("link", name="Radio").click()
    expect(in_head).to_have_count(0)
