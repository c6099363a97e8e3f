"""Each view of the page is checked with axe-core: WCAG 2.2, levels A and AA, and best practices."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api, Ingest, Speaker
from wire.bus import Redis
from wire.messages import Content, Job, State, Station, Status, Word
from wire.sources import Jobs, Stations, Statuses

pytestmark = pytest.mark.browser

AXE = Axe()

OPTIONS: dict[str, Any] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
    # Mistakes addresses of views, such as #radio/p1, for skip links.
    "rules": {"skip-link": {"enabled": False}},
}


@pytest.fixture
def check(page: Page) -> Callable[..., None]:
    """Asserts that the current page breaks no rule: on a desktop, and in dark mode as narrow as at 400 % zoom."""

    def run(view: str, **rules: bool) -> None:
        options = {**OPTIONS, "rules": {**OPTIONS["rules"], **{name: {"enabled": on} for name, on in rules.items()}}}
        for scheme, width in (("dark", 320), ("light", 1280)):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 800})
            found = AXE.run(page, options=options)
            assert not found.violations_count, f"{view}, {scheme}, {width} px wide: {found.generate_report()}"

    return run


def test_stations(page: Page, api: Api, redis: Redis, speaker: Speaker, check: Callable[..., None]) -> None:
    Stations(redis).add(Station("p2", "P2", "http://127.0.0.1:9/p2.mp3"))
    Statuses(redis).save(Status("stations/p1", State.RUNNING, title="Ekot", activity="music"))
    Statuses(redis).save(Status("stations/p2", State.RECONNECTING, detail="no audio for 30 s", epoch=1))
    speaker.say("Klockan är åtta.", words=(Word("Klockan", 5.0, 5.4, 0.2),))
    speaker.say("", content=Content.GAP)
    speaker.say("och kanske", final_after=False)
    page.goto(api.url)
    expect(page.locator(".lines p")).to_have_count(3)
    expect(page.locator(".now")).to_contain_text("Music")
    page.get_by_role("button", name="Listen").click()
    expect(page.locator(".trouble")).to_contain_text("cannot be played")
    page.get_by_text("Add a station").click()
    page.locator("aside").get_by_text("More options", exact=True).click()
    page.get_by_label("Name").fill("P3")
    page.get_by_label("Address of the stream").fill("example.org/" + "x" * 3000)
    page.get_by_role("button", name="Add station").click()
    expect(page.locator(".wrong")).to_be_visible()
    check("a station, and one that is refused")
    page.get_by_role("button", name="Change station").click()
    check("a station that is changed")
    page.goto(f"{api.url}/#radio/nope")
    page.keyboard.press("Escape")
    expect(page.get_by_text("Station nope not found.")).to_be_visible()
    check("no station")
    page.goto(f"{api.url}/#wall")
    expect(page.locator("station-card .provisional")).to_have_text("och kanske")
    check("all stations on air")


def test_recordings(page: Page, api: Api, redis: Redis, tone: Path, check: Callable[..., None]) -> None:
    Jobs(redis).save(Job("bad", time.time(), filename="bild.jpg", state=State.FAILED, error="it holds no audio track"))
    page.goto(f"{api.url}/#file")
    page.get_by_role("button", name="Caption it").click()
    page.get_by_text("More options", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a recording or enter its address")
    check("no recording, and a notice")
    page.locator(".drop input").set_input_files(tone)
    page.get_by_role("button", name="Caption it").click()
    expect(page.locator("job-panel .state")).to_have_text("Waiting")
    id = page.url.rpartition("/")[2]
    Jobs(redis).change(id, state=State.RUNNING, duration_s=10.0)
    speaker = Speaker(redis, f"jobs/{id}")
    speaker.say("Första raden.", start_s=1.0)
    expect(page.locator("job-panel .state")).to_contain_text("Captioning")
    check("a recording that is being captioned")
    speaker.finish()
    page.get_by_role("button", name="0:01", exact=True).click()
    expect(page.locator("[aria-current=true] .text")).to_be_visible()
    page.get_by_text("Earlier recordings", exact=True).click()
    expect(page.get_by_role("link", name="tone.wav")).to_contain_text("Captions complete")
    check("a recording that is played")
    page.get_by_role("button", name="Correct: line at 0:01").click()
    check("a line that is corrected")
    page.get_by_role("link", name="bild.jpg").click()
    expect(page.locator("job-panel .state")).to_contain_text("Failed.")
    check("a recording that failed")
    page.route("**/jobs?*", lambda route: route.fulfill(status=401, json={}))
    page.reload()
    page.get_by_role("button", name="Enter token").click()
    check("the token")


def test_microphone(page: Page, api: Api, redis_url: str, check: Callable[..., None]) -> None:
    ingest = Ingest(redis_url)
    ingest.start()
    page.goto(f"{api.url}/#microphone")
    expect(page.get_by_text("What is said appears here.")).to_be_visible()
    check("a microphone")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".lines .text")).to_have_text(["first"])
    check("a microphone that is open")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.")).to_be_visible()
    check("a microphone that was open")
    ingest.join(timeout=20)
    assert ingest.hello is not None
    page.goto(f"{api.url}/#microphone/{ingest.hello.id}")
    expect(page.get_by_text("The recording has ended.")).to_be_visible()
    check("what others read along")


def test_search(
    page: Page, api: Api, speaker: Speaker, check: Callable[..., None], wait_until: Callable[..., None]
) -> None:
    for text in ("God kväll.", "Kometen når Umeå i natt."):
        speaker.say(text, start_s=time.time())
    wait_until(lambda: api.http.get("/search?q=kometen").json()["results"], 20)
    page.goto(f"{api.url}/#search/kometen")
    expect(page.locator(".found mark")).to_be_visible()
    check("what was found")
    page.locator(".found a").click()
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()
    check("where it was said")


def test_overlay(page: Page, api: Api, check: Callable[..., None]) -> None:
    page.goto(f"{api.url}/overlay.html?source=stations/none")
    expect(page.get_by_role("alert")).to_contain_text("not found")
    check("the overlay", **{"page-has-heading-one": False})
