"""Captions in a right-to-left script, with a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.integration.api_server import Api, Speaker
from wire.bus import Redis
from wire.messages import State, Status
from wire.sources import Statuses

pytestmark = pytest.mark.browser

TEXT = "مرحبا بالعالم."


def ends_left(line: Locator) -> bool:
    """Whether the last character, a full stop, is to the left of the first one."""
    found: bool = line.evaluate(
        """line => {
            const left = (from) => {
                const range = document.createRange();
                range.setStart(line.firstChild, from);
                range.setEnd(line.firstChild, from + 1);
                return range.getBoundingClientRect().left;
            };
            return left(line.firstChild.length - 1) < left(0);
        }"""
    )
    return found


@pytest.mark.parametrize(
    ("path", "lines"),
    [("/#radio/p1", ".lines .text"), ("/#wall", ".said p"), ("/overlay.html?source=stations/p1", "p")],
)
def test_full_stop_is_on_the_left(page: Page, api: Api, redis: Redis, speaker: Speaker, path: str, lines: str) -> None:
    Statuses(redis).save(Status("stations/p1", State.RUNNING, epoch=1))
    with page.expect_websocket():
        page.goto(f"{api.url}{path}")
    speaker.say(TEXT, language="ar")
    expect(page.locator(lines)).to_have_text([TEXT])
    assert ends_left(page.locator(lines))
