"""A microphone that is muted, or that a telephone takes from the page, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api, Ingest

pytestmark = pytest.mark.browser

#: Holds what the page has of the microphone where the test finds it.
HELD = """
  const Context = AudioContext;
  window.AudioContext = class extends Context {
    constructor() {
      super();
      window.context = this;
    }
  };
  const devices = navigator.mediaDevices;
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (what) => (window.stream = await ask(what));
  window.locks = 0;
  const request = async () => {
    window.locks += 1;
    return { release: () => { window.locks -= 1; } };
  };
  Object.defineProperty(navigator, 'wakeLock', { value: { request } });
"""

#: As a browser does it, to whom the microphone is taken or given back.
MUTE = """(muted) => {
  const [track] = stream.getTracks();
  Object.defineProperty(track, 'muted', { value: muted, configurable: true });
  track.dispatchEvent(new Event(muted ? 'mute' : 'unmute'));
}"""


@pytest.fixture
def ingest(page: Page, api: Api, redis_url: str) -> Iterator[Ingest]:
    """What hears the microphone of a page that records."""
    ingest = Ingest(redis_url)
    ingest.start()
    page.add_init_script(HELD)
    page.goto(f"{api.url}#microphone")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("microphone-view .state")).to_contain_text("Recording")
    yield ingest
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("microphone-view .state")).to_have_text("Stopped.")
    assert page.evaluate("locks") == 0
    ingest.join(timeout=20)


def test_a_microphone_that_is_muted_is_told(page: Page, ingest: Ingest) -> None:
    state = page.locator("microphone-view .state [role=status]")
    page.evaluate(MUTE, True)
    expect(state).to_have_text("No sound: the microphone is muted or in use by a call.")
    ingest.heard(len(ingest.pcm) + 44_100)  # frames of silence, which do not say that it is recorded
    expect(state).to_have_text("No sound: the microphone is muted or in use by a call.")
    page.evaluate(MUTE, False)
    expect(state).to_have_text("Recording")


def test_a_microphone_that_was_taken_is_asked_for_again(page: Page, ingest: Ingest) -> None:
    page.evaluate("() => context.suspend()")
    ingest.heard(len(ingest.pcm) + 2 * 44_100)
    expect(page.locator("microphone-view .state")).to_contain_text("Recording")


def test_the_screen_stays_on_while_a_microphone_is_open(page: Page, ingest: Ingest) -> None:
    assert page.evaluate("locks") == 1  # a telephone that locks itself takes the microphone from the page
