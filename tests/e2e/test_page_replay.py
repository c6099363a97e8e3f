"""Replaying a station's recent audio, with a real browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from playwright.sync_api import Locator, Page, expect

from ingest.stations.keeping import encode
from tests.e2e.correcting import opened
from tests.integration.api_server import Api, Speaker, running
from wire.bus import Redis
from wire.kept_audio import Clip, KeptAudio
from wire.messages import State, Station, Status
from wire.sources import Stations, Statuses

pytestmark = pytest.mark.browser


@pytest.fixture
def kept(api: Api, redis: Redis, tone: Path) -> float:
    """A station whose last twenty seconds of audio are kept; the Unix time at which they begin."""
    api.http.delete("/stations/p1")  # clears captions of earlier tests from the archive
    Stations(redis).add(Station("p1", "P1 Vetenskap", "http://127.0.0.1:9/p1.mp3", "sv"))
    now_s = time.time()
    samples, rate = soundfile.read(tone, dtype="int16")
    pcm = samples[:: rate // 16_000].tobytes()
    Statuses(redis).save(Status("stations/p1", State.RUNNING, audio_kept_s=900))
    for ago_s in (20, 10):
        KeptAudio(redis).add("stations/p1", Clip(now_s - ago_s, len(pcm) // 2, encode(pcm)), kept_s=900)
    return now_s


def test_line_is_replayed(page: Page, api: Api, redis: Redis, speaker: Speaker, kept: float) -> None:
    for number, ago_s in enumerate((800, 19, 12, 9)):
        speaker.say(f"Rad {number}.", start_s=kept - ago_s)
    page.goto(api.url)
    lines, said = page.locator(".lines p"), page.locator("[aria-current=true] .text")
    player = page.locator("replay-player")
    expect(player).to_be_hidden()
    lines.filter(has_text="Rad 2.").get_by_role("button").click()
    expect(said).to_have_text("Rad 2.")
    page.wait_for_function("() => document.querySelector('replay-player audio').currentTime > 0.3")
    expect(said).to_have_text("Rad 3.")  # playback continues
    expect(said).to_have_count(0)  # playback ends with the kept audio
    expect(player).to_be_hidden()
    lines.filter(has_text="Rad 1.").get_by_role("button").press("Enter")
    expect(said).to_have_text("Rad 1.")
    page.get_by_role("button", name="Back to live").click()
    expect(said).to_have_count(0)
    expect(page.locator(".lines")).to_be_focused()
    lines.filter(has_text="Rad 0.").get_by_role("button").click()
    expect(page.locator("notice-bar")).to_contain_text("is no longer available")


def test_end_of_replay_keeps_the_position_after_scrolling_away(
    page: Page, api: Api, speaker: Speaker, kept: float
) -> None:
    for number in range(40):
        speaker.say(f"Rad {number}.", start_s=kept - 202 + 5 * number)
    page.goto(api.url)
    lines = page.locator(".lines")
    lines.locator("p").last.get_by_role("button").click()
    expect(lines.locator("[aria-current=true] .text")).to_have_text("Rad 39.")
    lines.evaluate("(box) => { box.scrollTop = 0; }")
    expect(page.locator("replay-player")).to_be_hidden()
    assert lines.evaluate("(box) => box.scrollTop") == 0
    expect(page.get_by_role("button", name="Latest line")).to_be_visible()


def test_end_of_replay_keeps_the_position(page: Page, api: Api, speaker: Speaker, kept: float) -> None:
    for number in range(40):
        speaker.say(f"Rad {number}.", start_s=kept - 2 + number)  # the last ones are after the kept audio
    page.goto(api.url)
    lines = page.locator(".lines")
    lines.locator("p").first.get_by_role("button").press("Enter")
    expect(lines.locator("[aria-current=true]")).to_have_count(1)
    expect(page.locator("replay-player")).to_be_hidden()
    expect(lines.locator("p").first).to_be_in_viewport()
    speaker.say("Sist.", start_s=kept + 40)
    expect(lines.locator("p")).to_have_count(41)
    expect(lines.locator("p").first).to_be_in_viewport()


def test_escape_stops_the_replay_and_keeps_the_position(page: Page, api: Api, speaker: Speaker, kept: float) -> None:
    for number in range(40):
        speaker.say(f"Rad {number}.", start_s=kept - 19 + 0.4 * number)
    page.goto(api.url)
    lines, player = page.locator(".lines"), page.locator("replay-player")
    lines.evaluate("(box) => { box.scrollTop = 0; }")
    lines.locator("p").first.get_by_role("button").press("Enter")
    expect(lines.locator("[aria-current=true]")).to_have_count(1)
    page.get_by_role("button", name="Correct captions").click()
    opened(page, 2).press("Escape")  # closes the editor
    expect(page.locator("line-editor")).to_have_count(0)
    expect(player).to_be_visible()
    page.get_by_role("button", name="Back to live").focus()
    page.keyboard.press("Escape")
    expect(player).to_be_hidden()
    expect(lines).to_be_focused()
    expect(lines.locator("[aria-current=true]")).to_have_count(0)
    speaker.say("Sist.", start_s=kept)
    expect(lines.locator("p")).to_have_count(41)
    expect(lines.locator("p").first).to_be_in_viewport()


def test_live_playback_returns_to_the_live_captions(page: Page, api: Api, speaker: Speaker, kept: float) -> None:
    for number in range(40):
        speaker.say(f"Rad {number}.", start_s=kept - 19 + 0.4 * number)
    page.goto(api.url)
    lines = page.locator(".lines")
    lines.evaluate("(box) => { box.scrollTop = 0; }")
    lines.locator("p").first.get_by_role("button").press("Enter")
    expect(lines.locator("[aria-current=true]")).to_have_count(1)
    page.get_by_role("button", name="Listen").click()
    expect(page.locator("replay-player")).to_be_hidden()
    expect(lines.locator("p").last).to_be_in_viewport()
    expect(lines.locator("[aria-current=true]")).to_have_count(0)
    expect(page.get_by_role("button", name="Latest line")).to_be_hidden()
    assert "?at=" not in page.url
    expect(page.locator(".play")).to_be_focused()


def test_lines_are_not_playable_if_no_audio_is_kept(page: Page, api: Api, redis: Redis, speaker: Speaker) -> None:
    speaker.say("En rad.", start_s=time.time())
    page.goto(api.url)
    expect(page.locator(".lines time")).to_have_count(1)
    expect(page.locator(".lines p").get_by_role("button")).to_have_count(0)
    Statuses(redis).save(Status("stations/p1", State.RUNNING, audio_kept_s=900))
    expect(page.locator(".lines p").get_by_role("button")).to_have_count(1)
    Stations(redis).add(Station("p1", "P1", "http://me:word@127.0.0.1:9/p1.mp3"))
    expect(page.locator(".lines p").get_by_role("button")).to_have_count(0)


def test_search_result_is_replayed_in_place(
    page: Page, api: Api, redis: Redis, speaker: Speaker, kept: float, wait_until: Callable[..., None]
) -> None:
    Statuses(redis).save(Status("stations/p1", State.RUNNING, audio_kept_s=60))
    for text, ago_s in (("Zebran först.", 90), ("Zebran sedan.", 19), ("Zebran till.", 12), ("Giraffen sist.", 9)):
        speaker.say(text, start_s=kept - ago_s)
    wait_until(lambda: len(api.http.get("/search?q=zebran").json()["results"]) == 3, 20)
    page.goto(f"{api.url}#search/zebran")

    def line(text: str) -> Locator:
        return page.locator(".lines p").filter(has_text=text)

    chosen = page.locator(".lines p").filter(has=page.get_by_role("button", name="Copy link"))
    said = page.locator("[aria-current=true] .text")
    page.get_by_role("link", name="P1 Vetenskap").nth(1).click()
    expect(said).to_have_text("Zebran sedan.")
    expect(chosen.locator(".text")).to_have_text("Zebran sedan.")
    expect(line("Zebran först.").locator("time[role=link]")).to_have_count(1)
    before = page.url
    line("Zebran till.").get_by_role("button", name=":").press("Enter")
    expect(said).to_have_text("Zebran till.")
    assert page.url != before, "the address of the played line can be shared"
    page.wait_for_function("() => document.querySelector('replay-player audio').currentTime > 0.3")
    expect(said).to_have_text("Giraffen sist.")
    expect(chosen.locator(".text")).to_have_text("Zebran till.")  # the chosen line is unchanged
    page.get_by_role("button", name="Back to live").click()
    expect(said).to_have_count(0)
    expect(chosen).to_have_count(0)
    assert page.url.endswith("#radio/p1")


def test_station_with_a_password_cannot_be_replayed(
    page: Page, redis: Redis, redis_server: str, free_port: Callable[[], int], tmp_path: Path, speaker: Speaker
) -> None:
    """The token reveals the password, but an audio element cannot send the token."""
    speaker.say("En rad.", start_s=time.time())
    Stations(redis).add(Station("p1", "P1", "http://me:word@127.0.0.1:9/p1.mp3"))
    Statuses(redis).save(Status("stations/p1", State.RUNNING, audio_kept_s=900))
    page.add_init_script("sessionStorage.setItem('undertext-token', 'secret')")
    with running(redis_server, free_port(), tmp_path, API_TOKEN="secret") as api:
        page.goto(api.url)
        expect(page.locator(".lines time")).to_have_count(1)
        expect(page.locator("header.station .facts")).to_contain_text("On air")
        expect(page.locator(".lines p").get_by_role("button")).to_have_count(0)


def test_missed_lines_are_not_playable(page: Page, api: Api, redis: Redis) -> None:
    Statuses(redis).save(Status("stations/p1", State.RUNNING, audio_kept_s=900))
    missed = '{"type": "missed", "source": "stations/p1", "count": 3, "after": 0}'
    page.route_web_socket("**/stations/p1/live*", lambda socket: socket.send(missed))
    page.goto(api.url)
    expect(page.get_by_text("3 lines were missed")).to_be_visible()
    expect(page.locator("header.station .facts")).to_contain_text("On air")
    expect(page.locator(".lines p").get_by_role("button")).to_have_count(0)


def test_switching_stations_before_the_lines_are_loaded(page: Page, api: Api, redis: Redis) -> None:
    Statuses(redis).save(Status("stations/p1", State.RUNNING, audio_kept_s=900))
    Stations(redis).add(Station("p2", "P2", "http://127.0.0.1:9/p2.mp3"))
    page.route("**/stations/p1/captions*", lambda route: None)  # never responds
    page.goto(f"{api.url}/#radio/p1")
    expect(page.locator("header.station .facts")).to_contain_text("On air")
    page.locator("station-list").get_by_text("P2", exact=True).click()
    expect(page.get_by_text("No captions yet")).to_be_visible()
