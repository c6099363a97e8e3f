"""Following the newest line, with a real browser, whenever it lays out the lines."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api, Speaker
from wire.bus import Redis
from wire.messages import Job, State, Status
from wire.sources import Jobs, Statuses

pytestmark = pytest.mark.browser

#: A list of sixty live lines, the last of which is long: `say(id, text)` has one come, or revises it.
LIVE = """async () => {
  const { CaptionStore } = await import('/modules/store.js');
  const list = document.createElement('caption-list');
  list.style.height = '20rem';
  document.body.replaceChildren(list);
  const store = new CaptionStore();
  list.show(store, false);
  window.list = list;
  window.frame = () => new Promise(requestAnimationFrame);
  let event = 0;
  window.say = (id, text) => {
    const times = { start_s: id, end_s: id + 1 };
    store.apply({ type: 'caption', event: event += 1, id, revision: event, text, final: true, ...times });
  };
  for (let id = 1; id < 60; id += 1) say(id, `Rad ${id}.`);
  say(60, 'En lång rad. '.repeat(20));
  await frame();
  await frame();
}"""


def test_following_continues_after_a_line_became_shorter(page: Page, api: Api) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(api.url)
    page.evaluate(LIVE)
    after = page.evaluate("""async () => {
      await frame();
      say(60, 'En lång rad. '.repeat(16));
      list.scroller.scrollTop -= 1; // Safari goes up to the end at once, others in the next frame, if they must
      const height = list.scroller.scrollHeight;
      for (let id = 61; id <= 70; id += 1) say(id, `Rad ${id}.`);
      list.scroller.dispatchEvent(new Event('scroll')); // which it tells then
      for (let count = 0; count < 3; count += 1) await frame();
      const { scrollTop, scrollHeight, clientHeight } = list.scroller;
      const below = scrollHeight - scrollTop - clientHeight;
      return { grown: scrollHeight - height, below, isOffered: !list.latest.hidden };
    }""")
    assert after["grown"] > 200
    assert after["below"] < 2
    assert not after["isOffered"]


def test_reading_from_the_top_does_not_follow_even_near_the_end(page: Page, api: Api) -> None:
    page.goto(api.url)
    page.evaluate(LIVE)
    above = page.evaluate("""async () => {
      list.style.height = `${list.scroller.scrollHeight - 60}px`;
      await frame();
      await frame();
      list.fromTop();
      await frame();
      list.style.height = `${list.scroller.scrollHeight - 70}px`; // as where what is above it becomes higher
      for (let count = 0; count < 3; count += 1) await frame();
      return list.scroller.scrollTop;
    }""")
    assert above == 0


def test_failed_recording_is_shown_from_its_beginning(page: Page, api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, filename="möte.mp3", state=State.FAILED, error="its server went away"))
    speaker = Speaker(redis, "jobs/j")
    for number in range(40):
        speaker.say(f"Rad {number}.")
    page.goto(f"{api.url}#file/j")
    expect(page.locator(".lines .text")).to_have_count(40)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(page.locator(".lines .text").first).to_be_in_viewport()


def test_ended_microphone_recording_is_shown_from_its_beginning(page: Page, api: Api, redis: Redis) -> None:
    Statuses(redis).save(Status("microphones/a1", State.FINISHED))
    speaker = Speaker(redis, "microphones/a1")
    for number in range(40):
        speaker.say(f"Rad {number}.", start_s=1_796_000_000.0 + number)
    speaker.finish()
    page.goto(f"{api.url}#microphone/a1")
    expect(page.locator(".lines .text")).to_have_count(40)
    expect(page.get_by_text("The recording has ended.")).to_be_visible()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(page.locator(".lines .text").first).to_be_in_viewport()
