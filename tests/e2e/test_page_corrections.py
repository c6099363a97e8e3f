"""Correcting the captions of a recording on the page, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.correcting import kept, opened
from tests.integration.api_server import Api, Speaker, running
from wire.bus import Redis
from wire.captions import CaptionLog
from wire.messages import Content, Job, State, Word
from wire.sources import Jobs

pytestmark = pytest.mark.browser


@pytest.fixture
def job(redis: Redis) -> Speaker:
    Jobs(redis).save(Job("j", created_s=9e9, state=State.RUNNING, filename="möte.mp3", duration_s=40.0))
    speaker = Speaker(redis, "jobs/j")
    speaker.say("Väderet i skona.", start_s=1.0, words=(Word("Väderet", 1, 2, 0.3),))
    speaker.say("Tack för att ni tittade!", start_s=6.0)
    return speaker


def test_a_line_is_corrected(page: Page, api: Api, redis: Redis, job: Speaker) -> None:
    job.finish()
    page.goto(f"{api.url}#file/j")
    field = opened(page, 0)
    expect(field).to_be_focused()
    expect(field).to_have_value("Väderet i skona.")
    field.fill("Vädret i Skåne.")
    field.press("Enter")
    expect(page.locator(".lines .text")).to_have_text(["Vädret i Skåne.", "Tack för att ni tittade!"])
    expect(field).to_have_count(0)
    button = page.get_by_role("button", name="Corrected: line at 0:01")
    expect(button).to_be_focused()
    expect(page.get_by_role("log").locator("p").last).to_have_text("Vädret i Skåne.")  # read out
    assert kept(redis) == ["Vädret i Skåne.", "Tack för att ni tittade!"]
    page.reload()
    expect(page.locator(".lines .text")).to_have_text(["Vädret i Skåne.", "Tack för att ni tittade!"])
    expect(button).to_be_visible()


def test_a_line_that_is_right_is_kept_as_one_that_was_read(page: Page, api: Api, redis: Redis, job: Speaker) -> None:
    job.finish()
    page.goto(f"{api.url}#file/j")
    field = opened(page, 1)
    right = page.get_by_role("button", name="Mark as correct")
    expect(right).to_be_visible()
    field.fill("Tack!")
    expect(right).to_have_count(0)
    field.fill("Tack för att ni tittade!")
    right.click()
    expect(page.get_by_role("button", name="Corrected: line at 0:06")).to_be_focused()
    newest = CaptionLog(redis).read("jobs/j")[-1]
    assert (newest.text, newest.corrected, newest.revision) == ("Tack för att ni tittade!", True, 1)


def test_what_plays_pauses_while_a_line_is_corrected(page: Page, api: Api, job: Speaker, tone: Path) -> None:
    job.finish()
    page.goto(f"{api.url}#file/j")
    page.get_by_label("Listen along").set_input_files(tone)
    page.get_by_role("button", name="0:01", exact=True).click()
    page.wait_for_function("() => document.querySelector('audio').currentTime > 1.1")
    opened(page, 0)
    page.wait_for_function("() => document.querySelector('audio').paused")
    assert not page.evaluate("() => document.querySelector('audio').ended")
    page.get_by_role("button", name="0:01", exact=True).click()  # hears it again
    page.wait_for_function("() => !document.querySelector('audio').paused")


def test_the_browser_asks_before_what_is_not_saved_goes(page: Page, api: Api, job: Speaker) -> None:
    page.goto(f"{api.url}#file/j")
    field = opened(page, 0)
    field.press_sequentially("Vädret")
    with page.expect_event("dialog") as asked:
        page.evaluate("() => { setTimeout(() => location.reload()) }")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    field.press("Escape")
    page.reload()  # asks no more
    expect(page.locator(".lines .text").first).to_have_text("Väderet i skona.")


def test_who_has_no_token_is_asked_before_anything_is_written(
    page: Page, redis_url: str, free_port: Callable[[], int], tmp_path: Path, job: Speaker
) -> None:
    with running(redis_url, free_port(), tmp_path, API_TOKEN="sesam") as api:
        page.goto(f"{api.url}#file/j")
        field = opened(page, 0)
        token = page.get_by_role("textbox", name="Token")
        token.fill("sesam")
        token.press("Enter")
        expect(field).to_be_focused()
        field.fill("Vädret i Skåne.")
        field.press("Enter")
        expect(page.get_by_role("button", name="Corrected: line at 0:01")).to_be_focused()
        opened(page, 1).press("Escape")  # and no more


def test_a_line_that_nobody_said_is_taken_away(page: Page, api: Api, redis: Redis, job: Speaker) -> None:
    page.goto(f"{api.url}#file/j")
    field = opened(page, 1)
    field.fill("")
    page.once("dialog", lambda dialog: dialog.dismiss())
    field.press("Enter")
    expect(field).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".lines p:visible .text")).to_have_text(["Väderet i skona."])
    assert kept(redis) == ["Väderet i skona.", ""]


def test_who_takes_a_line_away_goes_on_at_the_next(page: Page, api: Api, job: Speaker) -> None:
    job.say("Ha det bra!", start_s=11.0)
    job.finish()
    page.goto(f"{api.url}#file/j")
    page.on("dialog", lambda dialog: dialog.accept())
    for at, then in ((1, "0:11"), (2, "0:01")):  # the last is followed by the one before
        field = opened(page, at)
        field.fill("")
        field.press("Enter")
        expect(page.get_by_role("button", name=f"Correct: line at {then}")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Captions", exact=True)).to_be_focused()


def test_escape_leaves_a_line_as_it_was(page: Page, api: Api, redis: Redis, job: Speaker) -> None:
    page.goto(f"{api.url}#file/j")
    field = opened(page, 0)
    field.fill("Något annat")
    field.press("Escape")
    expect(page.locator(".lines .text").first).to_be_visible()
    expect(page.locator(".lines .text").first).to_have_text("Väderet i skona.")
    expect(page.get_by_role("button", name="Correct: line at 0:01")).to_be_focused()
    page.keyboard.press("Enter")
    expect(field).to_have_value("Väderet i skona.")
    page.get_by_role("button", name="Discard changes").click()
    assert [caption.revision for caption in CaptionLog(redis).read("jobs/j")] == [0, 0]


def test_what_comes_meanwhile_does_not_move_the_line_that_is_corrected(page: Page, api: Api, job: Speaker) -> None:
    page.goto(f"{api.url}#file/j")
    field = opened(page, 0)
    for number in range(40):
        job.say(f"Rad {number}.", start_s=11.0 + number)
    expect(page.locator(".lines p")).to_have_count(42)
    expect(field).to_be_in_viewport()
    field.fill("Vädret i Skåne.")
    field.press("Enter")
    expect(page.locator(".lines .text").first).to_have_text("Vädret i Skåne.")
    job.say("Sist.", start_s=60.0)
    expect(page.locator(".lines .text").last).to_have_text("Sist.")


def test_provisional_lines_and_gaps_cannot_be_corrected_and_stations_neither(
    page: Page, api: Api, job: Speaker, speaker: Speaker
) -> None:
    page.goto(f"{api.url}#file/j")
    job.say(content=Content.GAP, reason="lost", start_s=11.0)
    job.say("Och n", final_after=False, start_s=16.0)
    expect(page.locator(".lines p")).to_have_count(4)
    page.locator(".lines p").nth(3).hover()
    expect(page.locator(".lines .correct:visible")).to_have_count(2)
    job.revise("Och nu.")
    expect(page.get_by_role("button", name="Correct: line at 0:16")).to_be_visible()
    speaker.say("Ekot.")
    page.goto(api.url)
    expect(page.locator(".lines .text")).to_have_count(1)
    expect(page.locator(".lines .correct")).to_have_count(0)


def refused(page: Page, api: Api, job: Speaker) -> Locator:
    """The field of a line that another has corrected while it was corrected."""
    job.finish()
    page.goto(f"{api.url}#file/j")
    field = opened(page, 0)
    api.http.patch("/jobs/j/captions/1", json={"text": "Vädret i Skara."})
    field.fill("Vädret i Skåne.")
    field.press("Enter")
    expect(page.locator("line-editor").get_by_role("alert")).to_contain_text(
        "was corrected in the meantime: Vädret i Skara."
    )
    return field


def test_what_another_has_corrected_meanwhile_is_told_and_nothing_is_lost(
    page: Page, api: Api, redis: Redis, job: Speaker
) -> None:
    field = refused(page, api, job)
    expect(field).to_have_value("Vädret i Skåne.")
    assert kept(redis)[0] == "Vädret i Skara."
    field.press("Enter")  # it is known by now
    expect(page.locator(".lines .text").first).to_have_text("Vädret i Skåne.")
    assert kept(redis)[0] == "Vädret i Skåne."


def test_a_line_that_another_has_corrected_can_be_left_as_that_is(page: Page, api: Api, job: Speaker) -> None:
    refused(page, api, job).press("Escape")
    expect(page.locator(".lines .text").first).to_have_text("Vädret i Skara.")
    expect(opened(page, 0)).to_have_value("Vädret i Skara.")


def test_what_is_written_stays_though_another_takes_the_line_away(page: Page, api: Api, job: Speaker) -> None:
    page.goto(f"{api.url}#file/j")
    field = opened(page, 1)
    field.fill("Tack för i kväll!")
    api.http.patch("/jobs/j/captions/2", json={"text": ""})
    expect(page.locator(".lines p").nth(1).locator(".text")).to_have_text("")
    expect(field).to_have_value("Tack för i kväll!")
    expect(field).to_be_visible()
    field.press("Escape")
    expect(page.locator(".lines p:visible .text")).to_have_text(["Väderet i skona."])
    expect(page.get_by_role("button", name="Correct: line at 0:01")).to_be_focused()


def test_a_line_that_is_left_while_it_is_saved_is_closed_once(page: Page, api: Api, job: Speaker) -> None:
    held: list[Route] = []
    page.route("**/captions/1", lambda route: held.append(route))
    page.goto(f"{api.url}#file/j")
    field = opened(page, 0)
    field.fill("Vädret i Skåne.")
    with page.expect_request("**/captions/1"):
        field.press("Enter")
    expect(field).not_to_be_editable()  # what is typed by now would be lost
    field.press("Escape")
    expect(field).to_have_count(0)
    field = opened(page, 0)
    held[0].continue_()
    expect(page.get_by_role("button", name="Corrected: line at 0:01", include_hidden=True)).to_have_count(1)
    expect(field).to_be_focused()
    field.press("Escape")
    for number in range(40):
        job.say(f"Rad {number}.", start_s=11.0 + number)
    expect(page.locator(".lines .text").last).to_be_in_viewport()  # the newest line is followed again


def test_the_buttons_of_an_editor_are_in_sight(page: Page, api: Api, job: Speaker) -> None:
    for number in range(40):
        job.say(f"Rad {number}.", start_s=11.0 + number)
    page.goto(f"{api.url}#file/j")
    expect(page.locator(".lines p").last).to_be_in_viewport()
    page.locator(".lines").evaluate("element => { element.scrollTop = 0 }")
    expect(page.get_by_role("button", name="Latest line")).to_be_visible()
    lowest = page.locator(".lines").evaluate(
        """lines => [...lines.children].findLastIndex(
            line => line.getBoundingClientRect().bottom < lines.getBoundingClientRect().bottom)"""
    )
    page.locator(".lines .correct").nth(lowest).dispatch_event("click")  # without scrolling there
    expect(page.get_by_role("button", name="Mark as correct")).to_be_in_viewport(ratio=0.99)
    page.route("**/captions/*", lambda route: route.abort())
    page.get_by_role("textbox", name="Caption text").fill("Något annat.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Not saved. The server is not responding.")).to_be_in_viewport(ratio=0.9)
    page.get_by_role("button", name="Discard changes").click()
    expect(page.get_by_role("button", name="Latest line")).to_be_visible()


def test_the_enter_that_chooses_a_character_does_not_save(page: Page, api: Api, redis: Redis, job: Speaker) -> None:
    page.goto(f"{api.url}#file/j")
    field = opened(page, 0)
    field.fill("天気")
    for said in ({"isComposing": True}, {"keyCode": 229}):
        field.dispatch_event("keydown", {"key": "Enter", "bubbles": True, **said})
    expect(field).to_be_editable()
    field.press("Enter")
    expect(field).to_have_count(0)
    assert [caption.revision for caption in CaptionLog(redis).read("jobs/j")] == [0, 0, 1]


def test_lines_that_were_missed_cannot_be_corrected(page: Page, api: Api, job: Speaker) -> None:
    missed = '{"type": "missed", "source": "jobs/j", "count": 3, "after": 0}'
    page.route_web_socket("**/jobs/j/live*", lambda socket: socket.send(missed))
    page.goto(f"{api.url}#file/j")
    expect(page.get_by_text("3 lines were missed")).to_be_visible()
    expect(page.locator(".lines button")).to_have_count(0)


def test_lines_that_were_missed_are_played_from_nowhere(page: Page, api: Api, job: Speaker, tone: Path) -> None:
    missed = '{"type": "missed", "source": "jobs/j", "count": 3, "after": 0}'
    page.route_web_socket("**/jobs/j/live*", lambda socket: socket.send(missed))
    page.goto(f"{api.url}#file/j")
    expect(page.get_by_text("3 lines were missed")).to_be_visible()
    page.get_by_label("Listen along").set_input_files(tone)
    expect(page.locator("recording-player audio")).to_be_visible()
    expect(page.locator(".lines time[role]")).to_have_count(0)
