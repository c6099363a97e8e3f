"""Keeping the screen of a phone on while reading, with a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.integration.api_server import Api, Speaker

pytestmark = pytest.mark.browser

LOCKS = """
  window.locks = 0;
  const request = async () => {
    window.locks += 1;
    return { release: () => { window.locks -= 1; } };
  };
  Object.defineProperty(navigator, 'wakeLock', { value: { request } });
"""


@pytest.mark.parametrize("phone", [True, False])
def test_phone_screen_stays_on_while_lines_arrive(browser: Browser, api: Api, speaker: Speaker, phone: bool) -> None:
    with browser.new_context(has_touch=phone, is_mobile=phone) as context:
        page = context.new_page()
        page.add_init_script(LOCKS)
        page.clock.install()
        page.goto(api.url)
        for text in ("Ett.", "Två."):
            speaker.say(text)
            expect(page.locator(".lines .text").last).to_have_text(text)
        assert page.evaluate("locks") == int(phone), "a single lock however many lines arrive, and none with a mouse"
        page.clock.run_for(299_000)
        speaker.say("Tre.")
        expect(page.locator(".lines .text").last).to_have_text("Tre.")
        page.clock.run_for(299_000)
        assert page.evaluate("locks") == int(phone)
        page.clock.run_for(2_000)
        assert page.evaluate("locks") == 0, "no new lines"
        speaker.say("Fyra.")
        expect(page.locator(".lines .text").last).to_have_text("Fyra.")
        page.goto(f"{api.url}#search")
        expect(page.locator("search-view")).to_be_visible()
        assert page.evaluate("locks") == 0, "nor read"
