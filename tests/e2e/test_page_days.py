"""Date headings among a station's lines, with a real browser."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.correcting import opened
from tests.integration.api_server import Api, Speaker
from wire.bus import Redis
from wire.messages import Station
from wire.sources import Stations

pytestmark = pytest.mark.browser

#: The marks alone, and lines for them that begin at midnight and seconds around it.
ALONE = """async () => {
  const { DayMarks } = await import('/modules/day-marks.js');
  const box = document.createElement('div');
  document.body.replaceChildren(box);
  const marks = new DayMarks();
  const midnight = new Date(2026, 10, 30).getTime() / 1000;
  Object.assign(window, {
    line: (second, before = null) => {
      const line = document.createElement('p');
      box.insertBefore(line, before);
      marks.note(line, midnight + second);
      return line;
    },
    hide: (line) => marks.remove(line),
    remove: (line) => {
      marks.remove(line);
      line.remove();
    },
    note: (line, second) => marks.note(line, midnight + second),
    now: (second) => { Date.now = () => 1000 * (midnight + second); },
    shown: () => [...box.children].map((each) => each.querySelector('time')?.dateTime ?? each.localName),
  });
}"""

BEFORE, AFTER = "2026-11-29", "2026-11-30"


@pytest.fixture
def station(redis: Redis) -> Speaker:
    """A station of its own for each test: the archive keeps what those before it said."""
    id = f"d{time.time_ns()}"
    Stations(redis).add(Station(id, "P2", "http://127.0.0.1:9/p2.mp3", "sv"))
    return Speaker(redis, f"stations/{id}")


def midnight_s(day: date) -> float:
    return datetime(day.year, day.month, day.day).timestamp()


def test_each_day_begins_with_its_date(page: Page, api: Api, station: Speaker) -> None:
    yesterday = date.today() - timedelta(days=1)
    for text, second in (("I förrgår.", -10), ("Också.", -5), ("I går.", 5)):
        station.say(text, start_s=midnight_s(yesterday) + second)
    station.say("I dag.", start_s=time.time())
    page.goto(f"{api.url}/#radio/{station.source.split('/')[1]}")
    days = page.locator(".lines").get_by_role("heading")
    expect(days).to_have_count(3)
    expected = [yesterday - timedelta(days=1), yesterday, date.today()]
    for at, day in enumerate(expected):
        expect(days.nth(at).locator("time")).to_have_attribute("datetime", day.isoformat())
        expect(days.nth(at)).to_contain_text(f"{day:%A} {day.day} {day:%B}")
    shown = page.locator(".lines > :not([hidden])").evaluate_all("(all) => all.map((each) => each.localName)")
    assert shown == ["h3", "p", "p", "h3", "p", "h3", "p"]


def test_lines_of_today_have_no_date(page: Page, api: Api, station: Speaker) -> None:
    station.say("Nu.", start_s=time.time())
    page.goto(f"{api.url}/#radio/{station.source.split('/')[1]}")
    expect(page.locator(".lines .text")).to_have_count(1)
    expect(page.locator(".lines").get_by_role("heading")).to_have_count(0)


def test_dates_are_updated_as_lines_are_added_and_removed(page: Page, api: Api) -> None:
    page.goto(f"{api.url}/healthz")
    page.evaluate(ALONE)
    page.evaluate("now(60); window.c = line(10)")
    assert page.evaluate("shown()") == ["p"]
    page.evaluate("window.b = line(-10, c)")
    assert page.evaluate("shown()") == [BEFORE, "p", AFTER, "p"]
    page.evaluate("window.a = line(-20, b)")
    assert page.evaluate("shown()") == [BEFORE, "p", "p", AFTER, "p"]
    page.evaluate("remove(a)")
    assert page.evaluate("shown()") == [BEFORE, "p", AFTER, "p"]
    page.evaluate("note(b, 1)")  # its start was revised
    assert page.evaluate("shown()") == ["p", "p"]
    page.evaluate("remove(b); now(86_400); line(86_401)")  # a new day begins while reading
    assert page.evaluate("shown()") == [AFTER, "p", "2026-12-01", "p"]


def test_day_without_lines_has_no_date(page: Page, api: Api) -> None:
    page.goto(f"{api.url}/healthz")
    page.evaluate(ALONE)
    page.evaluate("now(60); window.b = line(-10); window.c = line(10)")
    page.evaluate("hide(b)")  # hidden lines may be shown again
    assert page.evaluate("shown()") == ["p", "p"]
    page.evaluate("hide(c); window.d = line(20)")
    assert page.evaluate("shown()") == ["p", "p", "p"]
    page.evaluate("note(b, -10)")
    assert page.evaluate("shown()") == [BEFORE, "p", "p", AFTER, "p"]


def test_removing_the_only_line_of_a_day_removes_its_date(page: Page, api: Api, station: Speaker) -> None:
    station.say("I går.", start_s=midnight_s(date.today() - timedelta(days=1)) + 5)
    station.say("I dag.", start_s=time.time())
    page.goto(f"{api.url}/#radio/{station.source.split('/')[1]}")
    days = page.locator(".lines").get_by_role("heading")
    expect(days).to_have_count(2)
    page.get_by_role("button", name="Correct captions").click()
    page.once("dialog", lambda question: question.accept())  # the confirmation
    opened(page, 0).fill("")
    page.keyboard.press("Enter")
    expect(page.locator(".lines p:visible")).to_have_count(1)
    expect(days).to_have_count(0)


#: How many elements are visited where the first of 5,000 lines without a day is removed.
VISITED = """() => {
  const box = document.querySelector('body > div');
  for (let n = 0; n < 5000; n += 1) box.append(document.createElement('p'));
  let visited = 0;
  const { get } = Object.getOwnPropertyDescriptor(Element.prototype, 'nextElementSibling');
  Object.defineProperty(Element.prototype, 'nextElementSibling', {
    get() {
      visited += 1;
      return get.call(this);
    },
  });
  remove(box.firstElementChild);
  return [visited, box.childElementCount];
}"""


def test_removing_a_line_without_a_day_visits_no_others(page: Page, api: Api) -> None:
    """Of a recording of some hours, thousands of lines are removed while it loads."""
    page.goto(api.url)
    page.evaluate(ALONE)
    assert page.evaluate(VISITED) == [0, 4999]
