"""The single Tab stop of live caption lines, with a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.controls import correct, stops, time_of
from tests.integration.api_server import Api

pytestmark = pytest.mark.browser

#: A list of five live lines that can be played: `say(id, text, …)` has one come, or revises it.
LIVE = """async () => {
  const { CaptionStore } = await import('/modules/store.js');
  const list = document.createElement('caption-list');
  document.body.replaceChildren(list);
  const store = new CaptionStore(5);
  list.show(store, false);
  list.enablePlayback(() => {});
  window.list = list;
  window.store = store;
  let event = 0;
  window.say = (id, text, more = {}) => {
    const times = { start_s: id, end_s: id + 1 };
    store.apply({ type: 'caption', event: event += 1, id, revision: event, text, final: true, ...times, ...more });
  };
  for (let id = 1; id <= 5; id += 1) window.say(id, `Rad ${id}.`);
}"""


@pytest.fixture
def live(page: Page, api: Api) -> Page:
    page.goto(api.url)
    page.evaluate(LIVE)
    return page


def test_changing_lines_neither_steal_nor_lose_the_focus(live: Page) -> None:
    expect(stops(live)).to_have_text("0:05")
    time_of(live, 2).focus()
    live.evaluate("() => say(6, 'Och', { final: false })")
    live.evaluate("() => say(6, 'Och nu.')")
    expect(live.locator(".lines p")).to_have_count(5)
    expect(time_of(live, 2)).to_be_focused()
    live.evaluate("() => say(7, 'Sju.')")  # the second line is dropped
    expect(time_of(live, 3)).to_be_focused()
    expect(stops(live)).to_have_text("0:03")
    live.evaluate("() => { for (let id = 8; id <= 20; id += 1) say(id, 'Till.') }")
    expect(time_of(live, 16)).to_be_focused()
    expect(stops(live)).to_have_text("0:16")
    live.evaluate("() => store.clear()")
    expect(live.locator(".lines")).to_be_focused()
    live.evaluate("() => { say(1, 'Om igen.'); say(2, 'Och om igen.') }")
    expect(live.locator(".lines")).to_be_focused()
    expect(stops(live)).to_have_text("0:02")  # as initially


def test_stop_follows_the_played_line_until_a_control_was_focused(live: Page) -> None:
    live.evaluate("() => list.mark(3.5)")
    expect(stops(live)).to_have_text("0:03")
    time_of(live, 2).focus()
    live.evaluate("() => list.mark(4.5)")
    expect(live.locator("[aria-current=true] time")).to_have_text("0:04")
    expect(stops(live)).to_have_text("0:02")


def test_stop_follows_the_newest_line_until_a_control_was_focused(live: Page) -> None:
    live.evaluate("() => { say(6, 'Sex.'); say(7, 'Sju.') }")
    expect(stops(live)).to_have_text("0:07")
    live.evaluate("() => say(6, '')")  # empties the text
    live.evaluate("() => say(7, '')")
    expect(stops(live)).to_have_text("0:05")
    live.evaluate("() => say(6, 'Sex, trots allt.')")
    expect(stops(live)).to_have_text("0:06")
    live.evaluate("() => list.enablePlayback(null)")
    expect(stops(live)).to_have_count(0)
    expect(live.locator(".lines")).to_have_accessible_description("")
    live.evaluate("() => { list.enablePlayback(() => {}); list.enablePlayback(() => {}) }")  # replaces the handler
    expect(stops(live)).to_have_text("0:06")
    live.evaluate("() => { for (const { key } of store.lines) store.remove(key) }")
    live.evaluate("() => say(8, 'Efter allt.')")
    expect(stops(live)).to_have_text("0:08")


@pytest.mark.parametrize("leads", [True, False])
def test_line_removed_while_edited_passes_the_focus_to_the_next(live: Page, leads: bool) -> None:
    live.evaluate("(leads) => { if (!leads) list.enablePlayback(null) }", leads)
    live.evaluate("() => { list.enableCorrections(async () => {}); say(6, 'Sex.'); say(7, 'Sju.'); say(8, 'Åtta.') }")
    correct(live, 6).press("Enter")
    expect(live.get_by_role("textbox", name="Caption text")).to_be_focused()
    live.evaluate("() => store.remove(6)")
    expect(correct(live, 7)).to_be_focused()
    expect(stops(live)).to_have_count(1)


#: How many elements are asked whether they are controls, where a line comes, goes or is revised, among 5,000.
ASKED = """async (tag) => {
  const { RovingTabindex } = await import('/modules/roving-tabindex.js');
  const list = document.body.appendChild(document.createElement('div'));
  list.tabIndex = 0;
  const roving = new RovingTabindex(list, 'button');
  const add = () => {
    const line = document.createElement('p');
    line.append(document.createElement(tag));
    roving.change(line, () => list.append(line));
    return line;
  };
  for (let n = 0; n < 5000; n += 1) add();
  let asked = 0;
  const { matches } = Element.prototype;
  Element.prototype.matches = function (...selectors) {
    asked += 1;
    return matches.apply(this, selectors);
  };
  const newest = add();
  roving.change(newest, () => {});
  roving.change(list.children[2500], () => {});
  roving.change(newest, () => newest.remove());
  roving.change(list.firstElementChild, () => list.firstElementChild.remove());
  return asked;
}"""


@pytest.mark.parametrize("tag", ["button", "span"])  # with and without controls
def test_cost_of_a_change_is_independent_of_the_number_of_lines(page: Page, api: Api, tag: str) -> None:
    page.goto(api.url)
    assert 0 < page.evaluate(ASKED, tag) < 20
