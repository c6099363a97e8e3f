"""The page in a real browser, before a real API; captions are committed as a transcriber would."""

from __future__ import annotations

import base64
import functools
import http.server
import re
import statistics
import struct
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import srt
from playwright.sync_api import Browser, Page, Route, expect

from api import formats
from tests.integration.api_server import Api, Ingest, Speaker, running
from wire.bus import Redis, connect
from wire.messages import Caption, Content, Job, State, Station, Status, Word
from wire.sources import Jobs, Stations, Statuses

pytestmark = pytest.mark.browser

WIDTHS = {"desktop": 1280, "tablet": 800, "telephone": 360}


def lines(page: Page) -> list[str]:
    return page.locator(".lines .text").all_inner_texts()


def test_captions_come_as_they_are_made(page: Page, api: Api, redis: Redis, speaker: Speaker) -> None:
    speaker.say("Tidigare i dag.")
    Statuses(redis).save(
        Status("stations/p1", State.RUNNING, title="Ekot", codec="aac", sample_rate_hz=48_000, channels=2)
    )
    page.goto(api.url)
    expect(page).to_have_title("Radio – Undertext")
    expect(page.get_by_role("heading", name="P1 Vetenskap")).to_be_visible()
    expect(page.locator("header.station .playing")).to_have_text("Ekot")
    expect(page.locator(".facts")).to_have_text("On air · Swedish · aac 48 kHz stereo")
    expect(page.locator(".lines .text")).to_have_text(["Tidigare i dag."])
    speaker.say("Klockan är", final_after=False)
    line = page.locator(".lines p").nth(1)
    expect(line).to_have_class("provisional")
    expect(line.locator(".text")).to_have_text("Klockan är")
    speaker.revise("Klockan är åtta.")
    expect(line).to_have_class("caption")
    expect(line.locator(".text")).to_have_text("Klockan är åtta.")
    speaker.say("", content=Content.GAP, reason="shed")
    expect(page.locator(".lines .gap")).to_contain_text("4 seconds of sound lost")
    Statuses(redis).save(Status("stations/p1", State.RECONNECTING, detail="no audio for 30 s", epoch=1))
    expect(page.locator(".facts")).to_contain_text("Reconnecting")
    expect(page.locator(".facts")).to_contain_text("no audio for 30 s")


def test_a_station_that_was_never_heard_is_not_reconnected_to(page: Page, api: Api, redis: Redis) -> None:
    why = "there is no server named p1.example: check the address, and this machine's network"
    Statuses(redis).save(Status("stations/p1", State.RECONNECTING, detail=why))
    page.goto(api.url)
    expect(page.locator("header.station .facts")).to_have_text(f"Cannot be opened · Swedish · {why}")
    expect(page.locator("station-list .state")).to_have_text("Swedish · Cannot be opened")


def test_screen_readers_hear_final_lines_once(page: Page, api: Api, speaker: Speaker) -> None:
    speaker.say("Gammalt.")
    page.goto(api.url)
    expect(page.locator(".lines .text")).to_have_text(["Gammalt."])
    log = page.get_by_role("log")
    speaker.say("Regnet", final_after=False)
    expect(page.locator(".lines .text")).to_have_count(2)
    speaker.revise("Regnet drar bort.")
    expect(log.locator("p")).to_have_text(["Regnet drar bort."])  # neither what was there before nor the provisional
    assert log.get_attribute("aria-live") == "polite"
    assert log.locator("p").get_attribute("lang") == "sv"


def test_caption_text_is_never_markup(page: Page, api: Api, speaker: Speaker) -> None:
    evil = '<img src=x onerror="document.title=1"><b>fet</b>'
    page.goto(api.url)
    speaker.say(evil)
    expect(page.locator(".lines .text")).to_have_text([evil])
    assert page.locator(".lines img, .lines b").count() == 0
    assert page.title() == "Radio – Undertext"


def test_music_and_silence_are_told_below_the_lines(page: Page, api: Api, redis: Redis, speaker: Speaker) -> None:
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
    expect(page.locator(".facts")).to_contain_text("Reconnecting")
    expect(page.locator(".now")).to_be_empty()
    assert lines(page) == ["Tidigare i dag."]


def test_doubtful_words_are_marked(page: Page, api: Api, speaker: Speaker) -> None:
    words = (Word("Klockan", 5.0, 5.4, 0.9), Word("är", 5.4, 5.6, 0.9), Word("åtta.", 5.6, 6.0, 0.2))
    page.goto(api.url)
    speaker.say("Klockan är åtta.", words=words)
    expect(page.locator(".lines .text")).to_have_text(["Klockan är åtta."])
    expect(page.locator(".lines .doubtful")).to_have_text(["åtta."])


def rows(page: Page) -> int:
    """How many rows the only caption has, as it is drawn."""
    found: int = page.locator(".lines .text").evaluate(
        """(element) => {
          const range = document.createRange();
          range.selectNodeContents(element);
          return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
        }"""
    )
    return found


def test_a_caption_is_cut_at_phrases_as_in_its_files(page: Page, api: Api, speaker: Speaker) -> None:
    page.goto(api.url)
    speaker.say("Ingen skadades svårt i branden, men huset är totalt förstört.", words=(Word("Ingen", 5.0, 5.2, 0.1),))
    text = page.locator(".lines .text")
    expect(text).to_be_visible()
    shown = text.inner_text().split("\n")
    assert shown == ["Ingen skadades svårt i branden,", "men huset är totalt förstört."]
    [cue] = srt.parse(page.request.get(f"{api.url}/stations/p1/captions.srt").text())
    assert cue.content.split("\n") == shown
    assert rows(page) == 2


def test_a_narrow_page_breaks_captions_where_it_must(page: Page, api: Api, speaker: Speaker) -> None:
    speaker.say("Ingen skadades svårt i branden, men huset är totalt förstört.")
    page.goto(api.url)
    expect(page.locator(".lines .text")).to_be_visible()
    assert rows(page) == 2
    page.set_viewport_size({"width": 390, "height": 800})
    assert "\n" not in page.locator(".lines .text").inner_text()  # no break but those that it needs itself
    assert rows(page) >= 2


def test_timed_webvtt_is_shown_as_it_was_said(page: Page) -> None:
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


def test_a_withdrawn_line_goes(page: Page, api: Api, speaker: Speaker) -> None:
    page.goto(api.url)
    speaker.say("Tack för att ni tittade", final_after=False)
    expect(page.locator(".lines .text")).to_be_visible()
    speaker.revise("", final=False)
    expect(page.locator(".lines .text")).to_be_hidden()


def test_the_reader_who_scrolls_back_is_left_there(page: Page, api: Api, speaker: Speaker) -> None:
    for number in range(60):
        speaker.say(f"rad {number}")
    page.goto(api.url)
    last = page.locator(".lines p").last
    expect(last).to_be_in_viewport()
    page.locator(".lines").evaluate("element => { element.scrollTop = 0 }")
    expect(page.get_by_role("button", name="Latest line")).to_be_visible()
    speaker.say("ny rad")
    expect(page.locator(".lines p")).to_have_count(61)
    expect(page.locator(".lines p").first).to_be_in_viewport()
    page.get_by_role("button", name="Latest line").click()
    expect(page.locator(".lines p").last).to_be_in_viewport()


TOPMOST = """() => {
  const lines = document.querySelector('.lines');
  const { top } = lines.getBoundingClientRect();
  return [...lines.children].find((line) => line.getBoundingClientRect().top > top - 1).dataset.key;
}"""


@pytest.mark.parametrize("view", ["radio/p1", "file/j"])
def test_a_page_that_becomes_narrow_keeps_the_place(page: Page, api: Api, redis: Redis, view: str) -> None:
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
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 600})
        page.wait_for_function(f"(before) => ({TOPMOST})() === before", arg=before)
        expect(page.locator(f".lines p[data-key='{before}']")).to_be_in_viewport()


def test_a_server_that_restarts_costs_no_line(
    page: Page, redis_url: str, redis: Redis, free_port: Callable[[], int], tmp_path: Path, speaker: Speaker
) -> None:
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1:9/p1.mp3", "sv"))
    port = free_port()
    with running(redis_url, port, tmp_path) as api:
        page.goto(api.url)
        speaker.say("rad 1")
        expect(page.locator(".lines .text")).to_have_text(["rad 1"])
    expect(page.locator(".connection")).to_contain_text("Trying again")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    speaker.say("rad 2")
    with running(redis_url, port, tmp_path):
        speaker.say("rad 3")
        expect(page.locator(".lines .text")).to_have_text(["rad 1", "rad 2", "rad 3"])
        expect(page.locator(".connection")).to_be_hidden()
        expect(page.get_by_role("alert")).to_be_empty()


def test_stations_are_added_chosen_and_removed(page: Page, api: Api, redis: Redis) -> None:
    page.goto(api.url)
    page.get_by_text("Add a station").click()
    page.get_by_label("Name").fill("Radio Åland")
    page.get_by_label("Address of the stream").fill("127.0.0.1:9/åland")
    page.locator("#station-language").select_option("sv")
    page.get_by_label("Address of the stream").press("Enter")
    expect(page.get_by_role("heading", name="Radio Åland")).to_be_focused()
    assert page.url.endswith("#radio/radio-aland")
    station = Stations(redis).get("radio-aland")
    assert (station.language, station.url) == ("sv", "http://127.0.0.1:9/%C3%A5land")
    page.locator("station-list").get_by_text("P1 Vetenskap").click()
    expect(page.get_by_role("heading", name="P1 Vetenskap")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Radio Åland")).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove station").click()
    expect(page.locator("station-list li")).to_have_count(1)


def test_nothing_is_said_of_what_has_not_come_yet(page: Page, api: Api, redis: Redis, speaker: Speaker) -> None:
    speaker.say("Tidigare i dag.")
    stations: list[Route] = []
    histories: list[Route] = []
    page.route("**/stations", lambda route: stations.append(route))
    page.route("**/stations/*/captions?*", lambda route: histories.append(route))
    page.goto(api.url)
    expect(page.get_by_text("Add a station")).to_be_visible()
    expect(page.get_by_text("There are no stations yet")).to_be_hidden()
    stations[0].continue_()
    page.unroute("**/stations")
    expect(page.get_by_role("heading", name="P1 Vetenskap")).to_be_visible()
    expect(page.get_by_text("Nothing has been said yet")).to_be_hidden()
    histories[0].continue_()
    expect(page.locator(".lines .text")).to_have_text(["Tidigare i dag."])
    Stations(redis).add(Station("p2", "P2", "http://127.0.0.1:9/p2.mp3"))
    page.get_by_role("link", name="P2").click()
    expect(page.get_by_role("heading", name="P2")).to_be_visible()
    expect(page.locator(".lines")).to_be_hidden()  # they are P1's
    histories[1].continue_()
    expect(page.get_by_text("Nothing has been said yet")).to_be_visible()


def test_what_the_api_refuses_is_said_at_its_field(page: Page, api: Api, redis: Redis) -> None:
    page.goto(api.url)
    page.get_by_text("Add a station").click()
    page.get_by_label("Name").fill("P2")
    address = page.get_by_label("Address of the stream")
    address.fill("example.org/" + "x" * 3000)
    page.get_by_role("button", name="Add station").click()
    expect(address).to_be_focused()
    expect(address).to_have_accessible_description("Url is longer than 2000 characters.")
    expect(address).to_have_attribute("aria-invalid", "true")
    assert [station.id for station in Stations(redis).all()] == ["p1"]
    address.fill("example.org/p2")
    page.get_by_role("button", name="Add station").click()
    expect(page.get_by_role("heading", name="P2")).to_be_visible()
    expect(page.locator(".wrong")).to_have_count(0)
    assert Stations(redis).get("p2").url == "https://example.org/p2"


def test_stations_on_a_telephone_are_cards_that_lead_to_more(page: Page, api: Api, redis: Redis) -> None:
    Stations(redis).add(
        Station("p4", "P4 med ett namn, så långt att det tar mer än en rad", "http://127.0.0.1:9/p4.mp3")
    )
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(api.url)
    expect(page.locator("station-list a")).to_have_count(2)
    edge = "(element, side) => element.getBoundingClientRect()[side]"
    first, second = page.locator("station-list a").all()
    title, state = first.locator("strong"), first.locator(".state")
    assert state.evaluate(edge, "top") - title.evaluate(edge, "bottom") < 10, "its lines keep together"
    assert second.evaluate(edge, "left") < 390 < second.evaluate(edge, "right"), "it is cut off: the list goes on"


class Silent(http.server.SimpleHTTPRequestHandler):
    """A file server that does not write to the terminal."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_the_station_is_heard(page: Page, api: Api, redis: Redis, tone: Path) -> None:
    handler = functools.partial(Silent, directory=str(tone.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as files:
        threading.Thread(target=files.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{files.server_port}/{tone.name}"
        Stations(redis).add(Station("p1", "P1", "http://127.0.0.1:9/no", listen_url=url))
        page.goto(api.url)
        page.get_by_role("button", name="Listen").click()
        page.wait_for_function("() => document.querySelector('audio').currentTime > 0.2")
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("button", name="Listen")).to_be_visible()
        files.shutdown()


def test_a_station_that_cannot_be_heard_says_so(page: Page, api: Api) -> None:
    page.goto(api.url)
    page.get_by_role("button", name="Listen").click()
    expect(page.locator(".trouble")).to_contain_text("cannot be played")


def test_no_sound_is_offered_where_its_password_is_not_shown(page: Page, api: Api, redis: Redis) -> None:
    Stations(redis).add(Station("p1", "P1", "http://me:word@127.0.0.1:9/p1.mp3"))
    Stations(redis).add(Station("p2", "P2", "http://127.0.0.1:9/p2.mp3"))
    page.goto(f"{api.url}/#radio/p1")
    expect(page.locator(".trouble")).to_contain_text("needs a password")
    expect(page.get_by_role("button", name="Listen")).to_be_hidden()
    page.get_by_role("link", name="P2").click()
    expect(page.get_by_role("button", name="Listen")).to_be_visible()
    expect(page.locator(".trouble")).to_be_hidden()


def test_speech_goes_in_and_captions_come_back(page: Page, api: Api, redis_url: str) -> None:
    ingest = Ingest(redis_url)
    ingest.start()
    page.goto(f"{api.url}#microphone")
    page.locator("#microphone-language").select_option("en")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.locator(".lines .text")).to_have_text(["first"])
    page.wait_for_function("() => document.querySelector('meter').value > 0.1")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".lines .text")).to_have_count(2)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    expect(page.locator("microphone-view .state")).to_have_text("Stopped.")
    ingest.join(timeout=20)
    assert ingest.hello is not None
    with page.expect_download() as started:
        page.get_by_role("link", name="SRT").click()
    assert started.value.suggested_filename == f"{ingest.hello.id}.srt"
    assert "first" in Path(started.value.path()).read_text()
    assert ingest.hello.language == "en"
    samples = struct.unpack(f"<{len(ingest.pcm) // 2}h", ingest.pcm)
    assert max(samples) > 3_000
    # Silence crosses zero often; and a busy browser leaves gaps, so that most periods are whole, but not all.
    loud = [(n, sample > 0) for n, sample in enumerate(samples) if abs(sample) > 1_000]
    rises = [n for (_, before), (n, now) in pairwise(loud) if now and not before]
    period = statistics.median(b - a for a, b in pairwise(rises))
    assert ingest.hello.sample_rate / period == pytest.approx(440, rel=0.05)


def test_a_refused_microphone_says_what_to_do(browser: Browser, api: Api) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError') }"
    )
    page.goto(f"{api.url}#microphone")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("Allow it")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    context.close()


def test_a_token_is_asked_for_once(page: Page, redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
    with running(redis_url, free_port(), tmp_path, API_TOKEN="sesam") as api:
        Stations(connect(redis_url)).add(Station("p1", "P1", "http://127.0.0.1:9/p1"))
        page.goto(api.url)
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Remove station").click()
        page.get_by_role("textbox", name="Token").fill("sesam")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("station-list li")).to_have_count(0)
        expect(page.get_by_text("There are no stations yet")).to_be_visible()


def test_all_is_reached_by_keyboard(page: Page, api: Api, speaker: Speaker) -> None:
    speaker.say("rad")
    page.goto(api.url)
    expect(page.locator(".lines")).to_be_visible()
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim() || document.activeElement.className"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached[-1]
        if reached[-1] == "Remove station":
            break
    assert [
        name for name in ("Skip to the captions", "Radio", "File", "Microphone", "Listen") if name not in reached
    ] == []
    assert any("P1 Vetenskap" in name for name in reached)
    assert reached[-1] == "Remove station"


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
def test_nothing_is_cut_off(browser: Browser, api: Api, speaker: Speaker, width: int) -> None:
    speaker.say("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 2)
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    for view, heading in (
        ("radio", "P1 Vetenskap"),
        ("file", "Caption a recording"),
        ("microphone", "Caption your voice"),
    ):
        page.goto(f"{api.url}#{view}")
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(
    browser: Browser, api: Api, redis: Redis, speaker: Speaker, scheme: str
) -> None:
    """WCAG 2.2 AA: 4.5 to 1, for every text on the page."""
    speaker.say("klart")
    speaker.say("", content=Content.GAP)
    speaker.say("kanske", final_after=False)
    Statuses(redis).save(Status("stations/p1", State.RUNNING, activity="music"))
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(api.url)
    expect(page.locator(".lines p")).to_have_count(3)
    pairs = page.evaluate(
        """() => [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility()
          && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && !e.closest('.visually-hidden, .skip'))
          .map((e) => {
            const colour = (element) => getComputedStyle(element).backgroundColor;
            let ground = e;
            while (ground !== document.body && colour(ground) === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
            return [e.textContent.slice(0, 30), getComputedStyle(e).color, colour(ground)];
          })"""
    )
    assert len(pairs) > 8
    for text, ink, ground in pairs:
        assert contrast(ink, ground) >= 4.5, (text, ink, ground)
    context.close()


def contrast(one: str, other: str) -> float:
    """Ratio of two CSS colours, as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
