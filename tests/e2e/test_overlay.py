"""Captions outside the page: the overlay, and a browser's EventSource."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.integration.api_server import Api, Speaker
from wire.bus import Redis
from wire.messages import Content, Job, State, Status
from wire.sources import Jobs, Statuses

pytestmark = pytest.mark.browser


@pytest.fixture
def watched(api: Api, wait_until: Callable[..., None]) -> Callable[[str], None]:
    """Waits until a source has a viewer."""
    return lambda kind: wait_until(lambda: f'api_viewers{{kind="{kind}"}} 1.0' in api.http.get("/metrics").text)


def test_newest_lines_are_shown_alone_and_disappear(
    page: Page, api: Api, speaker: Speaker, watched: Callable[[str], None]
) -> None:
    speaker.say("Tidigare i dag.")
    page.goto(f"{api.url}/overlay.html?source=stations/p1&seconds=2&size=5")
    watched("stations")
    shown = page.locator("p")
    speaker.say("Klockan är", final_after=False)
    expect(shown).to_have_text(["Klockan är"])
    speaker.revise("Klockan är <b>åtta</b>.")
    expect(shown).to_have_text(["Klockan är <b>åtta</b>."])
    speaker.say("Nyheterna från Umeå.")
    speaker.say("", content=Content.GAP, reason="shed")
    speaker.say("Det snöar.")
    expect(shown).to_have_text(["Nyheterna från Umeå.", "Det snöar."])
    assert shown.first.get_attribute("lang") == "sv"
    assert shown.first.evaluate("p => getComputedStyle(p).fontSize") == "64px", "of 1280"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
    expect(shown).to_have_count(0)
    speaker.say("Nu är det vår.")
    expect(shown).to_have_text(["Nu är det vår."])
    speaker.say("Eller", final_after=False)
    expect(shown).to_have_text(["Nu är det vår.", "Eller"])
    speaker.revise("", final=False)
    speaker.say("", content=Content.GAP, reason="away", final_after=False)
    expect(shown).to_have_count(0)  # even though the last line is not final


def test_hls_link_is_offered_without_a_password(
    page: Page, api: Api, redis: Redis, speaker: Speaker, wait_until: Callable[..., None]
) -> None:
    link = page.get_by_role("link", name="Players (HLS)")
    page.goto(f"{api.url}/#radio/p1")
    speaker.say("Klockan är åtta.")
    expect(page.locator(".lines .text")).to_have_text(["Klockan är åtta."])
    expect(page.get_by_role("link", name="Overlay")).to_be_visible()
    expect(link).to_have_count(0)
    Statuses(redis).save(Status("stations/p1", State.RUNNING, hls=True))
    wait_until(lambda: api.http.get("/stations").json()["stations"][0]["status"]["hls"])  # may be a second old
    page.reload()
    expect(link).to_have_attribute("href", "/stations/p1/hls/live.m3u8")
    expect(link).to_have_attribute("title", re.compile("Address for players"))


def test_overlay_can_be_embedded_but_the_page_cannot(
    page: Page, api: Api, redis: Redis, watched: Callable[[str], None], tmp_path: Path
) -> None:
    Statuses(redis).save(Status("microphones/a1", State.RUNNING, since_s=time.time()))
    frame = f'<iframe src="{api.url}/overlay.html?source=microphones/a1&lines=1"></iframe>'
    (tmp_path / "index.html").write_text(frame)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as others:
        threading.Thread(target=others.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{others.server_port}/")
        others.shutdown()
    watched("microphones")
    speaker = Speaker(redis, "microphones/a1")
    for text in ("Välkomna.", "Vi börjar."):
        speaker.say(text)
    expect(page.frame_locator("iframe").locator("p")).to_have_text(["Vi börjar."])
    for path, allowed in (("overlay.html", "*"), ("", "'none'")):
        assert api.http.get(f"/{path}").headers["content-security-policy"].endswith(f"frame-ancestors {allowed}")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("stations/none", "stations/none not found"),
        ("microphones/none", "microphones/none not found"),
        ("../stations", "overlay.html?source=stations/demo, or microphones/ID"),
    ],
)
def test_invalid_source_is_reported(page: Page, api: Api, source: str, words: str) -> None:
    page.goto(f"{api.url}/overlay.html?source={source}")
    expect(page.get_by_role("alert")).to_contain_text(words)


def test_custom_css_of_obs_overrides_the_style(page: Page, api: Api) -> None:
    page.goto(f"{api.url}/overlay.html")
    expect(page.get_by_role("alert")).to_have_css("background-color", "rgba(0, 0, 0, 0.75)")
    page.evaluate(
        "document.head.append(Object.assign(document.createElement('style'), {textContent: 'p { background: none }'}))"
    )
    expect(page.get_by_role("alert")).to_have_css("background-color", "rgba(0, 0, 0, 0)")


def test_event_source_receives_a_recording_to_its_end_and_stops(
    page: Page, api: Api, redis: Redis, watched: Callable[[str], None]
) -> None:
    Jobs(redis).save(Job("j1", time.time(), duration_s=10.0))
    speaker = Speaker(redis, "jobs/j1")
    speaker.say("Ett.")
    page.goto(f"{api.url}/overlay.html")  # any page of this origin
    page.evaluate("""() => {
        window.texts = [];
        window.source = new EventSource('/jobs/j1/events');
        source.addEventListener('caption', ({ data }) => texts.push(JSON.parse(data).text));
    }""")
    watched("jobs")
    speaker.say("Två.")
    speaker.finish()  # the stream ends; it comes again, and is told that there is nothing more
    page.wait_for_function("() => source.readyState === EventSource.CLOSED")
    assert page.evaluate("() => texts") == ["Ett.", "Två."]
