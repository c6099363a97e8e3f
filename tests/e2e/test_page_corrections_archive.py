"""Correcting lines that only the archive has, with a real browser."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.correcting import kept, opened
from tests.integration.api_server import Api, Speaker
from wire import keys
from wire.bus import Redis
from wire.messages import Station
from wire.sources import Stations

pytestmark = pytest.mark.browser


@pytest.fixture
def lost(api: Api, redis: Redis, wait_until: Callable[..., None]) -> Speaker:
    """A station whose log was restarted, so that its ids also occur in the archive."""
    source = f"stations/a{time.time_ns()}"
    Stations(redis).add(Station(source.split("/")[1], "P2", "http://127.0.0.1:9/p2.mp3", "sv"))
    now_s = time.time()

    def say(*texts: str, ago_s: float) -> Speaker:
        speaker = Speaker(redis, source)
        for number, text in enumerate(texts):
            speaker.say(text, start_s=now_s - ago_s + 5 * number, revisions=2)  # provisional, then final
        wait_until(lambda: api.http.get("/search", params={"q": text, "source": source}).json()["results"], 20)
        return speaker

    say("Väderet i skona.", "Tack.", ago_s=100)
    redis.delete(*keys.of_source(source))
    return say("Nytt ett.", "Nytt två.", "Nytt tre.", ago_s=50)


def archived(api: Api, station: Speaker) -> list[tuple[str, bool]]:
    """The captions in the archive and the log, and whether they were corrected."""
    captions = api.http.get(f"/{station.source}/captions.json?from=0").json()["captions"]
    return [(caption["text"], caption["corrected"]) for caption in captions]


def test_line_from_before_a_data_loss_is_corrected(page: Page, api: Api, redis: Redis, lost: Speaker) -> None:
    page.goto(f"{api.url}/#radio/{lost.source.split('/')[1]}")
    texts = page.locator(".lines .text")
    expect(texts).to_have_count(3)
    page.get_by_role("button", name="Earlier lines").click()
    expect(texts).to_have_text(["Väderet i skona.", "Tack.", "Nytt ett.", "Nytt två.", "Nytt tre."])
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Earlier lines").click()
    expect(other.locator(".lines .text")).to_have_count(5)
    page.get_by_role("button", name="Correct captions").click()
    opened(page, 0).fill("Vädret i Skåne.")
    page.keyboard.press("Enter")
    expect(texts.first).to_have_text("Vädret i Skåne.")
    expect(other.locator(".lines .text").first).to_have_text("Vädret i Skåne.")
    expect(page.get_by_role("button", name="Corrected: line at")).to_have_count(1)
    page.on("dialog", lambda dialog: dialog.accept())
    opened(page, 1).fill("")
    page.keyboard.press("Enter")
    expect(page.locator(".lines p:visible")).to_have_count(4)
    opened(page, 2).fill("Nytt 1.")
    page.keyboard.press("Enter")
    expect(texts).to_have_text(["Vädret i Skåne.", "", "Nytt 1.", "Nytt två.", "Nytt tre."])
    assert kept(redis, lost.source) == ["Nytt 1.", "Nytt två.", "Nytt tre."]
    expected = [("Vädret i Skåne.", True), ("Nytt 1.", True), ("Nytt två.", False), ("Nytt tre.", False)]
    assert archived(api, lost) == expected


def test_concurrent_corrections_of_an_archived_line_are_detected(page: Page, api: Api, lost: Speaker) -> None:
    first = api.http.get(f"/{lost.source}/captions.json?from=0").json()["captions"][0]
    page.goto(f"{api.url}/#radio/{lost.source.split('/')[1]}")
    page.get_by_role("button", name="Earlier lines").click()
    expect(page.locator(".lines .text").first).to_have_text("Väderet i skona.")
    page.get_by_role("button", name="Correct captions").click()
    opened(page, 0).fill("Vädret.")
    other = {"text": "Väder i Skåne.", "revision": first["revision"], "start_s": first["start_s"]}
    assert api.http.patch(f"/{lost.source}/captions/1", json=other).status_code == 200
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Not saved.")).to_contain_text("in the meantime: Väder i Skåne.")
    page.keyboard.press("Enter")
    expect(page.locator(".lines .text").first).to_have_text("Vädret.")
    assert archived(api, lost)[0] == ("Vädret.", True)
