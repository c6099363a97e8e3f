"""A microphone that is muted, or taken from the page by a phone, with a real browser."""

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
    """The ingest side of a page that is recording."""
    ingest = Ingest(redis_url)
    ingest.start()
    page.add_init_script(HELD)
    page.goto(f"{api.url}#microphone")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("microphone-view .state")).to_contain_text("Listening")
    yield ingest
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("microphone-view .state")).to_have_text("Stopped.")
    assert page.evaluate("locks") == 0
    ingest.join(timeout=20)


def test_muted_microphone_is_reported(page: Page, ingest: Ingest) -> None:
    state = page.locator("microphone-view .state [role=status]")
    page.evaluate(MUTE, True)
    expect(state).to_have_text("No sound: the microphone is muted or in use by a call.")
    ingest.heard(len(ingest.pcm) + 44_100)  # frames of silence do not change the state
    expect(state).to_have_text("No sound: the microphone is muted or in use by a call.")
    page.evaluate(MUTE, False)
    expect(state).to_have_text("Listening")


def test_suspended_microphone_is_resumed(page: Page, ingest: Ingest) -> None:
    page.evaluate("() => context.suspend()")
    ingest.heard(len(ingest.pcm) + 2 * 44_100)
    expect(page.locator("microphone-view .state")).to_contain_text("Listening")


def test_screen_stays_on_while_recording(page: Page, ingest: Ingest) -> None:
    assert page.evaluate("locks") == 1  # a phone that locks itself would suspend the microphone
