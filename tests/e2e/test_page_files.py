"""The page's view of recordings, with a real browser."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import srt
from playwright.sync_api import Dialog, Page, Route, expect

from ingest.media.ffmpeg import find_program
from tests.integration.api_server import Api, Speaker, running
from wire.bus import Redis
from wire.messages import Job, State
from wire.sources import Jobs

pytestmark = pytest.mark.browser


def test_recording_is_submitted_followed_and_downloaded(page: Page, api: Api, redis: Redis) -> None:
    page.goto(f"{api.url}#file")
    page.locator("input[type=file]").set_input_files(
        {"name": "möte.mp3", "mimeType": "audio/mpeg", "buffer": b"x" * 900_000}
    )
    expect(page.locator(".chosen")).to_have_text("möte.mp3 · 900 kB")
    page.locator("#file-language").select_option("sv")
    page.get_by_role("button", name="Caption it").click()
    expect(page.get_by_role("heading", name="möte.mp3")).to_be_visible()
    expect(page.locator("job-panel .state")).to_have_text("Waiting")
    expect(page).to_have_title("möte.mp3 – File – Undertext")
    job = Jobs(redis).get(page.url.rpartition("/")[2])
    assert job.language == "sv"
    Jobs(redis).change(job.id, state=State.RUNNING, duration_s=20.0)
    speaker = Speaker(redis, f"jobs/{job.id}")
    speaker.say("Första raden.", start_s=1.0)
    expect(page.locator(".lines .text")).to_have_text(["Första raden."])
    expect(page.locator("job-panel .state")).to_have_text("Captioning: 25 %")
    expect(page.locator("job-panel .state [role=status]")).to_have_text("Captioning")  # progress is not announced
    speaker.say("Andra raden.", start_s=6.0)
    speaker.finish()
    expect(page.locator("job-panel .state")).to_have_text("Captions complete")
    with page.expect_download() as started:
        page.get_by_role("link", name="SRT").click()
    assert started.value.suggested_filename == "möte.srt"
    cues = list(srt.parse(Path(started.value.path()).read_text()))
    assert [cue.content for cue in cues] == ["Första raden.", "Andra raden."]
    page.reload()
    expect(page.locator(".lines .text")).to_have_text(["Första raden.", "Andra raden."])
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Remove recording").click()
    assert Jobs(redis).get(job.id).filename == "möte.mp3"
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove recording").click()
    expect(page.locator("job-panel")).to_be_hidden()
    expect(page.get_by_role("heading", name="Caption recordings")).to_be_focused()
    expect(page).to_have_title("File – Undertext")
    assert Jobs(redis).page(1) == ([], None)


def film(path: Path, *options: str) -> Path:
    """Two seconds of a picture and of silence."""
    inputs = ["-f", "lavfi", "-i", "color=size=64x48:duration=2:rate=5", "-f", "lavfi", "-i", "anullsrc=d=2"]
    subprocess.run(
        [find_program("ffmpeg"), "-v", "error", *inputs, *options, path], check=True, stdin=subprocess.DEVNULL
    )
    return path


def test_recording_is_played_beside_its_captions(
    page: Page, api: Api, redis: Redis, tone: Path, tmp_path: Path
) -> None:
    page.goto(f"{api.url}#file")
    page.locator(".drop input").set_input_files(tone)
    page.get_by_role("button", name="Caption it").click()
    expect(page.get_by_role("heading", name="tone.wav")).to_be_visible()
    job = Jobs(redis).get(page.url.rpartition("/")[2])
    Jobs(redis).change(job.id, state=State.RUNNING, duration_s=10.0, language="fi")  # which is translated
    speaker = Speaker(redis, f"jobs/{job.id}")
    for start_s, text in ((1.0, "Första raden."), (6.0, "Andra raden.")):
        speaker.say(text, start_s=start_s)
    speaker.finish()
    said = page.locator("[aria-current=true] .text")
    page.get_by_role("button", name="0:06", exact=True).click()
    expect(said).to_have_text("Andra raden.")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 6.1")
    page.reload()  # neither the page nor the server has the file now
    expect(page.locator(".lines .text")).to_have_count(2)
    expect(page.get_by_role("button", name="0:01", exact=True)).to_have_count(0)
    opened = page.get_by_label("Listen along")
    opened.set_input_files({"name": "x.wav", "mimeType": "audio/wav", "buffer": b"no sound"})
    expect(page.get_by_text("This browser cannot play x.wav.")).to_be_visible()
    opened.set_input_files(tone)
    page.get_by_role("button", name="0:01", exact=True).press("Enter")
    expect(said).to_have_text("Första raden.")
    page.reload()
    opened.set_input_files(film(tmp_path / "a.webm"))  # a video shows captions in the picture
    page.wait_for_function("() => document.querySelector('video').textTracks[0].cues?.length === 2")
    shown = page.evaluate("[document.querySelector('track').srclang, document.querySelector('video').playsInline]")
    assert shown == ["sv", True]  # plays inline on iPhones, beside the lines
    page.reload()
    opened.set_input_files(film(tmp_path / "a.mp4", "-c:v", "mpeg4"))  # whose picture no browser can decode
    page.get_by_role("button", name="0:01", exact=True).press("Enter")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 1.1")
    expect(page.locator("video")).to_have_count(0)


def test_failed_recording_shows_the_reason(page: Page, api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, filename="bild.jpg", state=State.FAILED, error="it holds no audio track"))
    page.goto(f"{api.url}#file")
    page.get_by_text("Earlier recordings", exact=True).click()
    page.get_by_role("link", name="bild.jpg").click()
    expect(page.locator("job-panel .state")).to_have_text("Failed. It holds no audio track.")
    expect(page.locator("job-panel .connection")).to_be_hidden()
    expect(page.get_by_text("Listen along")).to_be_hidden()  # there is nothing to play along with


def test_playback_stops_if_the_recording_fails(page: Page, api: Api, redis: Redis, tone: Path) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, filename="tone.wav", state=State.RUNNING))
    page.goto(f"{api.url}#file/j")
    page.get_by_label("Listen along").set_input_files(tone)
    page.evaluate("document.querySelector('audio').play()")
    Jobs(redis).change("j", state=State.FAILED, error="it is torn")
    expect(page.locator("job-panel .state")).to_have_text("Failed. It is torn.")
    expect(page.locator("recording-player")).to_be_hidden()
    assert page.evaluate("document.querySelector('audio').paused")


def test_captions_of_a_failed_recording_can_be_downloaded(page: Page, api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, filename="möte.mp3", state=State.FAILED, error="its server went away"))
    Speaker(redis, "jobs/j").say("Första raden.")
    page.goto(f"{api.url}#file/j")
    expect(page.locator("job-panel .downloads")).to_contain_text("So far:")
    expect(page.get_by_text("Listen along")).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name="Text", exact=True).click()
    assert Path(started.value.path()).read_text() == "Första raden.\n"


def test_unreachable_server_is_reported(
    page: Page, redis_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    with running(redis_url, free_port(), tmp_path) as api:
        page.goto(f"{api.url}#file")
        expect(page.get_by_role("button", name="Caption it")).to_be_visible()
    page.locator("input[type=file]").set_input_files({"name": "a.wav", "mimeType": "audio/wav", "buffer": b"x"})
    page.get_by_role("button", name="Caption it").click()
    expect(page.get_by_role("alert")).to_contain_text("interrupted")


CUT = "the recording is cut off: its header says 60.0 s; the part that exists is captioned"


def finished(redis: Redis, job: Job, *texts: str) -> None:
    """A finished job."""
    Jobs(redis).save(job)
    speaker = Speaker(redis, f"jobs/{job.id}")
    for text in texts:
        speaker.say(text)
    speaker.finish()


def test_truncated_recording_is_not_called_complete(page: Page, api: Api, redis: Redis) -> None:
    finished(redis, Job("j", created_s=9e9, filename="kort.wav", warning=CUT), "Första raden.")
    page.goto(f"{api.url}#file/j")
    state = page.locator("job-panel .state")
    expect(state).to_have_text(f"Finished. T{CUT[1:]}.")
    expect(state).to_have_css("color", page.evaluate(COLOUR, "--warn"))


#: What a colour of the style sheet is on this page.
COLOUR = """(name) => {
  const probe = document.body.appendChild(document.createElement('i'));
  probe.style.color = `var(${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}"""


@pytest.mark.parametrize("id", ["nonsense", "..", "%zz", "j/more"])
def test_unknown_recording_is_reported(page: Page, api: Api, redis: Redis, id: str) -> None:
    finished(redis, Job("j", created_s=9e9, filename="kort.wav"), "Första raden.")
    page.goto(f"{api.url}#file/j")
    expect(page.get_by_role("heading", name="kort.wav")).to_be_visible()
    page.evaluate("(id) => { location.hash = `#file/${id}` }", id)
    missing = page.get_by_text("Recording not found")
    expect(missing).to_be_focused()
    expect(page.locator("job-panel")).to_be_hidden()
    expect(page.get_by_role("button", name="Caption it")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="kort.wav")).to_be_visible()
    expect(missing).to_be_hidden()


def test_earlier_recordings_are_listed_with_their_details(page: Page, api: Api, redis: Redis) -> None:
    why = "it has no audio track, only video; send a recording with audio"
    Jobs(redis).save(Job("bad", created_s=9e9, filename="film.mp4", state=State.FAILED, error=why))
    finished(redis, Job("good", created_s=time.time(), filename="möte.mp3", duration_s=125.0), "Första raden.")
    finished(redis, Job("dumb", created_s=9e9 + 1, filename="tyst.wav", duration_s=8.0))
    page.goto(f"{api.url}#file")
    page.get_by_text("Earlier recordings", exact=True).click()
    good, bad, dumb = (page.get_by_role("link", name=name) for name in ("möte.mp3", "film.mp4", "tyst.wav"))
    expect(good.locator(".facts")).to_have_text(re.compile(r"2 min 5 s · Swedish \(detected\) · today \d\d:\d\d"))
    expect(good.locator(".state")).to_have_text("Captions complete")
    expect(dumb.locator(".facts")).to_have_text(re.compile(r"8 seconds · \d+ \w+ 2255"))
    expect(bad.locator(".state")).to_have_text(f"Failed. I{why[1:]}.")
    expect(bad).to_have_attribute("title", f"Failed. I{why[1:]}.")


def test_recording_whose_captions_are_loading_is_not_called_empty(page: Page, api: Api, redis: Redis) -> None:
    finished(redis, Job("j", created_s=9e9, filename="möte.mp3"), "Första raden.")
    page.add_init_script("window.WebSocket = class { close() {} }")  # no captions arrive
    answers: list[Route] = []
    page.route("**/jobs/j", lambda route: answers.append(route))
    page.goto(f"{api.url}#file/j")
    expect(page.locator("job-panel .connection")).to_be_visible()
    expect(page.locator("job-panel .empty")).to_be_hidden()
    answers[0].continue_()
    expect(page.locator("job-panel .state")).to_have_text("Captions complete")
    expect(page.locator("job-panel .empty")).to_be_hidden()


def test_deleting_captions_requires_confirmation(page: Page, api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, filename="möte.mp3", duration_s=60.0, state=State.RUNNING))
    Speaker(redis, "jobs/j").say("Hej.")
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss() if len(asked) == 1 else dialog.accept()

    page.on("dialog", answer)
    page.goto(f"{api.url}#file/j")
    expect(page.locator("job-panel .downloads")).to_contain_text("So far")
    cancel = page.locator("job-panel").get_by_role("button", name="Cancel")
    cancel.click()
    assert asked == ["Cancel möte.mp3? Its captions so far are deleted too."]
    assert Jobs(redis).get("j").state is State.RUNNING
    cancel.click()
    expect(page.locator("job-panel")).to_be_hidden()
    assert Jobs(redis).get("j").state is State.CANCELLED


def test_recording_without_speech_is_reported_without_a_language(page: Page, api: Api, redis: Redis) -> None:
    finished(redis, Job("dumb", created_s=9e9, filename="tyst.wav", duration_s=8.0))
    finished(redis, Job("good", created_s=9e9, filename="möte.mp3", duration_s=8.0), "Första raden.")
    page.goto(f"{api.url}#file/dumb")
    expect(page.locator("job-panel .facts")).to_have_text("8 seconds")
    silent = "Finished. The model found no speech in the recording."
    expect(page.locator("job-panel .state")).to_have_text(silent)
    expect(page.locator("job-panel .empty")).to_have_text("No captions.")
    expect(page.locator("job-panel .download")).to_have_count(0)  # the files would be empty
    page.goto(f"{api.url}#file/good")
    expect(page.locator("job-panel .facts")).to_have_text("8 seconds · Swedish (detected)")
    expect(page.locator("job-panel .download")).to_have_count(4)


@pytest.mark.parametrize("width", [360, 1280])
def test_layout_fits_the_screen_and_starts_at_the_recording(page: Page, api: Api, redis: Redis, width: int) -> None:
    finished(redis, Job("j", created_s=9e9, filename="ett-mycket-långt-namn-" * 8 + ".mp3"), "Första raden.")
    page.set_viewport_size({"width": width, "height": 760})
    page.goto(f"{api.url}#file")
    page.get_by_text("Earlier recordings", exact=True).click()
    page.locator("job-list a").click()
    heading = page.locator("job-panel h2")
    expect(heading).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.querySelector('main').scrollWidth") <= width
    below = "main => main.querySelector('job-panel').getBoundingClientRect().top - main.getBoundingClientRect().top"
    assert page.locator("main").evaluate(below) <= 1
