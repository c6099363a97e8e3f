"""Loading lines after a station's older lines, with a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api

pytestmark = pytest.mark.browser

#: A list that is full with 150 lines of the past, in a browser that leaves the place of its reader to the page, as
#: Safari does; the reader is at its end. What is asked for is answered with 100 that are later, as long as `isMore`.
FULL = """async () => {
  const { CaptionStore } = await import('/modules/store.js');
  await import('/modules/caption-list.js');
  await import('/modules/later-lines.js');
  const caption = (id) => {
    const start_s = 1e9 + 30 * id;
    return { id, revision: 0, start_s, end_s: start_s + 1, text: `Rad ${id}.`, final: true };
  };
  const captions = (from, count) => Array.from({ length: count }, (_, index) => caption(from + index));
  const store = new CaptionStore(150);
  store.fillPast(captions(1, 150));
  store.isPast = true;
  window.isMore = true;
  window.fetch = async () => Response.json({ captions: isMore ? captions(store.lines.at(-1).id, 101) : [] });
  const list = document.createElement('caption-list');
  list.style.height = '20rem';
  const later = document.createElement('later-lines');
  list.back = later;
  list.scroller.style.overflowAnchor = 'none';
  document.body.replaceChildren(list);
  list.show(store, true);
  later.follow('/a', store, list);
  await new Promise(requestAnimationFrame);
  list.scroller.scrollTop = list.scroller.scrollHeight;
}"""

#: How far below the top of the box the line stands that was the last one, in pixels.
STANDS = """() => {
  const line = [...document.querySelectorAll('.lines .text')].find(({ textContent }) => textContent === 'Rad 150.');
  return Math.round(line.getBoundingClientRect().top - document.querySelector('.lines').getBoundingClientRect().top);
}"""


def test_later_lines_are_added_without_moving_the_current_ones(page: Page, api: Api) -> None:
    page.goto(api.url)
    page.evaluate(FULL)
    button, state = page.get_by_role("button", name="Later lines"), page.locator("later-lines").get_by_role("status")
    expect(button).to_have_attribute("tabindex", "0")
    before = page.evaluate(STANDS)
    button.press("Enter")
    expect(page.locator(".lines .text").last).to_have_text("Rad 250.")
    assert page.evaluate(STANDS) == pytest.approx(before, abs=1)
    expect(state).to_contain_text("Later lines loaded, up to ")  # the lines themselves are not announced
    expect(page.locator(".lines")).to_be_focused()  # the button is out of view
    page.evaluate("isMore = false")
    button.click()
    expect(state).to_contain_text("No later lines yet.")
