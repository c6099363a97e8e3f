"""The page's list of earlier recordings, with a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api, Speaker, running
from wire.bus import Redis
from wire.messages import Job
from wire.sources import Jobs

pytestmark = pytest.mark.browser


def test_list_follows_the_current_recording(page: Page, api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, filename="möte.mp3"))
    page.goto(f"{api.url}#file/j")
    page.get_by_text("Earlier recordings", exact=True).click()
    entry = page.get_by_role("link", name="möte.mp3")
    expect(entry).to_contain_text("Waiting")
    expect(page.locator("job-panel .state")).to_have_text("Waiting")
    entry.focus()
    speaker = Speaker(redis, "jobs/j")
    speaker.say("Hej.")
    speaker.finish()
    expect(entry).to_contain_text("Captions complete")
    expect(entry).to_be_focused()


def test_fifty_recordings_are_listed_and_more_on_request(page: Page, api: Api, redis: Redis) -> None:
    for number in range(60):
        Jobs(redis).save(Job(f"j{number}", created_s=1e9 - number, filename=f"möte {number}.mp3"))
    page.goto(f"{api.url}#file")
    page.get_by_text("Earlier recordings", exact=True).click()
    expect(page.locator("job-list a")).to_have_count(50)
    page.get_by_role("button", name="Show more").press("Enter")
    expect(page.locator("job-list a")).to_have_count(60)
    expect(page.get_by_role("link", name="möte 50.mp3")).to_be_focused()
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()


def test_without_a_token_recordings_are_not_listed_and_it_is_not_requested(
    page: Page, redis: Redis, redis_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, filename="privat.mp3"))
    speaker = Speaker(redis, "jobs/j")
    speaker.say("Första raden.")
    speaker.finish()
    with running(redis_url, free_port(), tmp_path, API_TOKEN="sesam") as api:
        page.goto(f"{api.url}#file/j")  # links can be shared without a token
        expect(page.locator(".lines .text")).to_have_text(["Första raden."])
        expect(page.get_by_text("token to list earlier recordings")).to_be_visible()
        expect(page.locator("job-list")).not_to_contain_text("privat.mp3")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.get_by_role("alert")).to_be_empty()
        page.get_by_role("button", name="Enter token").click()
        page.get_by_role("textbox", name="Token").fill("wrong")
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Enter token").click()
        page.get_by_role("textbox", name="Token").fill("sesam")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Earlier recordings", exact=True)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="privat.mp3")).to_be_visible()
        expect(page.get_by_role("button", name="Enter token")).to_be_hidden()
