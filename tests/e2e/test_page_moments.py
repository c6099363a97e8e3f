"""Addresses of moments in stations and recordings, with a real browser."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.integration.api_server import Api, Speaker
from wire.bus import Redis
from wire.messages import Job, State, Station, Status
from wire.sources import Jobs, Stations, Statuses

pytestmark = pytest.mark.browser


@pytest.fixture
def station(redis: Redis) -> Speaker:
    """A station of its own for each test: the archive keeps what those before it said."""
    id = f"m{time.time_ns()}"
    Stations(redis).add(Station(id, "P2", "http://127.0.0.1:9/p2.mp3", "sv"))
    Statuses(redis).save(Status(f"stations/{id}", State.RUNNING))
    return Speaker(redis, f"stations/{id}")


def talk(station: Speaker, count: int) -> float:
    """Commit lines 4 s apart, the last one now; return the start of the first."""
    begin_s = round(time.time(), 2) - 4.0 * count
    for number in range(count):
        station.say(f"Rad {number}.", start_s=begin_s + 4 * number)
    return begin_s


def address(station: Speaker, seconds: float | None = None) -> str:
    """Address of its page, or of a moment on it."""
    return f"#radio/{station.source.removeprefix('stations/')}" + (f"?at={seconds:.3f}" if seconds else "")


def marked(page: Page) -> Locator:
    return page.locator(".lines [aria-current=true]")


def test_moment_is_shown_among_the_lines_since(page: Page, api: Api, station: Speaker) -> None:
    begin_s = talk(station, 300)
    page.goto(f"{api.url}/{address(station, begin_s + 4 * 50 + 1)}")
    expect(marked(page).locator(".text")).to_have_text("Rad 50.")
    expect(marked(page)).to_be_in_viewport()
    expect(marked(page)).to_be_focused()  # so that screen readers read it
    expect(page.locator(".lines .text").first).to_have_text("Rad 20.")
    expect(page.locator(".lines .text").last).to_have_text("Rad 299.")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Copy link")).to_be_focused()
    station.say("Nu.", start_s=time.time())
    expect(page.locator(".lines .text").last).to_have_text("Nu.")
    expect(marked(page)).to_be_in_viewport()  # the position is kept
    page.get_by_role("button", name="Latest line").click()
    expect(page.locator(".lines .text").last).to_be_in_viewport()
    expect(marked(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Copy link")).to_have_count(0)
    assert page.url.endswith(address(station))


def test_old_moment_is_shown_with_links_to_later_and_live_lines(
    page: Page, api: Api, redis: Redis, station: Speaker
) -> None:
    begin_s = talk(station, 700)
    Statuses(redis).save(Status(station.source, State.RUNNING, title="Eftermiddag", activity="music"))
    title, activity = page.locator("header.station .playing"), page.locator(".now")
    page.goto(f"{api.url}/{address(station, begin_s + 4 * 50)}")
    expect(marked(page).locator(".text")).to_have_text("Rad 50.")
    expect(title).to_be_hidden()  # the current title does not apply
    expect(activity).to_be_empty()
    texts, latest = page.locator(".lines .text"), page.get_by_role("button", name="Latest line")
    expect(texts).to_have_count(500)
    text = page.get_by_role("link", name="Text", exact=True)
    assert f"from={begin_s + 80:.3f}&" in (text.get_attribute("href") or "")
    later = page.get_by_role("button", name="Later lines")
    expect(later).to_have_attribute("tabindex", "-1")  # it is out of view
    page.locator(".lines").evaluate("(box) => { box.scrollTop = box.scrollHeight; }")
    expect(later).to_have_attribute("tabindex", "0")
    for count in (599, 680):
        later.click()
        expect(texts).to_have_count(count)
    assert f"to={begin_s + 4 * 699 + 4:.3f}" in (text.get_attribute("href") or "")
    later.click()
    expect(page.locator("later-lines").get_by_role("status")).to_contain_text("No later lines yet.")
    page.locator(".lines").evaluate("(box) => { box.scrollTop = 0; }")
    page.get_by_role("button", name="Earlier lines").click()
    expect(texts).to_have_count(700)
    expect(latest).to_be_visible()
    latest.click()
    expect(texts).to_have_count(120)
    expect(title).to_have_text("Eftermiddag")
    expect(activity).to_contain_text("Music")
    expect(page.locator(".lines")).to_be_focused()  # as if those lines had been loaded already
    expect(later).to_be_hidden()
    assert page.url.endswith(address(station))
    station.say("Nu.", start_s=time.time())
    expect(texts.last).to_have_text("Nu.")
    page.go_back()
    expect(marked(page).locator(".text")).to_have_text("Rad 50.")


def test_resizing_keeps_the_position_at_a_moment(page: Page, api: Api, station: Speaker) -> None:
    begin_s = round(time.time(), 2) - 400
    for number in range(40):
        station.say(f"Rad {number}. " + "Den är lång, och bryts. " * 4, start_s=begin_s + 10 * number)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{api.url}/{address(station, begin_s + 380)}")
    expect(marked(page).locator(".text")).to_contain_text("Rad 38.")
    expect(marked(page)).to_be_in_viewport()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate("() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
    for number in range(40, 60):
        station.say(f"Rad {number}.", start_s=begin_s + 10 * number)
    expect(page.locator(".lines .text").last).to_contain_text("Rad 59.")
    page.evaluate("() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
    expect(marked(page)).to_be_in_viewport()


def test_moment_without_captions_is_reported(page: Page, api: Api, station: Speaker) -> None:
    begin_s = talk(station, 3)
    station.say("Efter musiken.", start_s=time.time() + 1000)
    for ago_s, why in (
        (86_400, r"No captions are kept from .* or earlier\."),
        (-500, r"No captions at this time \(today"),
    ):
        page.goto(f"{api.url}/healthz")
        page.goto(f"{api.url}/{address(station, begin_s - ago_s)}")
        expect(page.get_by_role("alert")).to_contain_text(re.compile(why))
        expect(page.locator(".lines .text")).to_have_count(4)
        expect(marked(page)).to_have_count(0)


def test_time_of_a_line_links_to_it_and_the_link_is_copied(page: Page, api: Api, station: Speaker) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    begin_s = talk(station, 3)
    page.goto(f"{api.url}/{address(station)}")
    times = page.locator(".lines").get_by_role("link")
    expect(times).to_have_count(3)
    times.nth(0).click()
    expect(marked(page).locator(".text")).to_have_text("Rad 0.")
    times.nth(0).focus()
    for key in ("ArrowDown", "Enter", "ArrowRight"):
        page.keyboard.press(key)
    expect(marked(page).locator(".text")).to_have_text("Rad 1.")
    copy = page.get_by_role("button", name="Copy link")
    expect(copy).to_have_count(1)
    expect(copy).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.url == f"{api.url}/#radio/{station.source.split('/')[1]}?at={round(begin_s + 4, 3):g}" or (
        float(copied.split("?at=")[1]) == pytest.approx(begin_s + 4, abs=0.001)
    )
    page.goto(f"{api.url}/healthz")
    page.goto(copied)
    expect(marked(page).locator(".text")).to_have_text("Rad 1.")
    page.locator("station-list").get_by_text("P2").click()  # selecting the station follows it live
    expect(marked(page)).to_have_count(0)


def test_link_is_shown_if_it_cannot_be_copied(page: Page, api: Api, station: Speaker) -> None:
    talk(station, 1)
    page.add_init_script("delete Navigator.prototype.clipboard")  # as on an insecure page
    page.goto(f"{api.url}/{address(station)}")
    page.locator(".lines").get_by_role("link").click()
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.default_value), dialog.dismiss()))
    page.get_by_role("button", name="Copy link").click()
    assert asked == [page.url]


def test_moment_in_a_recording(page: Page, api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("moment", created_s=9e9, state=State.FINISHED, filename="möte.wav", duration_s=400.0))
    speaker = Speaker(redis, "jobs/moment")
    for number in range(80):
        speaker.say(f"Rad {number}.", start_s=5.0 * number)
    page.goto(f"{api.url}/#file/moment?at=251")
    expect(page.locator(".lines .text")).to_have_count(80)
    expect(marked(page).locator(".text")).to_have_text("Rad 50.")
    speaker.finish()
    expect(page.get_by_text("Download:")).to_be_visible()
    expect(marked(page)).to_be_in_viewport()
    page.goto(f"{api.url}/#file/moment?at=5")
    expect(marked(page).locator(".text")).to_have_text("Rad 1.")
    page.goto(f"{api.url}/#file/moment?at=251")
    expect(marked(page).locator(".text")).to_have_text("Rad 50.")
    page.goto(f"{api.url}/#file/moment")
    expect(marked(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Copy link")).to_have_count(0)
    expect(page.locator(".lines .text").first).to_be_in_viewport()
    page.goto(f"{api.url}/#file/moment?at=3000")
    expect(page.get_by_role("alert")).to_contain_text("No caption at 50:00.")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("No caption at 50:00.")
    page.goto(f"{api.url}/healthz")
    page.goto(f"{api.url}/#file/moment?at=250")
    expect(marked(page).locator(".text")).to_have_text("Rad 50.")
    expect(page.get_by_text("Download:")).to_be_visible()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(marked(page)).to_be_in_viewport()


def test_moment_near_the_end_stays_in_place_as_lines_arrive(page: Page, api: Api, station: Speaker) -> None:
    begin_s = talk(station, 40)
    page.goto(f"{api.url}/{address(station, begin_s + 4 * 38)}")
    expect(marked(page).locator(".text")).to_have_text("Rad 38.")
    for number in range(40, 70):
        station.say(f"Rad {number}.", start_s=time.time())
    expect(page.locator(".lines .text").last).to_have_text("Rad 69.")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(marked(page)).to_be_in_viewport()
    page.locator(".lines").hover()
    page.mouse.wheel(0, 10_000)
    expect(page.locator(".lines .text").last).to_be_in_viewport()
    station.say("Nu.", start_s=time.time())
    expect(page.locator(".lines .text").last).to_have_text("Nu.")
    expect(page.locator(".lines .text").last).to_be_in_viewport()  # following after moving on


def test_search_result_is_shown_after_redis_lost_its_data(
    page: Page, api: Api, redis: Redis, station: Speaker, wait_until: Callable[..., None]
) -> None:
    now_s = time.time()
    for number, text in enumerate(("Före giraffen.", "En giraff kommer.", "Efter giraffen.")):
        station.say(text, start_s=now_s - 300 + 5 * number)
    wait_until(lambda: api.http.get("/search", params={"q": "efter", "source": station.source}).json()["results"], 20)
    for key in redis.scan_iter(f"*{station.source}*"):
        redis.delete(key)
    again = Speaker(redis, station.source)
    for _ in range(4):
        again.say("Nytt liv.", start_s=now_s)
    page.goto(f"{api.url}/#search/giraff")
    page.get_by_role("link", name="P2, today").first.click()
    expect(marked(page).locator(".text")).to_have_text("En giraff kommer.")
    expect(page.locator(".lines .text")).to_have_text(
        ["Före giraffen.", "En giraff kommer.", "Efter giraffen.", *["Nytt liv."] * 4]
    )
    page.go_back()
    expect(page.get_by_label("Search for")).to_have_value("giraff")


def test_moment_in_the_first_hours_of_a_long_recording(page: Page, api: Api, redis: Redis) -> None:
    """Of its lines, 5,000 are shown: those around the moment rather than the newest."""
    Jobs(redis).save(Job("long", created_s=9e9, state=State.FINISHED, filename="dag.wav", duration_s=30_000.0))
    speaker = Speaker(redis, "jobs/long")
    speaker.say_many(5500)
    speaker.finish()
    page.goto(f"{api.url}/#file/long?at=5000")
    expect(marked(page).locator(".text")).to_have_text("line 1000", timeout=60_000)
    expect(page.get_by_text("100 earlier lines and all lines after 7:05:00 are not shown here.")).to_be_visible()
    page.get_by_role("button", name="Latest line").click()
    expect(page.locator(".lines .text").last).to_have_text("line 5500", timeout=60_000)
    expect(page).to_have_url(re.compile("#file/long$"))
    page.goto(f"{api.url}/#file/long?at=27000")
    expect(marked(page).locator(".text")).to_have_text("line 5400", timeout=60_000)
    expect(page.get_by_text("500 earlier lines are not shown here.")).to_be_visible()
