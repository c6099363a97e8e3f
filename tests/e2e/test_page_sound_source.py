"""Choosing what is captioned: one of several microphones, or what another tab plays."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import ARGUMENTS
from tests.integration.api_server import Api, Ingest

pytestmark = pytest.mark.browser

#: The option for sound that this computer plays.
SHARED = "A tab or this computer"

#: Keeps the stream of the microphone for the test.
KEEP_STREAM = """
  const devices = navigator.mediaDevices;
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (what) => (window.stream = await ask(what));
"""

#: A tab that plays 440 Hz.
PLAYING = """
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 440 });
  tone.connect(context.destination);
  tone.start();
"""

#: What a browser returns if the user turns off the sound in its dialog.
SHARE_PICTURE = "navigator.mediaDevices.getDisplayMedia = async () => document.createElement('canvas').captureStream()"

#: What a browser returns if the user shares a tab with sound.
SHARE_SOUND = """
  navigator.mediaDevices.getDisplayMedia = async () => new AudioContext().createMediaStreamDestination().stream;
"""

#: Records how many tracks of the shared stream are live.
COUNT_SHARED = """
  const devices = navigator.mediaDevices;
  const share = devices.getDisplayMedia.bind(devices);
  devices.getDisplayMedia = async (options) => {
    const stream = await share(options);
    const tracks = stream.getTracks();
    window.live = () => tracks.filter(({ readyState }) => readyState === 'live').map(({ kind }) => kind);
    return stream;
  };
"""


@pytest.fixture(scope="module")
def sharing(browser: Browser, need_program: Callable[..., str]) -> Iterator[Browser]:
    """Chromium with its own dialogs, whose answer is the tab "Playing", and with sound."""
    sharing = browser.browser_type.launch(
        executable_path=need_program("chromium", "chromium-browser"),
        args=[*ARGUMENTS, "--auto-select-tab-capture-source-by-title=Playing"],
        ignore_default_args=["--mute-audio"],
    )
    yield sharing
    sharing.close()


@pytest.fixture
def ingest(redis_url: str) -> Iterator[Ingest]:
    ingest = Ingest(redis_url)
    ingest.start()
    yield ingest
    ingest.join(timeout=20)  # it would take another test's microphone


def test_sound_of_another_tab_is_captioned(sharing: Browser, api: Api, ingest: Ingest) -> None:
    with sharing.new_context() as context:
        playing, page = context.new_page(), context.new_page()
        playing.set_content("<title>Playing</title>")
        playing.evaluate(PLAYING)
        page.add_init_script(COUNT_SHARED)
        page.goto(f"{api.url}#microphone")
        page.get_by_label("Sound", exact=True).select_option(SHARED)
        page.get_by_role("button", name="Start").click()
        state = page.locator("microphone-view .state")
        expect(state).to_contain_text("Listening")
        assert page.evaluate("live()") == ["audio"]  # the picture is not recorded
        expect(page.get_by_label("Sound", exact=True)).to_be_disabled()
        ingest.heard(len(ingest.pcm) + 4 * 44_100)
        playing.close()  # which ends the sharing
        expect(state).to_have_text("Stopped.")
        expect(page.get_by_role("alert")).to_be_hidden()
        expect(page.get_by_label("Sound", exact=True)).to_be_enabled()
    ingest.join(timeout=20)
    assert ingest.hello
    samples = np.frombuffer(ingest.pcm, np.int16)
    rate_hz = ingest.hello.sample_rate
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * rate_hz / len(samples) == pytest.approx(440, rel=0.02)


def test_picture_without_sound_is_reported(page: Page, api: Api) -> None:
    page.add_init_script(SHARE_PICTURE)
    page.goto(f"{api.url}#microphone")
    page.get_by_label("Sound", exact=True).select_option(SHARED)
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("What you chose has no sound.")
    expect(page.locator("microphone-view .state")).to_have_text("Nothing is sent until you start.")


def test_sound_is_not_offered_by_browsers_that_cannot_share_it(page: Page, api: Api) -> None:
    page.add_init_script("delete MediaDevices.prototype.getDisplayMedia")  # as on phones
    page.goto(f"{api.url}#microphone")
    options = page.get_by_label("Sound", exact=True).locator("option")
    expect(options).to_have_text(["Default microphone", "Fake Audio Input 1", "Fake Audio Input 2"])


def test_microphone_can_be_chosen(page: Page, api: Api, redis_url: str) -> None:
    sound, options = page.get_by_label("Sound", exact=True), page.get_by_label("Sound", exact=True).locator("option")
    page.add_init_script(KEEP_STREAM)
    page.goto(f"{api.url}#microphone")
    # Browsers name the microphones once one was allowed.
    for name, label in (
        ("Default microphone", "Fake Default Audio Input"),
        ("Fake Audio Input 2", "Fake Audio Input 2"),
    ):
        ingest = Ingest(redis_url)
        ingest.start()
        sound.select_option(name)
        page.get_by_role("button", name="Start").click()
        expect(page.locator("microphone-view .state")).to_contain_text("Listening")
        ingest.heard(44_100)
        assert page.evaluate("stream.getAudioTracks()[0].label").endswith(label)
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("microphone-view .state")).to_have_text("Stopped.")
        ingest.join(timeout=20)
        expect(options).to_have_text(["Default microphone", "Fake Audio Input 1", "Fake Audio Input 2", SHARED])


def test_choices_are_kept_for_resuming_after_a_reload(
    page: Page, api: Api, transcriber: Callable[..., None], ingest: Ingest
) -> None:
    transcriber("sv en")
    page.add_init_script(SHARE_SOUND)
    page.goto(f"{api.url}#microphone")
    sound, names = page.get_by_label("Sound", exact=True), page.get_by_label("People and places, one per line")
    language, translate = page.get_by_label("Spoken language"), page.get_by_label("Translate into English")
    sound.select_option(SHARED)
    language.select_option("sv")
    page.get_by_text("More options").click()
    names.fill("Umeå\nÅre")
    translate.check()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("microphone-view .state")).to_contain_text("Listening")
    page.once("dialog", lambda question: question.accept())  # the question whether to leave the page
    page.reload()
    expect(sound.locator(":checked")).to_have_text(SHARED)
    expect(language.locator(":checked")).to_have_text("Swedish")
    expect(names).to_have_value("Umeå\nÅre")
    expect(translate).to_be_checked()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("microphone-view .state")).to_contain_text("Listening")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("microphone-view .state")).to_have_text("Stopped.")
    ingest.join(timeout=20)


def test_what_is_said_is_translated_on_request(
    page: Page, api: Api, transcriber: Callable[..., None], ingest: Ingest
) -> None:
    transcriber("sv en")
    page.goto(f"{api.url}#microphone")
    page.get_by_text("More options").click()
    page.get_by_label("Translate into English").check()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("microphone-view .state")).to_contain_text("Listening")
    expect(page.get_by_label("Translate into English")).to_be_disabled()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("microphone-view .state")).to_have_text("Stopped.")
    ingest.join(timeout=20)
    assert ingest.hello
    assert ingest.hello.task == "translate"
