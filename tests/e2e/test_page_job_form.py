"""Submitting recordings on the page, also several at once, with options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.integration.api_server import Api, Speaker, running
from wire.bus import Redis
from wire.messages import State, Status
from wire.sources import Jobs, Statuses

pytestmark = pytest.mark.browser


def sound(name: str, length: int = 1) -> FilePayload:
    """A file that a browser recognises as audio."""
    return {"name": name, "mimeType": "audio/wav", "buffer": b"x" * length}


def hold(page: Page) -> list[Route]:
    """Uploads that are held until released."""
    held: list[Route] = []
    page.route("**/jobs", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    return held


def test_several_recordings_are_submitted_one_after_another(page: Page, api: Api, redis: Redis) -> None:
    page.goto(f"{api.url}#file")
    page.locator("input[type=file]").set_input_files(
        [sound("a.wav"), sound("tom.wav", 0), sound("b.wav"), sound("stor.wav", 2_000_000)]
    )
    expect(page.locator(".chosen")).to_have_text("4 recordings · 2.0 MB")
    page.locator("#file-language").select_option("sv")
    held = hold(page)
    page.get_by_role("button", name="Caption them").click()
    sending, names = page.locator(".sending"), page.locator("job-list strong")
    expect(sending).to_contain_text("1 of 2: a.wav, ")
    held.pop().continue_()
    expect(sending).to_contain_text("2 of 2: b.wav, ")
    expect(names).to_have_text(["a.wav"])
    held.pop().continue_()
    expect(sending).to_be_hidden()
    expect(names).to_have_text(["b.wav", "a.wav"])
    expect(page.locator("job-form [role=status]")).to_have_text("2 of 4 recordings submitted.")
    expect(page.get_by_role("alert")).to_contain_text(
        "tom.wav is empty (0 bytes). Save it again. stor.wav is 2.0 MB; this server accepts up to"
    )
    expect(page.locator(".chosen")).to_have_text("2 recordings · 2.0 MB")  # the refused ones
    jobs, _ = Jobs(redis).page(9)
    assert {job.language for job in jobs} == {"sv"}
    Speaker(redis, f"jobs/{jobs[0].id}").finish()
    Jobs(redis).change(jobs[1].id, state=State.RUNNING, duration_s=20.0)
    Speaker(redis, f"jobs/{jobs[1].id}").say(start_s=6.0)
    expect(page.get_by_role("link", name="a.wav")).to_contain_text("Captioning: 50 %")
    expect(page.get_by_role("link", name="b.wav")).to_contain_text("Finished")


def test_refused_recordings_are_named_and_the_others_accepted(page: Page, api: Api) -> None:
    refusals = ["the disk is full", "the disk is full"]

    def answer(route: Route) -> None:
        if route.request.method == "POST" and refusals:
            route.fulfill(status=507, json={"detail": refusals.pop()})
        else:
            route.continue_()

    page.route("**/jobs", answer)
    page.goto(f"{api.url}#file")
    page.locator("input[type=file]").set_input_files([sound("a.wav"), sound("b.wav"), sound("c.wav")])
    page.get_by_role("button", name="Caption them").click()
    expect(page.get_by_role("alert")).to_contain_text("a.wav, b.wav were not accepted. The disk is full.")
    expect(page.locator("job-list strong")).to_have_text(["c.wav"])


def test_cancel_stops_the_remaining_uploads(page: Page, api: Api, redis: Redis) -> None:
    page.goto(f"{api.url}#file")
    page.locator("input[type=file]").set_input_files([sound("a.wav"), sound("b.wav"), sound("c.wav")])
    held = hold(page)
    page.get_by_role("button", name="Caption them").click()
    expect(page.locator(".sending")).to_contain_text("1 of 3: a.wav, ")
    held.pop().continue_()
    expect(page.locator(".sending")).to_contain_text("2 of 3: b.wav, ")
    page.locator(".sending").get_by_role("button", name="Cancel").click()
    expect(page.locator("job-form [role=status]")).to_have_text("1 of 3 recordings submitted.")
    expect(page.locator(".chosen")).to_have_text("2 recordings · 2 B")
    assert [job.filename for job in Jobs(redis).page(9)[0]] == ["a.wav"]


def test_leaving_the_view_reports_unsent_recordings(page: Page, api: Api) -> None:
    page.goto(f"{api.url}#file")
    page.locator("input[type=file]").set_input_files([sound("a.wav"), sound("b.wav"), sound("c.wav")])
    held = hold(page)
    page.get_by_role("button", name="Caption them").click()
    sending = page.locator(".sending")
    expect(sending).to_contain_text("1 of 3: a.wav, ")
    held.pop().continue_()
    expect(sending).to_contain_text("2 of 3: b.wav, ")
    page.get_by_role("link", name="Radio").click()
    expect(page.get_by_role("alert")).to_contain_text("2 of 3 recordings were not submitted because you left this view")


def test_closing_the_tab_during_an_upload_asks_first(page: Page, api: Api) -> None:
    page.goto(f"{api.url}#file")
    page.locator("input[type=file]").set_input_files(sound("a.wav"))
    held = hold(page)
    page.get_by_role("button", name="Caption it").click()
    expect(page.locator(".sending")).to_contain_text("Uploading")
    with page.expect_event("dialog") as asked:
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    held.pop().continue_()
    expect(page.get_by_role("heading", name="a.wav")).to_be_visible()
    with page.expect_event("close"):
        page.close(run_before_unload=True)


def test_several_recordings_are_dropped_onto_the_form(page: Page, api: Api) -> None:
    page.goto(f"{api.url}#file")
    page.locator(".drop").evaluate(
        """(zone) => {
          const dataTransfer = new DataTransfer();
          for (const name of ['a.wav', 'b.wav']) dataTransfer.items.add(new File(['x'], name, { type: 'audio/wav' }));
          zone.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
        }"""
    )
    expect(page.locator(".chosen")).to_have_text("2 recordings · 2 B")


@pytest.mark.parametrize(("tasks", "offered"), [("transcribe", False), ("transcribe translate", True)])
def test_translation_is_offered_if_a_model_supports_it(
    page: Page, api: Api, redis: Redis, transcriber: Callable[..., None], tasks: str, offered: bool
) -> None:
    transcriber("sv en", tasks)
    page.goto(f"{api.url}#file")
    expect(page.locator("#file-language option")).to_have_count(3)
    choice = page.get_by_label("Translate into English")
    expect(choice).to_be_visible(visible=offered)
    page.locator("input[type=file]").set_input_files(sound("a.wav"))
    if offered:
        choice.check()
    page.get_by_role("button", name="Caption it").click()
    expect(page.get_by_role("heading", name="a.wav")).to_be_visible()
    [job], _ = Jobs(redis).page(1)
    assert (job.task, job.track) == ("translate" if offered else None, None)


def test_audio_track_and_names_are_sent(page: Page, api: Api, redis: Redis) -> None:
    page.goto(f"{api.url}#file")
    track, send = page.get_by_label("Audio track, counted from 0"), page.get_by_role("button", name="Caption it")
    expect(track).to_be_hidden()
    page.get_by_text("More options", exact=True).click()
    track.fill("100")
    page.get_by_text("More options", exact=True).click()
    page.locator("input[type=file]").set_input_files(sound("film.mkv"))
    send.click()
    expect(track).to_be_focused()
    assert Jobs(redis).page(1) == ([], None)
    track.fill("1")
    page.get_by_label("People and places, one per line").fill("Bodil Jönsson\n\nUmeå ")
    send.click()
    expect(page.get_by_role("heading", name="film.mkv")).to_be_visible()
    [job], _ = Jobs(redis).page(1)
    assert (job.track, job.hot_words) == (1, ("Bodil Jönsson", "Umeå"))
    Jobs(redis).change(job.id, state=State.RUNNING, tracks=2)
    Statuses(redis).save(Status(f"jobs/{job.id}", State.RUNNING, detail="audio track 1 of 2, counted from 0 (swe)"))
    expect(page.locator("job-panel .facts")).to_have_text("audio track 1 of 2, counted from 0 (swe)")


def test_recording_is_submitted_by_keyboard(
    page: Page, api: Api, redis: Redis, transcriber: Callable[..., None]
) -> None:
    transcriber("sv en")
    page.goto(f"{api.url}#file")
    expect(page.get_by_label("Translate into English")).to_be_visible()
    page.locator("input[type=file]").set_input_files(sound("a.wav"))
    page.locator("input[type=file]").focus()
    reached = []
    for key in ("", "", "Space", "Enter", "", ""):  # check "translate", open "More options"
        page.keyboard.press("Tab")
        page.keyboard.press(key) if key else None
        reached.append(
            page.evaluate("document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent")
        )
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", reached[-1]
    choices = [
        "or enter an address",
        "Spoken language",
        "Translate into English",
        "More options",
        "Audio track, counted from 0",
        "People and places, one per line",
    ]
    assert reached == choices
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="a.wav")).to_be_visible()
    assert Jobs(redis).page(1)[0][0].task == "translate"


def test_too_large_recording_is_refused_before_the_upload(page: Page, api: Api) -> None:
    page.goto(f"{api.url}#file")
    page.locator("input[type=file]").set_input_files(
        {"name": "a.wav", "mimeType": "audio/wav", "buffer": b"x" * 2_000_000}
    )
    expect(page.get_by_role("alert")).to_contain_text("a.wav is 2.0 MB; this server accepts up to 1.5 MB")
    page.get_by_role("button", name="Dismiss").press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_messages_about_a_file_disappear_with_it(page: Page, api: Api) -> None:
    page.goto(f"{api.url}#file")
    chosen, alert = page.locator("input[type=file]"), page.get_by_role("alert")
    chosen.set_input_files({"name": "a.wav", "mimeType": "audio/wav", "buffer": b"x" * 2_000_000})
    expect(alert).to_contain_text("a.wav is 2.0 MB")
    chosen.set_input_files({"name": "b.wav", "mimeType": "audio/wav", "buffer": b"x"})
    expect(page.locator(".chosen")).to_have_text("b.wav · 1 B")
    expect(alert).to_be_empty()
    page.get_by_role("button", name="Caption it").click()
    expect(page.get_by_role("heading", name="b.wav")).to_be_visible()
    page.get_by_role("button", name="Caption it").click()
    expect(alert).to_contain_text("Choose a recording or enter its address")
    page.get_by_role("link", name="Radio").click()
    expect(alert).to_be_empty()


def test_recording_is_submitted_by_address(page: Page, api: Api, redis: Redis) -> None:
    page.goto(f"{api.url}#file")
    address, send = page.get_by_label("or enter an address"), page.get_by_role("button", name="Caption it")
    page.locator("input[type=file]").set_input_files({"name": "a.wav", "mimeType": "audio/wav", "buffer": b"x"})
    address.fill("ftp://example.org/m%C3%B6te.mp3")
    expect(page.locator(".chosen")).to_have_text("or drop them here")  # either files or an address
    send.click()
    assert not address.evaluate("element => element.validity.valid")
    address.fill("https://user:word@example.org/x" + "x" * 3000)
    send.click()
    expect(address).to_have_accessible_description("Url is longer than 2000 characters.")
    address.fill("example.org/möte.mp3?a=1")
    page.locator("#file-language").select_option("sv")
    page.get_by_text("More options", exact=True).click()
    page.get_by_label("Audio track, counted from 0").fill("0")
    send.click()
    expect(page.get_by_role("heading", name="möte.mp3")).to_be_visible()
    expect(page.locator(".wrong")).to_have_count(0)
    [job], _ = Jobs(redis).page(1)
    assert (job.url, job.language, job.track) == ("https://example.org/m%C3%B6te.mp3?a=1", "sv", 0)
    expect(address).to_have_value("")


def test_supported_languages_are_offered(page: Page, api: Api, transcriber: Callable[..., None]) -> None:
    transcriber("sv en")
    page.goto(f"{api.url}#file")
    expect(page.locator("#file-language option")).to_have_text(["Auto-detect", "English", "Swedish"])


def test_token_entered_for_an_upload_also_loads_the_list(
    page: Page, redis_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    with running(redis_url, free_port(), tmp_path, API_TOKEN="sesam") as api:
        page.goto(f"{api.url}#file")
        page.locator("input[type=file]").set_input_files({"name": "a.wav", "mimeType": "audio/wav", "buffer": b"x"})
        page.get_by_role("button", name="Caption it").click()
        page.get_by_role("textbox", name="Token").fill("sesam")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="a.wav")).to_be_visible()
        page.get_by_text("Earlier recordings", exact=True).click()
        expect(page.get_by_role("link", name="a.wav")).to_be_visible()


def test_token_is_requested_before_an_upload(
    page: Page, redis_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    with running(redis_url, free_port(), tmp_path, API_TOKEN="sesam") as api:
        page.goto(f"{api.url}#file")
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        send, token = page.get_by_role("button", name="Caption it"), page.get_by_role("textbox", name="Token")
        page.locator("input[type=file]").set_input_files(sound("film.mkv", 900_000))
        send.click()
        token.press("Escape")
        expect(page.get_by_role("alert")).to_contain_text("film.mkv was not accepted.")
        send.click()
        token.fill("semas")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Wrong token.")).to_be_visible()
        assert sent == []
        token.fill("sesam")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="film.mkv")).to_be_visible()
        assert len(sent) == 1
