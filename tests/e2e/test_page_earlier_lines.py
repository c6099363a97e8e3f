"""Loading a station's earlier lines, with a real browser."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.correcting import kept, opened
from tests.integration.api_server import Api, Speaker
from wire.bus import Redis
from wire.messages import State, Station, Status
from wire.sources import Stations, Statuses

pytestmark = pytest.mark.browser

#: A line, and how far below the top of the box it stands, in pixels; without a key, the first one that is whole.
STANDS = """(key) => {
  const box = document.querySelector('.lines');
  const below = (line) => Math.round(line.getBoundingClientRect().top - box.getBoundingClientRect().top);
  const lines = [...box.querySelectorAll('p')];
  const line = lines.find((each) => (key ? Number(each.dataset.key) === key : below(each) > -1));
  return [Number(line.dataset.key), below(line)];
}"""

#: The element alone, in front of the lines of a station that has said `count`; answers come when `answer` is called.
ALONE = """async (count) => {
  const { CaptionStore } = await import('/modules/store.js');
  await import('/modules/earlier-lines.js');
  const caption = (id) => {
    const start_s = 1e9 + id;
    return { type: 'caption', id, revision: 0, event: id, start_s, end_s: start_s + 1, text: 'Ord', final: true };
  };
  const element = document.createElement('earlier-lines');
  document.body.replaceChildren(element);
  const asked = [];
  window.fetch = (path) => new Promise((resolve) => {
    asked.push({ path, answer: (...ids) => resolve(Response.json({ captions: ids.map(caption) })) });
  });
  const follow = (path) => {
    const store = new CaptionStore(count);
    store.fill(Array.from({ length: count }, (_, index) => caption(101 + index)));
    element.follow(path, store, { keepPlace: (change) => change(), scroller: document.body });
    return store;
  };
  const answer = async (...ids) => { // waits for what is asked
    for (let left = 300; !asked.length && left; left -= 1) await new Promise(requestAnimationFrame);
    asked.pop().answer(...ids);
  };
  const live = (id) => store.apply(caption(id));
  Object.assign(window, { element, asked, answer, follow, store: follow('/a'), live });
}"""


@pytest.fixture
def station(redis: Redis) -> Speaker:
    """A station of its own for each test: the archive keeps what those before it said."""
    id = f"s{time.time_ns()}"
    Stations(redis).add(Station(id, "P2", "http://127.0.0.1:9/p2.mp3", "sv"))
    Statuses(redis).save(Status(f"stations/{id}", State.RUNNING, audio_kept_s=900))
    return Speaker(redis, f"stations/{id}")


@pytest.fixture
def talk(station: Speaker) -> Speaker:
    """A station with ten lines before half an hour of music, then twenty, then 120 that are shown initially."""
    now_s = time.time()
    for text, count, ago_s in (("Före musiken", 10, 2000), ("Efter musiken", 20, 560), ("Nyss", 120, 480)):
        for number in range(count):
            station.say(f"{text} {number}.", start_s=now_s - ago_s + 4 * number)
    return station


def address(api: Api, station: Speaker) -> str:
    """Address of its page."""
    return f"{api.url}#radio/{station.source.removeprefix('stations/')}"


def test_earlier_lines_are_inserted_without_moving_the_current_ones(
    page: Page, api: Api, redis: Redis, talk: Speaker
) -> None:
    page.goto(address(api, talk))
    lines, text = page.locator(".lines"), page.locator(".lines .text")
    expect(text).to_have_count(120)
    button = page.get_by_role("button", name="Earlier lines")
    expect(button).to_be_attached()
    expect(text.last).to_be_in_viewport()
    lines.focus()
    page.keyboard.press("Tab")
    expect(button).not_to_be_focused()  # it is out of view
    lines.focus()
    page.keyboard.press("Home")
    expect(button).to_have_attribute("tabindex", "0")
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    before = page.evaluate(STANDS)
    spoken = page.get_by_role("log").locator("p").count()
    page.keyboard.press("Enter")
    expect(text).to_have_count(140)
    expect(text.first).to_have_text("Efter musiken 0.")
    assert page.evaluate(STANDS, before[0]) == pytest.approx(before, abs=1)
    expect(lines).to_be_focused()
    expect(page.locator("earlier-lines").get_by_role("status")).to_contain_text("20 earlier lines loaded, back to ")
    assert page.get_by_role("log").locator("p").count() == spoken, "they must not be announced"
    lines.evaluate("(box) => { box.scrollTop = 20; }")
    before = page.evaluate(STANDS)
    button.dispatch_event("click")
    expect(text.first).to_have_text("Före musiken 0.")
    assert page.evaluate(STANDS, before[0]) == pytest.approx(before, abs=1)
    expect(button).to_be_hidden()
    expect(page.locator("earlier-lines").get_by_role("status")).to_contain_text("No earlier lines are kept.")
    expect(lines.locator("p").filter(has_text="Efter musiken 3.").locator("time[role=button]")).to_have_count(1)
    expect(lines.locator("p").filter(has_text="Före musiken 3.").locator("time[role=link]")).to_have_count(
        1
    )  # too old to replay
    page.get_by_role("button", name="Correct captions").click()
    opened(page, 0).fill("Före musik.")
    page.keyboard.press("Enter")
    expect(text.first).to_have_text("Före musik.")
    assert kept(redis, talk.source)[0] == "Före musik."


def test_button_is_hidden_if_there_are_no_earlier_lines(page: Page, api: Api, station: Speaker) -> None:
    station.say("Den första raden.", start_s=time.time())
    with page.expect_response("**/captions.json?*limit=1"):
        page.goto(address(api, station))
    expect(page.locator(".lines .text")).to_have_count(1)
    expect(page.get_by_role("button", name="Earlier lines")).to_be_hidden()


def test_lines_dropped_from_a_full_list_can_be_loaded_again(page: Page, api: Api) -> None:
    page.goto(f"{api.url}/healthz")  # a page without requests of its own
    page.evaluate(ALONE, 1)
    page.evaluate("answer()")
    button = page.get_by_role("button", name="Earlier lines")
    expect(button).to_be_hidden()
    page.evaluate("live(102)")
    page.evaluate("answer(101)")
    button.click()
    page.evaluate("answer(101, 102)")
    expect(page.locator("earlier-lines").get_by_role("status")).to_contain_text("1 earlier line loaded, back to ")


def test_pending_request_of_another_station_does_not_block(page: Page, api: Api) -> None:
    page.goto(f"{api.url}/healthz")  # a page without requests of its own
    page.evaluate(ALONE, 1)
    button, state = (
        page.get_by_role("button", name="Earlier lines"),
        page.locator("earlier-lines").get_by_role("status"),
    )
    page.evaluate("answer(1)")
    button.click()
    expect(state).to_have_text("Loading earlier lines…")
    page.evaluate("window.before = asked.pop(); follow('/b'); answer(1)")
    expect(state).to_be_empty()
    button.click()
    assert page.evaluate("asked.length === 1 && asked[0].path.startsWith('/b.json')")
    page.evaluate("before.answer(99, 100)")
    page.evaluate("asked[0].answer(98, 99, 100)")
    expect(state).to_contain_text("3 earlier lines loaded, back to ")
    assert page.evaluate("store.lines.length") == 1


def test_full_list_refers_to_search(page: Page, api: Api) -> None:
    page.goto(f"{api.url}/healthz")  # a page without requests of its own
    page.evaluate(ALONE, 4998)
    page.evaluate("answer(1)")
    state = page.locator("earlier-lines").get_by_role("status")
    page.get_by_role("button", name="Earlier lines").click()
    page.evaluate("answer(97, 98, 99, 100)")
    expect(state).to_contain_text("2 earlier lines loaded, back to ")
    expect(state).to_contain_text("Use Search to find anything earlier.")
    assert page.evaluate("store.first.key") == 99
    page.evaluate("live(6000)")
    expect(state).to_have_text("Use Search to find anything earlier.")


def test_nothing_is_lost_if_the_first_line_is_dropped_during_a_request(page: Page, api: Api) -> None:
    page.goto(f"{api.url}/healthz")  # a page without requests of its own
    page.evaluate(ALONE, 2)
    page.evaluate("answer(1)")
    page.get_by_role("button", name="Earlier lines").click()
    page.evaluate("live(103); answer(99, 100)")
    page.evaluate("answer(99, 100, 101)")
    expect(page.locator("earlier-lines").get_by_role("status")).to_contain_text("3 earlier lines loaded, back to ")
    assert page.evaluate("store.lines.map(({ key }) => key)") == [99, 100, 101, 102, 103]


def test_error_while_loading_earlier_lines_is_shown(page: Page, api: Api, talk: Speaker) -> None:
    page.goto(address(api, talk))
    expect(page.locator(".lines .text")).to_have_count(120)
    page.locator(".lines").evaluate("(box) => { box.scrollTop = 0; }")
    page.route("**/captions.json*", lambda route: route.abort())
    page.get_by_role("button", name="Earlier lines").click()
    expect(page.locator("earlier-lines")).to_contain_text("Could not load earlier lines. The server is not responding.")
    page.unroute("**/captions.json*")
    page.get_by_role("button", name="Earlier lines").click()
    expect(page.locator(".lines .text")).to_have_count(140)
