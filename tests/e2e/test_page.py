"""The page, with a real browser and a real API: the microphone, the token, and what all views have in common."""

from __future__ import annotations

import re
import statistics
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.api_server import Api, Ingest, Speaker, knowing, running
from wire.bus import Redis, connect
from wire.messages import Station
from wire.sources import Stations
from wire.workers import Worker

pytestmark = pytest.mark.browser


#: The last is what WCAG asks for: a desktop at 400 %.
WIDTHS = {"desktop": 1280, "tablet": 800, "phone": 320}


def test_microphone_is_captioned(page: Page, api: Api, redis_url: str) -> None:
    ingest = Ingest(redis_url)
    ingest.start()
    page.goto(f"{api.url}#microphone")
    page.locator("#microphone-language").select_option("en")
    page.get_by_text("More options", exact=True).click()
    page.get_by_label("People and places, one per line").fill("Bodil Jönsson\n\nUmeå ")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("button", name="Stop")).to_be_focused()  # the same button, which was disabled meanwhile
    expect(page.locator(".lines .text")).to_have_text(["first"])
    # Without the time, which must not be announced.
    expect(page.locator(".state [role=status]")).to_have_text("Listening")
    page.wait_for_function("() => document.querySelector('meter').value > 0.1")
    with page.expect_popup() as opened:  # the page for listeners
        page.get_by_role("link", name="this address").click()
    listener = opened.value
    expect(listener.locator(".lines .text")).to_have_text(["first"])
    expect(listener.locator(".lines time")).to_have_text(page.locator(".lines time").all_text_contents())
    others = page.get_by_role("group", name="Share captions")
    expect(others).to_contain_text("Others on this machine can read along at this address")
    page.get_by_role("button", name="Stop").click()
    expect(listener.locator(".lines .text")).to_have_count(2)
    expect(listener.locator("reading-view").get_by_role("status").first).to_have_text("The recording has ended.")
    listener.close()
    expect(page.locator(".lines .text")).to_have_count(2)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    expect(page.locator("microphone-view .state")).to_have_text("Stopped.")
    expect(others).to_have_text("The recording has ended. Others on this machine can still read it at this addressCopy")
    expect(others.get_by_role("link")).to_have_attribute("href", re.compile("^#microphone/."))
    ingest.join(timeout=20)
    assert ingest.hello is not None
    with page.expect_download() as started:
        page.get_by_role("link", name="SRT").click()
    assert started.value.suggested_filename == f"{ingest.hello.id}.srt"
    assert "first" in Path(started.value.path()).read_text()
    assert (ingest.hello.language, ingest.hello.hot_words) == ("en", ("Bodil Jönsson", "Umeå"))
    page.reload()
    page.get_by_role("link", name="Your last recording").click()
    expect(page.get_by_role("heading", name="Read along")).to_be_visible()
    expect(page).to_have_title("Read along – Undertext")
    expect(page.locator(".lines .text")).to_have_count(2)
    page.evaluate("location.hash = '#microphone/nope!'")
    expect(page.get_by_text("Recording not found")).to_be_visible()
    expect(page.locator(".lines .text")).to_have_count(0)
    connect(redis_url).flushdb()
    page.get_by_role("link", name="Caption your own voice").click()
    expect(page.get_by_role("heading", name="Caption live sound")).to_be_visible()
    expect(page.get_by_role("link", name="Your last recording")).to_be_hidden()
    page.goto(f"{api.url}#microphone/{ingest.hello.id}")
    expect(page.get_by_text("Recording not found")).to_be_visible()
    samples = struct.unpack(f"<{len(ingest.pcm) // 2}h", ingest.pcm)
    assert max(samples) > 3_000
    # Silence has many zero crossings, and a busy browser leaves gaps, so most periods are complete, but not all.
    loud = [(n, sample > 0) for n, sample in enumerate(samples) if abs(sample) > 1_000]
    rises = [n for (_, before), (n, now) in pairwise(loud) if now and not before]
    period = statistics.median(b - a for a, b in pairwise(rises))
    assert ingest.hello.sample_rate / period == pytest.approx(440, rel=0.05)


def test_recording_continues_after_the_api_restarts(
    page: Page, redis_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    ingest, port = Ingest(redis_url), free_port()
    ingest.start()
    state = page.locator("microphone-view .state")
    with running(redis_url, port, tmp_path) as api:
        page.goto(f"{api.url}#microphone")
        page.get_by_role("button", name="Start").click()
        expect(page.locator(".lines .text")).to_have_text(["first"])
        expect(state).to_contain_text("Listening")
        page.get_by_role("link", name="Radio").click()
        expect(page.get_by_role("link", name="Microphone")).to_have_class("on")
        ingest.heard(len(ingest.pcm) + 44_100)  # recording continues while hidden
        page.get_by_role("link", name="Microphone").click()
        expect(page.locator(".lines .text")).to_have_text(["first"])
    expect(state).to_contain_text("Connection lost, reconnecting… (3 s")
    before = len(ingest.pcm)
    with running(redis_url, port, tmp_path):
        expect(state).to_contain_text("Listening")
        ingest.heard(before + 3 * 2 * 44_100)  # audio recorded meanwhile
        page.once("dialog", lambda question: question.accept())  # the question whether to leave the page
        page.reload()
        page.get_by_role("button", name="Resume").click()
        expect(state).to_contain_text("Listening")
        ingest.heard(len(ingest.pcm) + 44_100)
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".lines .text")).to_have_count(2)
        expect(state).to_have_text("Stopped.")
    ingest.join(timeout=20)


def test_recording_is_stopped_while_disconnected(
    page: Page, redis_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    Ingest(redis_url).start()
    with running(redis_url, free_port(), tmp_path) as api:
        page.goto(f"{api.url}#microphone")
        page.get_by_role("button", name="Start").click()
        expect(page.locator(".lines .text")).to_have_text(["first"])
        expect(page.get_by_label("Spoken language")).to_have_css(
            "opacity", "0.55"
        )  # it must look disabled in Firefox too
    expect(page.locator("microphone-view .state")).to_contain_text("Connection lost")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("microphone-view .state")).to_have_text("Stopped.")
    expect(page.get_by_role("alert")).to_contain_text("not captioned")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    expect(page.locator(".lines .text")).to_have_text(["first"])


def test_blocked_microphone_is_reported_with_a_remedy(browser: Browser, api: Api) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.add_init_script(
            "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError') }"
        )
        page.goto(f"{api.url}#microphone")
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("alert")).to_contain_text("Allow it")
        expect(page.get_by_role("button", name="Start")).to_be_enabled()


def test_waiting_for_the_microphone_times_out(page: Page, api: Api) -> None:
    page.add_init_script(  # like Firefox on a machine without an audio output
        "AudioContext.prototype.resume = () => { window.asked = true; return new Promise(() => {}) }"
    )
    page.clock.install()
    page.goto(f"{api.url}#microphone")
    page.get_by_role("button", name="Start").click()
    page.wait_for_function("() => window.asked")
    expect(page.locator("microphone-view .state")).to_have_text("Waiting for the microphone…")
    page.clock.run_for(10_000)
    expect(page.get_by_role("alert")).to_contain_text("connect headphones or speakers")
    expect(page.locator("microphone-view .state")).to_have_text("Nothing is sent until you start.")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()


def test_token_is_requested_once(page: Page, redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
    with running(redis_url, free_port(), tmp_path, API_TOKEN="sesam") as api:
        Stations(connect(redis_url)).add(Station("p1", "P1", "http://127.0.0.1:9/p1"))
        page.goto(api.url)
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Remove station").click()
        wrong = page.get_by_text("Wrong token.")
        expect(page.get_by_role("textbox", name="Token")).to_be_visible()
        expect(wrong).to_be_hidden()
        page.get_by_role("textbox", name="Token").fill("semas")
        page.get_by_role("button", name="Continue").click()
        expect(wrong).to_be_visible()
        page.get_by_role("textbox", name="Token").fill("sesam")
        page.get_by_role("button", name="Continue").click()
        expect(page.locator("station-list li")).to_have_count(0)
        expect(page.get_by_text("No stations yet")).to_be_visible()


def test_token_is_requested_if_the_microphone_needs_it_but_not_if_too_many_are_open(
    page: Page, redis: Redis, redis_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    with (
        running(redis_url, free_port(), tmp_path, API_TOKEN="sesam", MAX_MICROPHONES=1) as api,
        Worker(redis, "transcriber", knowing("sv")),
    ):
        page.goto(f"{api.url}#microphone")
        page.get_by_role("button", name="Start").click()
        page.get_by_role("textbox", name="Token").fill("sesam")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("Token saved")
        with api.socket("/microphone?token=sesam"):
            page.get_by_role("button", name="Start").click()
            expect(page.get_by_role("alert")).to_contain_text("too many are open")


def test_everything_is_accessible_by_keyboard(page: Page, api: Api, speaker: Speaker) -> None:
    speaker.say("rad")
    page.goto(api.url)
    expect(page.locator(".lines")).to_be_visible()
    reached = []
    for _ in range(24):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim() || document.activeElement.className"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached[-1]
        if reached[-1] == "Remove station":
            break
    assert [
        name
        for name in ("Skip to the captions", "Radio", "File", "Microphone", "Search", "Listen")
        if name not in reached
    ] == []
    assert any("P1 Vetenskap" in name for name in reached)
    assert reached[-1] == "Remove station"
    page.get_by_role("link", name="Skip to the captions").press("Enter")
    expect(page.locator(".lines")).to_be_focused()
    page.reload()
    expect(page.locator(".lines")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_nothing_is_cut_off(browser: Browser, api: Api, speaker: Speaker, width: int) -> None:
    speaker.say("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 2)
    with browser.new_context(viewport={"width": width, "height": 800}) as context:
        page = context.new_page()
        for view, heading in (
            ("radio", "P1 Vetenskap"),
            ("file", "Caption recordings"),
            ("microphone", "Caption live sound"),
            ("search", "Search captions"),
        ):
            page.goto(f"{api.url}#{view}")
            expect(page.get_by_role("heading", name=heading)).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view
