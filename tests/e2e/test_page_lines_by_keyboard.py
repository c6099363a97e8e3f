"""Keyboard access to the controls of caption lines, with a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.controls import correct, stops, time_of
from tests.e2e.correcting import kept
from tests.integration.api_server import Api, Speaker
from wire.bus import Redis
from wire.messages import Content, Job, State
from wire.sources import Jobs

pytestmark = pytest.mark.browser

LINES = 40


@pytest.fixture
def job(redis: Redis) -> Speaker:
    """A recording of lines, at 0:01, 0:02 and so on."""
    Jobs(redis).save(Job("j", created_s=9e9, state=State.RUNNING, filename="möte.wav", duration_s=60.0))
    speaker = Speaker(redis, "jobs/j")
    for number in range(1, LINES + 1):
        speaker.say(f"Rad {number}.", start_s=float(number))
    return speaker


def show(page: Page, api: Api, sound: Path | None = None) -> None:
    """Open the recording, with its audio if it is to be played."""
    page.goto(f"{api.url}#file/j")
    expect(page.locator(".lines p")).to_have_count(LINES)
    if sound:
        page.get_by_label("Listen along").set_input_files(sound)
        expect(time_of(page, 1)).to_be_attached()


def press(page: Page, *keys: str) -> None:
    """Press keys, one after the other."""
    for key in keys:
        page.keyboard.press(key)


def test_tab_goes_to_the_first_line_of_a_finished_recording(page: Page, api: Api, job: Speaker) -> None:
    job.finish()
    show(page, api)
    page.get_by_role("group", name="Captions", exact=True).focus()
    expect(page.locator(".lines time[tabindex='0']")).to_have_text("0:01")
    press(page, "Tab")
    expect(page.locator(".lines :focus")).to_have_text("0:01")
    assert page.locator(".lines").evaluate("(box) => box.scrollTop") == 0


def test_lines_have_a_single_tab_stop(page: Page, api: Api, job: Speaker, tone: Path) -> None:
    job.finish()
    show(page, api, tone)
    captions = page.get_by_role("group", name="Captions", exact=True)
    expect(captions).to_have_accessible_description(
        "Press Tab to reach the controls of one line, and the arrow keys to reach those of the others."
    )
    captions.focus()
    press(page, "Tab")
    expect(page.locator(".lines :focus")).to_have_count(1)
    press(page, "Tab")
    expect(page.locator(".lines :focus")).to_have_count(0)
    expect(captions).not_to_be_focused()
    press(page, "Shift+Tab", "Shift+Tab")
    expect(captions).to_be_focused()


def test_first_stop_is_the_newest_line_then_the_one_being_played(
    page: Page, api: Api, job: Speaker, tone: Path
) -> None:
    show(page, api)
    expect(stops(page)).to_have_text(f"0:{LINES}")  # a link to itself
    job.say("Och n", final_after=False, start_s=LINES + 1.0)
    expect(page.locator(".lines p")).to_have_count(LINES + 1)
    expect(stops(page)).to_have_text(f"0:{LINES}")  # the newest line has no control yet
    job.revise("Och nu.")
    expect(stops(page)).to_have_text(f"0:{LINES + 1}")
    page.get_by_label("Listen along").set_input_files(tone)
    page.evaluate("() => { document.querySelector('audio').currentTime = 5.5 }")
    expect(page.locator("[aria-current=true] .text")).to_have_text("Rad 5.")
    expect(stops(page)).to_have_text("0:05")
    job.say("Sist.", start_s=LINES + 2.0)
    expect(page.locator(".lines p")).to_have_count(LINES + 2)
    expect(stops(page)).to_have_text("0:05")


def test_arrow_keys_move_between_controls(page: Page, api: Api, job: Speaker, tone: Path) -> None:
    show(page, api, tone)
    page.evaluate("() => addEventListener('keydown', (event) => { window.taken = event.defaultPrevented })")
    time_of(page, 3).focus()
    for key, then in (
        ("ArrowDown", time_of(page, 4)),
        ("ArrowUp", time_of(page, 3)),
        ("ArrowLeft", time_of(page, 3)),  # no control on the left
        ("ArrowRight", correct(page, 3)),
        ("ArrowRight", correct(page, 3)),
        ("ArrowDown", correct(page, 4)),
        ("ArrowUp", correct(page, 3)),
        ("End", correct(page, LINES)),
        ("ArrowDown", correct(page, LINES)),
        ("Home", correct(page, 1)),
        ("ArrowUp", correct(page, 1)),
        ("ArrowLeft", time_of(page, 1)),
        ("End", time_of(page, LINES)),
        ("Home", time_of(page, 1)),
        ("Shift+ArrowDown", time_of(page, 1)),  # left to the browser
    ):
        press(page, key)
        expect(then).to_be_focused()
        expect(then).to_be_in_viewport()
        expect(stops(page)).to_have_count(1)
    assert not page.evaluate("window.taken")
    press(page, "ArrowDown")
    assert page.evaluate("window.taken")  # the default action, scrolling, is prevented
    press(page, "Tab", "Shift+Tab")
    expect(time_of(page, 2)).to_be_focused()  # the last focused control


def test_lines_without_the_control_are_skipped_if_a_later_one_has_it(
    page: Page, api: Api, job: Speaker, tone: Path
) -> None:
    show(page, api, tone)
    job.say(content=Content.GAP, reason="lost", start_s=LINES + 1.0)
    job.say("Efteråt.", start_s=LINES + 2.0)
    job.say("Och n", final_after=False, start_s=LINES + 3.0)
    expect(page.locator(".lines p")).to_have_count(LINES + 3)
    api.http.patch(f"/jobs/j/captions/{LINES}", json={"text": ""})
    expect(page.locator(".lines p:visible")).to_have_count(LINES + 2)
    correct(page, LINES - 1).focus()
    press(page, "ArrowDown")
    expect(correct(page, LINES + 2)).to_be_focused()
    press(page, "ArrowDown")
    expect(time_of(page, LINES + 3)).to_be_focused()
    press(page, "ArrowUp", "ArrowUp", "ArrowUp")
    expect(time_of(page, LINES - 1)).to_be_focused()


def test_line_is_corrected_by_keyboard(page: Page, api: Api, redis: Redis, job: Speaker, tone: Path) -> None:
    show(page, api, tone)
    time_of(page, 2).focus()
    press(page, "ArrowRight", "Enter")
    field = page.get_by_role("textbox", name="Caption text")
    expect(field).to_be_focused()
    expect(stops(page).locator("visible=true")).to_have_text(["0:02", "Mark as correct", "Discard changes"])
    press(page, "Home", "ArrowDown", "ArrowUp", "End", "ArrowLeft")  # keys of the text field
    expect(field).to_be_focused()
    press(page, "2", "Escape")
    expect(correct(page, 2)).to_be_focused()
    press(page, "ArrowDown", "Enter", "ArrowLeft", "3", "Enter")
    corrected = page.get_by_role("button", name="Corrected: line at 0:03")
    expect(corrected).to_be_focused()
    assert kept(redis)[1:3] == ["Rad 2.", "Rad 33."]
    page.on("dialog", lambda dialog: dialog.accept())
    press(page, "Enter", "ControlOrMeta+A", "Delete", "Enter")  # empties the text
    expect(correct(page, 4)).to_be_focused()
    expect(stops(page)).to_have_count(1)
    press(page, "ArrowUp")
    expect(correct(page, 2)).to_be_focused()


def test_line_removed_by_others_passes_focus_and_stop_to_the_next(page: Page, api: Api, job: Speaker) -> None:
    show(page, api)
    correct(page, LINES - 1).focus()
    for gone, then in ((LINES - 1, LINES), (LINES, LINES - 2)):
        api.http.patch(f"/jobs/j/captions/{gone}", json={"text": ""})
        expect(correct(page, then)).to_be_focused()
        expect(stops(page)).to_have_count(1)
    page.get_by_role("group", name="Captions", exact=True).focus()
    api.http.patch(f"/jobs/j/captions/{LINES - 2}", json={"text": ""})
    expect(stops(page)).to_have_accessible_name(f"Correct: line at 0:{LINES - 3}")
    expect(page.get_by_role("group", name="Captions", exact=True)).to_be_focused()  # the focus is not taken


def test_stop_stays_when_playback_fails(page: Page, api: Api, job: Speaker, tone: Path) -> None:
    show(page, api, tone)
    time_of(page, 7).focus()
    page.evaluate("() => { document.querySelector('audio').src = 'nothing.wav' }")  # playback fails
    expect(page.locator(".lines time[role=button]")).to_have_count(0)
    expect(page.get_by_role("link", name="0:07", exact=True)).to_be_focused()
    expect(stops(page)).to_have_count(1)
