"""Captions on the page, with a real browser and a real API. Captions are committed as by a transcriber."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
import srt
from playwright.sync_api import Page, expect

from api.text import formats
from tests.integration.api_server import Api, Speaker, running
from wire.bus import Redis
from wire.captions import Advance, CaptionLog
from wire.chunk import Chunk
from wire.messages import Caption, Content, Job, State, Station, Status, Word
from wire.queue import Delivery, stream_of
from wire.sources import Jobs, Stations, Statuses

pytestmark = pytest.mark.browser


def lines(page: Page) -> list[str]:
    return page.locator(".lines .text").all_inner_texts()


def test_captions_appear_live(page: Page, api: Api, redis: Redis, speaker: Speaker) -> None:
    speaker.say("Tidigare i dag.")
    Statuses(redis).save(
        Status("stations/p1", State.RUNNING, title="Ekot", codec="aac", sample_rate_hz=48_000, channels=2)
    )
    page.goto(api.url)
    expect(page).to_have_title("P1 Vetenskap – Radio – Undertext")
    expect(page.get_by_role("heading", name="P1 Vetenskap")).to_be_visible()
    expect(page.locator("header.station .playing")).to_have_text("Ekot")
    expect(page.locator("header.station .facts")).to_have_text("On air · Swedish · aac 48 kHz stereo")
    expect(page.locator(".lines .text")).to_have_text(["Tidigare i dag."])
    speaker.say("Klockan är", final_after=False)
    line = page.locator(".lines p").nth(1)
    expect(line).to_have_class("provisional")
    expect(line.locator(".text")).to_have_text("Klockan är")
    speaker.revise("Klockan är åtta.")
    expect(line).to_have_class("caption")
    expect(line.locator(".text")).to_have_text("Klockan är åtta.")
    speaker.say("", content=Content.GAP, reason="shed")
    expect(page.locator(".lines .gap")).to_contain_text("4 seconds of audio lost")
    Statuses(redis).save(Status("stations/p1", State.RECONNECTING, detail="no audio for 30 s", epoch=1))
    expect(page.locator("header.station .facts")).to_contain_text("Reconnecting")
    expect(page.locator("header.station .facts")).to_contain_text("no audio for 30 s")


def test_screen_readers_announce_final_lines_once(page: Page, api: Api, speaker: Speaker) -> None:
    speaker.say("Gammalt.")
    page.goto(api.url)
    expect(page.locator(".lines .text")).to_have_text(["Gammalt."])
    log = page.get_by_role("log")
    speaker.say("Regnet", final_after=False)
    expect(page.locator(".lines .text")).to_have_count(2)
    speaker.revise("Regnet drar bort.")
    expect(log.locator("p")).to_have_text(["Regnet drar bort."])  # neither existing nor provisional lines
    assert log.get_attribute("aria-live") == "polite"
    assert log.locator("p").get_attribute("lang") == "sv"
    speaker.say("", content=Content.GAP, reason="shed")
    expect(log.locator("p").last).to_have_text("4 seconds of audio lost (too late to be transcribed)")
    assert log.locator("p").last.get_attribute("lang") is None, "the text of the page itself has no lang"


def test_caption_text_is_never_markup(page: Page, api: Api, speaker: Speaker) -> None:
    evil = '<img src=x onerror="document.title=1"><b>fet</b>'
    page.goto(api.url)
    speaker.say(evil)
    expect(page.locator(".lines .text")).to_have_text([evil])
    assert page.locator(".lines img, .lines b").count() == 0
    assert page.title() == "P1 Vetenskap – Radio – Undertext"


def test_music_and_silence_are_shown_below_the_lines(page: Page, api: Api, redis: Redis, speaker: Speaker) -> None:
    statuses = Statuses(redis)
    speaker.say("Tidigare i dag.")
    statuses.save(Status("stations/p1", State.RUNNING, activity="music"))
    page.goto(api.url)
    now = page.get_by_role("status").filter(has_text="Music")
    expect(now).to_have_text("♪Music")
    expect(now.get_by_text("♪")).to_have_attribute("aria-hidden", "true")
    statuses.save(Status("stations/p1", State.RUNNING, activity="silence"))
    expect(page.locator(".now")).to_have_text("–Silence")
    statuses.save(Status("stations/p1", State.RUNNING, activity="speech"))
    expect(page.locator(".now")).to_be_empty()
    statuses.save(Status("stations/p1", State.RECONNECTING, activity="music", epoch=1))
    expect(page.locator("header.station .facts")).to_contain_text("Reconnecting")
    expect(page.locator(".now")).to_be_empty()
    assert lines(page) == ["Tidigare i dag."]


def test_doubtful_words_are_marked(page: Page, api: Api, speaker: Speaker) -> None:
    words = (Word("Klockan", 5.0, 5.4, 0.9), Word("är", 5.4, 5.6, 0.9), Word("åtta.", 5.6, 6.0, 0.2))
    page.goto(api.url)
    speaker.say("Klockan är åtta.", words=words)
    expect(page.locator(".lines .text")).to_have_text(["Klockan är åtta."])
    expect(page.locator(".lines .doubtful")).to_have_text(["åtta."])


def rows(page: Page) -> int:
    """Number of rows in which the only caption is rendered."""
    found: int = page.locator(".lines .text").evaluate(
        """(element) => {
          const range = document.createRange();
          range.selectNodeContents(element);
          return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
        }"""
    )
    return found


def test_caption_is_broken_at_phrases_as_in_files(page: Page, api: Api, speaker: Speaker) -> None:
    page.goto(api.url)
    speaker.say("Ingen skadades svårt i branden, men huset är totalt förstört.", words=(Word("Ingen", 5.0, 5.2, 0.1),))
    text = page.locator(".lines .text")
    expect(text).to_be_visible()
    shown = text.inner_text().split("\n")
    assert shown == ["Ingen skadades svårt i branden,", "men huset är totalt förstört."]
    [cue] = srt.parse(page.request.get(f"{api.url}/stations/p1/captions.srt").text())
    assert cue.content.split("\n") == shown
    assert rows(page) == 2


def test_narrow_page_rewraps_captions(page: Page, api: Api, speaker: Speaker) -> None:
    speaker.say("Ingen skadades svårt i branden, men huset är totalt förstört.")
    page.goto(api.url)
    expect(page.locator(".lines .text")).to_be_visible()
    assert rows(page) == 2
    page.set_viewport_size({"width": 390, "height": 800})
    assert "\n" not in page.locator(".lines .text").inner_text()  # only the browser's own line breaks
    assert rows(page) >= 2


def test_webvtt_with_word_times_is_shown_in_time(page: Page) -> None:
    texts = ["Regnet drar bort österut under dagen, och i kväll klarnar det upp.", "R&D <b> & så"]
    found = []
    for id, text in enumerate(texts, start=1):
        words = tuple(Word(w, 10 * id + n / 2, 10 * id + n / 2 + 0.4) for n, w in enumerate(text.split()))
        language = "sv" if id == 1 else "en"
        found.append(Caption("jobs/x", id, 0, 10.0 * id, words[-1].end_s, text, True, language, words))
    url = "data:text/vtt;base64," + base64.b64encode(formats.vtt(found).encode()).decode()
    page.set_content(f'<video><track default kind="captions" src="{url}"></video>')
    page.wait_for_function("document.querySelector('track').readyState === 2")
    shown = page.evaluate(
        """[...document.querySelector('track').track.cues].map((cue) => {
          const html = cue.getCueAsHTML();
          return [cue.startTime, html.textContent.replace('\\n', ' '), html.querySelector('[lang]')?.lang];
        })"""
    )
    assert shown == [[10, texts[0], None], [20, texts[1], "en"]]


def test_withdrawn_line_is_removed(page: Page, api: Api, speaker: Speaker) -> None:
    page.goto(api.url)
    speaker.say("Tack för att ni tittade", final_after=False)
    expect(page.locator(".lines .text")).to_be_visible()
    speaker.revise("", final=False)
    expect(page.locator(".lines .text")).to_be_hidden()


def test_scrolling_back_stops_following(page: Page, api: Api, speaker: Speaker) -> None:
    for number in range(60):
        speaker.say(f"rad {number}")
    page.goto(api.url)
    last = page.locator(".lines p").last
    expect(last).to_be_in_viewport()
    page.locator(".lines").evaluate("element => { element.scrollTop = 0 }")
    latest = page.get_by_role("button", name="Latest line")
    expect(latest).to_be_visible()
    below = "(element, lines) => element.getBoundingClientRect().top - lines.getBoundingClientRect().bottom"
    assert latest.evaluate(below, page.locator(".lines").element_handle()) >= 0, "it must not cover the lines"
    speaker.say("ny rad")
    expect(page.locator(".lines p")).to_have_count(61)
    expect(page.locator(".lines p").first).to_be_in_viewport()
    latest.click()
    expect(page.locator(".lines p").last).to_be_in_viewport()


def test_finished_recording_has_no_latest_line_button(page: Page, api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, filename="möte.mp3", state=State.RUNNING))
    speaker = Speaker(redis, "jobs/j")
    for number in range(60):
        speaker.say(f"rad {number}")
    page.goto(f"{api.url}#file/j")
    expect(page.locator(".lines p")).to_have_count(60)
    expect(page.locator(".lines p").last).to_be_in_viewport()
    page.locator(".lines").evaluate("element => { element.scrollTop = 200 }")
    latest = page.get_by_role("button", name="Latest line")
    expect(latest).to_be_visible()
    speaker.finish()
    expect(page.locator("job-panel .state")).to_have_text("Captions complete")
    expect(latest).to_be_hidden()
    page.locator(".lines").evaluate("element => { element.scrollTop = 100 }")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(latest).to_be_hidden()


TOPMOST = """() => {
  const lines = document.querySelector('.lines');
  const { top } = lines.getBoundingClientRect();
  return [...lines.querySelectorAll('p')].find((line) => line.getBoundingClientRect().top > top - 1).dataset.key;
}"""


#: A browser that tells of a scroll before it tells of another size, as Firefox does where a page becomes wider.
SCROLL_FIRST = """addEventListener('resize', () => {
  const lines = document.querySelector('.lines');
  lines.getBoundingClientRect();
  lines.dispatchEvent(new Event('scroll'));
})"""


@pytest.mark.parametrize("script", ["", SCROLL_FIRST], ids=["as-it-is", "scroll-first"])
@pytest.mark.parametrize("view", ["radio/p1", "file/j"])
def test_resizing_keeps_the_reading_position(page: Page, api: Api, redis: Redis, view: str, script: str) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, filename="lång.mp3"))
    speaker = Speaker(redis, "stations/p1" if view == "radio/p1" else "jobs/j")
    for number in range(60):
        speaker.say(f"Ingen skadades svårt i branden, men hus {number} är totalt förstört.")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{api.url}#{view}")
    expect(page.locator(".lines p")).to_have_count(60)
    expect(page.locator(".lines p").last).to_be_in_viewport()
    page.locator(".lines").evaluate("element => { element.scrollTop = element.scrollHeight / 2 }")
    expect(page.get_by_role("button", name="Latest line")).to_be_visible()
    before = page.evaluate(TOPMOST)
    page.evaluate(script)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 600})
        page.wait_for_function(f"(before) => ({TOPMOST})() === before", arg=before)
        expect(page.locator(f".lines p[data-key='{before}']")).to_be_in_viewport()


def test_very_long_recording_reports_lines_that_are_not_shown(page: Page, api: Api, redis: Redis) -> None:
    Jobs(redis).save(Job("j", created_s=9e9, state=State.FINISHED, filename="dygn.mp3", duration_s=20_008.0))
    said = tuple(Caption("jobs/j", id, 0, 4.0 * id, 4.0 * id + 4, f"Rad {id}.", True, "sv") for id in range(1, 5003))
    chunk = Chunk("jobs/j", 1, 0, 0.0, 80_000, content=Content.SILENCE)
    advance = Advance(b"{}", said, 1, 1, 20_012.0, finished=True)
    CaptionLog(redis).commit([Delivery(stream_of(chunk), b"1-1", chunk)], lambda _: advance)
    page.goto(f"{api.url}#file/j")
    # Five thousand lines take long on a busy machine.
    expect(page.get_by_text("2 earlier lines are not shown here.")).to_be_visible(timeout=60_000)
    expect(page.locator(".lines .text").first).to_have_text("Rad 3.")
    expect(page.locator(".lines .text").last).to_have_text("Rad 5002.")


def test_restart_of_the_server_loses_no_line(
    page: Page, redis_url: str, redis: Redis, free_port: Callable[[], int], tmp_path: Path, speaker: Speaker
) -> None:
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1:9/p1.mp3", "sv"))
    port = free_port()
    with running(redis_url, port, tmp_path) as api:
        page.goto(api.url)
        speaker.say("rad 1")
        expect(page.locator(".lines .text")).to_have_text(["rad 1"])
    expect(page.locator(".connection")).to_contain_text("Reconnecting")
    expect(page.get_by_role("alert")).to_contain_text("The server is not responding")
    speaker.say("rad 2")
    with running(redis_url, port, tmp_path):
        speaker.say("rad 3")
        expect(page.locator(".lines .text")).to_have_text(["rad 1", "rad 2", "rad 3"])
        expect(page.locator(".connection")).to_be_hidden()
        expect(page.get_by_role("alert")).to_be_empty()
