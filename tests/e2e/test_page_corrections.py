"""Correcting the captions of a recording on the page, with a real browser."""

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


def test_line_is_corrected(page: Page, api: Api, redis: Redis, job: Speaker) -> None:
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
    expect(page.get_by_role("log").locator("p").last).to_have_text("Vädret i Skåne.")  # announced
    assert kept(redis) == ["Vädret i Skåne.", "Tack för att ni tittade!"]
    page.reload()
    expect(page.locator(".lines .text")).to_have_text(["Vädret i Skåne.", "Tack för att ni tittade!"])
    expect(button).to_be_visible()


def test_unchanged_line_is_marked_as_correct(page: Page, api: Api, redis: Redis, job: Speaker) -> None:
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


def test_playback_pauses_while_a_line_is_edited(page: Page, api: Api, job: Speaker, tone: Path) -> None:
    job.finish()
    page.goto(f"{api.url}#file/j")
    page.get_by_label("Listen along").set_input_files(tone)
    page.get_by_role("button", name="0:01", exact=True).click()
    page.wait_for_function("() => document.querySelector('audio').currentTime > 1.1")
    opened(page, 0)
    page.wait_for_function("() => document.querySelector('audio').paused")
    assert not page.evaluate("() => document.querySelector('audio').ended")
    page.get_by_role("button", name="0:01", exact=True).click()  # resumes
    page.wait_for_function("() => !document.querySelector('audio').paused")


def test_browser_asks_before_unsaved_changes_are_lost(page: Page, api: Api, job: Speaker) -> None:
    page.goto(f"{api.url}#file/j")
    field = opened(page, 0)
    field.press_sequentially("Vädret")
    with page.expect_event("dialog") as asked:
        page.evaluate("() => { setTimeout(() => location.reload()) }")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    field.press("Escape")
    page.reload()  # no question any more
    expect(page.locator(".lines .text").first).to_have_text("Väderet i skona.")


def test_token_is_requested_before_editing(
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
        opened(page, 1).press("Escape")  # no further prompt


def test_emptied_line_is_removed(page: Page, api: Api, redis: Redis, job: Speaker) -> None:
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


def test_removing_a_line_moves_the_focus_to_the_next(page: Page, api: Api, job: Speaker) -> None:
    job.say("Ha det bra!", start_s=11.0)
    job.finish()
    page.goto(f"{api.url}#file/j")
    page.on("dialog", lambda dialog: dialog.accept())
    for at, then in ((1, "0:11"), (2, "0:01")):  # after the last line, the previous one
        field = opened(page, at)
        field.fill("")
        field.press("Enter")
        expect(page.get_by_role("button", name=f"Correct: line at {then}")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Captions", exact=True)).to_be_focused()


def test_escape_discards_changes(page: Page, api: Api, redis: Redis, job: Speaker) -> None:
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


def test_new_lines_do_not_move_the_line_being_edited(page: Page, api: Api, job: Speaker) -> None:
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


def test_provisional_lines_gaps_and_stations_cannot_be_corrected(
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
    """The field of a line that someone else has corrected while it was edited."""
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


def test_concurrent_correction_is_reported_and_nothing_is_lost(
    page: Page, api: Api, redis: Redis, job: Speaker
) -> None:
    field = refused(page, api, job)
    expect(field).to_have_value("Vädret i Skåne.")
    assert kept(redis)[0] == "Vädret i Skara."
    field.press("Enter")  # the user has been warned
    expect(page.locator(".lines .text").first).to_have_text("Vädret i Skåne.")
    assert kept(redis)[0] == "Vädret i Skåne."


def test_concurrent_correction_can_be_accepted(page: Page, api: Api, job: Speaker) -> None:
    refused(page, api, job).press("Escape")
    expect(page.locator(".lines .text").first).to_have_text("Vädret i Skara.")
    expect(opened(page, 0)).to_have_value("Vädret i Skara.")


def test_edited_text_is_kept_if_someone_else_removes_the_line(page: Page, api: Api, job: Speaker) -> None:
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


def test_cancelling_while_saving_closes_the_editor_once(page: Page, api: Api, job: Speaker) -> None:
    held: list[Route] = []
    page.route("**/captions/1", lambda route: held.append(route))
    page.goto(f"{api.url}#file/j")
    field = opened(page, 0)
    field.fill("Vädret i Skåne.")
    with page.expect_request("**/captions/1"):
        field.press("Enter")
    expect(field).not_to_be_editable()  # anything typed now would be lost
    field.press("Escape")
    expect(field).to_have_count(0)
    field = opened(page, 0)
    held[0].continue_()
    expect(page.get_by_role("button", name="Corrected: line at 0:01", include_hidden=True)).to_have_count(1)
    expect(field).to_be_focused()
    field.press("Escape")
    for number in range(40):
        job.say(f"Rad {number}.", start_s=11.0 + number)
    expect(page.locator(".lines .text").last).to_be_in_viewport()  # following resumes


def test_editor_buttons_are_scrolled_into_view(page: Page, api: Api, job: Speaker) -> None:
    for number in range(40):
        job.say(f"Rad {number}.", start_s=11.0 + number)
    page.goto(f"{api.url}#file/j")
    last = page.locator(".lines p").filter(has_text="Rad 39.")
    expect(last).to_be_in_viewport()  # otherwise the list would scroll on to lines that arrive later
    page.locator(".lines").evaluate("element => { element.scrollTop = 0 }")
    expect(page.get_by_role("button", name="Latest line")).to_be_visible()
    lowest = page.locator(".lines").evaluate(
        """lines => [...lines.children].findLastIndex(
            line => line.getBoundingClientRect().bottom < lines.getBoundingClientRect().bottom)"""
    )
    page.locator(".lines .correct").nth(lowest).dispatch_event("click")  # without scrolling
    expect(page.get_by_role("button", name="Mark as correct")).to_be_in_viewport(ratio=0.99)
    page.route("**/captions/*", lambda route: route.abort())
    page.get_by_role("textbox", name="Caption text").fill("Något annat.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Not saved. The server is not responding.")).to_be_in_viewport(ratio=0.9)
    page.get_by_role("button", name="Discard changes").click()
    expect(page.get_by_role("button", name="Latest line")).to_be_visible()


def test_enter_during_ime_composition_does_not_save(page: Page, api: Api, redis: Redis, job: Speaker) -> None:
    page.goto(f"{api.url}#file/j")
    field = opened(page, 0)
    field.fill("天気")
    for said in ({"isComposing": True}, {"keyCode": 229}):
        field.dispatch_event("keydown", {"key": "Enter", "bubbles": True, **said})
    expect(field).to_be_editable()
    field.press("Enter")
    expect(field).to_have_count(0)
    assert [caption.revision for caption in CaptionLog(redis).read("jobs/j")] == [0, 0, 1]


def test_missed_lines_cannot_be_corrected(page: Page, api: Api, job: Speaker) -> None:
    missed = '{"type": "missed", "source": "jobs/j", "count": 3, "after": 0}'
    page.route_web_socket("**/jobs/j/live*", lambda socket: socket.send(missed))
    page.goto(f"{api.url}#file/j")
    expect(page.get_by_text("3 lines were missed")).to_be_visible()
    expect(page.locator(".lines button")).to_have_count(0)


def test_missed_lines_cannot_be_played(page: Page, api: Api, job: Speaker, tone: Path) -> None:
    missed = '{"type": "missed", "source": "jobs/j", "count": 3, "after": 0}'
    page.route_web_socket("**/jobs/j/live*", lambda socket: socket.send(missed))
    page.goto(f"{api.url}#file/j")
    expect(page.get_by_text("3 lines were missed")).to_be_visible()
    page.get_by_label("Listen along").set_input_files(tone)
    expect(page.locator("recording-player audio")).to_be_visible()
    expect(page.locator(".lines time[role]")).to_have_count(0)
