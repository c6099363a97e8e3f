"""Stations on the page, with a real browser: selecting, adding, removing and playing them."""

from __future__ import annotations

import functools
import http.server
import re
import threading
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.correcting import kept, opened
from tests.integration.api_server import Api, Speaker
from wire.bus import Redis
from wire.messages import State, Station, Status
from wire.sources import Stations, Statuses

pytestmark = pytest.mark.browser

TOPS_AND_BOTTOMS = "places => places.map(e => e.getBoundingClientRect()).map(({ top, bottom }) => [top, bottom])"


def test_station_that_was_never_on_air_is_not_called_reconnecting(page: Page, api: Api, redis: Redis) -> None:
    why = "there is no server named p1.example: check the address, and this machine's network"
    Statuses(redis).save(Status("stations/p1", State.RECONNECTING, detail=why))
    page.goto(api.url)
    expect(page.locator("header.station .facts")).to_have_text(f"Cannot be opened · Swedish · {why}")
    expect(page.locator("station-list .state")).to_have_text("Swedish · Cannot be opened")
    page.set_viewport_size({"width": 360, "height": 560})
    expect(page.get_by_text("No captions yet")).to_be_visible()
    page.get_by_role("link", name="SRT").click(trial=True)  # nothing covers it


def test_title_is_updated_in_list_and_header_at_once(page: Page, api: Api, redis: Redis) -> None:
    Statuses(redis).save(Status("stations/p1", State.RUNNING, title="Nyheter"))
    page.goto(api.url)
    expect(page.locator("station-list .playing")).to_have_text("Nyheter")
    page.route(re.compile("/stations$"), lambda route: None)  # the list is not refreshed
    Statuses(redis).save(Status("stations/p1", State.RUNNING, title="Väder"))
    for place in ("header.station", "station-list"):
        expect(page.locator(f"{place} .playing")).to_have_text("Väder")


@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
def test_tab_order_follows_the_layout(page: Page, api: Api, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(api.url)
    page.locator("station-list a").wait_for()
    page.set_viewport_size({"width": 1670 - width, "height": 800})  # like rotating a tablet
    page.set_viewport_size({"width": width, "height": 800})
    places = page.locator("aside > a, station-list a, aside > details > summary")
    tops, bottoms = zip(*places.evaluate_all(TOPS_AND_BOTTOMS), strict=True)
    assert len(tops) == 3
    assert all(bottom > top for top, bottom in zip(tops, bottoms[1:], strict=False)), "none is above the previous one"


def test_focus_stays_on_the_station_when_another_goes_off_air(page: Page, api: Api, redis: Redis) -> None:
    Stations(redis).add(Station("p2", "P2 Musik", "http://127.0.0.1:9/p2.mp3"))
    for id in ("p1", "p2"):
        Statuses(redis).save(Status(f"stations/{id}", State.RUNNING))
    page.goto(api.url)
    names = page.locator("station-list strong")
    expect(names).to_have_text(["P1 Vetenskap", "P2 Musik"])
    page.locator("station-list a").last.focus()
    Statuses(redis).save(Status("stations/p1", State.RECONNECTING))
    expect(names).to_have_text(["P2 Musik", "P1 Vetenskap"])
    expect(page.locator("station-list a").first).to_be_focused()


def test_stations_are_added_selected_and_removed(page: Page, api: Api, redis: Redis) -> None:
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
    expect(page.get_by_text("Radio Åland was removed.")).to_be_focused()
    expect(page).to_have_title("Radio – Undertext")
    expect(page.get_by_role("button", name="Remove station")).to_be_hidden()


@pytest.mark.parametrize("size", [(1280, 720), (390, 800)], ids=["desktop", "phone"])
def test_form_for_a_new_station_is_in_view(page: Page, api: Api, redis: Redis, size: tuple[int, int]) -> None:
    for number in range(20):
        Stations(redis).add(Station(f"s{number}", f"Radio {number}", "http://127.0.0.1:9/s"))
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(api.url)
    expect(page.locator("station-list li")).to_have_count(21)
    page.get_by_text("Add a station").press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page.get_by_label("Name")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Add station")).to_be_in_viewport(ratio=1)
    expect(page.locator("station-form")).to_have_css(
        "display", "block"
    )  # Firefox scrolls only the start of an inline element into view


def test_station_is_changed(page: Page, api: Api, redis: Redis) -> None:
    url = "http://me:word@127.0.0.1:9/p1.mp3"
    Stations(redis).add(Station("p1", "P1", url, "xx", "http://127.0.0.1:9/listen.mp3", task="translate"))
    page.goto(api.url)
    page.get_by_role("button", name="Change station").click()
    form = page.get_by_role("dialog", name="Change station")
    address = form.get_by_label("Address of the stream")
    expect(address).to_have_value("http://me:***@127.0.0.1:9/p1.mp3")
    form.get_by_label("Name").fill("P1 Vetenskap")
    form.get_by_label("Address for listening").fill("")
    form.get_by_label("People and places").fill("Bodil Jönsson\n\n Umeå")
    expect(form.get_by_label("Translate into English")).to_be_checked()
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="P1 Vetenskap")).to_be_visible()
    expect(page.locator(".trouble")).to_contain_text(
        "requires a password"
    )  # the sound is now that of the other address
    changed = Station("p1", "P1 Vetenskap", url, "xx", hot_words=("Bodil Jönsson", "Umeå"), task="translate")
    assert Stations(redis).get("p1") == changed, "unchanged fields are kept, even the masked password"
    page.get_by_role("button", name="Change station").click()
    address.fill("http://me:***@127.0.0.1:9/p2.mp3")
    form.get_by_label("People and places").fill("x" * 501)
    form.get_by_role("button", name="Save").click()
    expect(address).to_have_accessible_description(re.compile("send the actual password"))
    address.fill("127.0.0.1:9/p2.mp3")
    form.get_by_text("More options").click()
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_label("People and places")).to_be_focused()  # the section with the error is opened
    form.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Change station")).to_be_focused()
    assert Stations(redis).get("p1") == changed
    page.goto(f"{api.url}/#radio/nope")
    expect(page.get_by_text("Station nope not found. It may have been removed.")).to_be_visible()
    expect(page.get_by_role("button", name="Change station")).to_be_hidden()


def test_address_field_uses_the_available_width(page: Page, api: Api, redis: Redis) -> None:
    url = "https://live-edge.example.org/public/p1-hog/icecast-192.mp3?session=abcdef"
    Stations(redis).add(Station("p1", "P1", url))
    page.goto(api.url)
    page.get_by_role("button", name="Change station").click()
    address = page.get_by_role("dialog").get_by_label("Address of the stream")
    expect(address).to_have_value(url)
    assert address.evaluate("field => field.scrollWidth <= field.clientWidth"), "it is cut"
    page.set_viewport_size({"width": 390, "height": 800})
    assert address.evaluate("field => field.clientWidth") > 300
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_nothing_is_shown_before_it_is_loaded(page: Page, api: Api, redis: Redis, speaker: Speaker) -> None:
    speaker.say("Tidigare i dag.")
    stations: list[Route] = []
    histories: list[Route] = []
    page.route("**/stations", lambda route: stations.append(route))
    page.route("**/stations/*/captions?*", lambda route: histories.append(route))
    page.goto(api.url)
    expect(page.get_by_text("Add a station")).to_be_visible()
    expect(page.get_by_text("No stations yet")).to_be_hidden()
    stations[0].continue_()
    page.unroute("**/stations")
    expect(page.get_by_role("heading", name="P1 Vetenskap")).to_be_visible()
    expect(page.get_by_text("No captions yet")).to_be_hidden()
    histories[0].continue_()
    expect(page.locator(".lines .text")).to_have_text(["Tidigare i dag."])
    Stations(redis).add(Station("p2", "P2", "http://127.0.0.1:9/p2.mp3"))
    page.get_by_role("link", name="P2").click()
    expect(page.get_by_role("heading", name="P2")).to_be_visible()
    expect(page.locator(".lines")).to_be_hidden()  # the lines of P1
    histories[1].continue_()
    expect(page.get_by_text("No captions yet")).to_be_visible()


def test_removed_view_opens_no_station(page: Page, api: Api) -> None:
    held: list[Route] = []
    page.route("**/stations", lambda route: held.append(route))
    page.goto(api.url)
    page.get_by_role("link", name="File").click()
    with page.expect_response("**/stations"):
        held[0].continue_()
    page.evaluate("() => fetch('/about')")  # by then the page has received the response
    expect(page).to_have_title("File – Undertext")


def test_error_is_shown_at_its_field(page: Page, api: Api, redis: Redis) -> None:
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
    sent: list[Route] = []
    page.route("**/stations", lambda route: sent.append(route) if route.request.method == "POST" else route.continue_())
    page.get_by_role("button", name="Add station").dblclick()
    expect(page.get_by_role("button", name="Add station")).to_be_disabled()
    [only] = sent
    only.continue_()
    expect(page.get_by_role("heading", name="P2")).to_be_visible()
    expect(page.locator(".wrong")).to_have_count(0)
    assert Stations(redis).get("p2").url == "https://example.org/p2"


def test_stations_are_scrollable_cards_on_a_phone(page: Page, api: Api, redis: Redis) -> None:
    Stations(redis).add(
        Station("p4", "P4 med ett namn, så långt att det tar mer än en rad", "http://127.0.0.1:9/p4.mp3")
    )
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(api.url)
    expect(page.locator("station-list a")).to_have_count(2)
    edge = "(element, side) => element.getBoundingClientRect()[side]"
    first, second = page.locator("station-list a").all()
    title, state = first.locator("strong"), first.locator(".state")
    assert state.evaluate(edge, "top") - title.evaluate(edge, "bottom") < 10, "its text is not spread out"
    assert second.evaluate(edge, "left") < 390 < second.evaluate(edge, "right"), (
        "a card is cut off to show that the list continues"
    )


def test_newest_line_is_on_a_phone_screen_with_the_footer_below(page: Page, api: Api, speaker: Speaker) -> None:
    for number in range(60):
        speaker.say(f"Ingen skadades svårt i branden, men hus {number} är totalt förstört.")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(api.url)
    lines, below = page.locator(".lines"), page.locator(".stage footer")
    expect(lines.locator("p")).to_have_count(60)
    edge = "(element, side) => element.getBoundingClientRect()[side]"
    for width, height in ((390, 844), (768, 1024), (360, 640)):
        page.set_viewport_size({"width": width, "height": height})
        expect(lines.locator("p").last).to_be_in_viewport(ratio=1)
        expect(lines).to_be_in_viewport(ratio=1)
        expect(below).not_to_be_in_viewport()
    page.locator("replay-player").evaluate("player => { player.hidden = false }")
    assert below.evaluate(edge, "top") >= lines.evaluate(edge, "bottom"), "it covers the lines"
    page.mouse.move(180, 400)
    page.mouse.wheel(0, 2000)
    expect(page.get_by_role("button", name="Remove station")).to_be_in_viewport(ratio=1)


class Silent(http.server.SimpleHTTPRequestHandler):
    """A file server that does not log to the terminal."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_station_is_played(page: Page, api: Api, redis: Redis, tone: Path) -> None:
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


def test_corrections_of_station_lines_are_enabled_on_request(
    page: Page, api: Api, redis: Redis, speaker: Speaker
) -> None:
    speaker.say("Vädret i Skara.", start_s=time.time())
    page.goto(api.url)
    text = page.locator(".lines .text")
    expect(text).to_have_text(["Vädret i Skara."])
    expect(page.locator(".lines .correct")).to_have_count(0)
    wanted = page.get_by_role("button", name="Correct captions")
    wanted.click()
    expect(wanted).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Correct: line")).to_have_css("opacity", "1")  # even without hovering
    opened(page, 0).fill("Vädret i Skåne.")
    speaker.say("Nästa rad.", start_s=time.time())  # while editing
    expect(text).to_have_text(["Vädret i Skara.", "Nästa rad."])
    page.keyboard.press("Enter")
    expect(text).to_have_text(["Vädret i Skåne.", "Nästa rad."])
    assert kept(redis, "stations/p1") == ["Vädret i Skåne.", "Nästa rad."]
    expect(page.locator(".lines .correct")).to_have_count(2)
    wanted.click()
    expect(page.locator(".lines .correct")).to_have_count(0)
    expect(text).to_have_text(["Vädret i Skåne.", "Nästa rad."])


def test_who_reads_what_was_said_stays_there_and_what_is_typed_too(page: Page, api: Api, speaker: Speaker) -> None:
    for number in range(40):
        speaker.say(f"Rad {number}.", start_s=time.time() - 200 + 5 * number)
    page.goto(api.url)
    lines = page.locator(".lines")
    expect(lines.locator(".text")).to_have_count(40)
    lines.evaluate("(box) => { box.scrollTop = 100; }")
    expect(page.get_by_role("button", name="Latest line")).to_be_visible()
    wanted = page.get_by_role("button", name="Correct captions")
    wanted.click()
    expect(lines.locator(".correct")).to_have_count(40)
    assert 0 < lines.evaluate("(box) => box.scrollTop") < 200  # lines may rewrap beside their buttons
    field = opened(page, 3)
    field.fill("Rad tre.")
    wanted.click()
    expect(field).to_have_value("Rad tre.")
    field.press("Enter")
    expect(lines.locator(".text").nth(3)).to_have_text("Rad tre.")
    expect(lines.locator(".correct")).to_have_count(0)


def test_a_station_that_cannot_be_heard_says_so(page: Page, api: Api) -> None:
    page.goto(api.url)
    page.get_by_role("button", name="Listen").click()
    expect(page.locator(".trouble")).to_contain_text("cannot be played")


def test_no_sound_is_offered_where_its_password_is_not_shown(page: Page, api: Api, redis: Redis) -> None:
    Stations(redis).add(Station("p1", "P1", "http://me:word@127.0.0.1:9/p1.mp3"))
    Stations(redis).add(Station("p2", "P2", "http://127.0.0.1:9/p2.mp3"))
    page.goto(f"{api.url}/#radio/p1")
    expect(page.locator(".trouble")).to_contain_text("requires a password")
    expect(page.get_by_role("button", name="Listen")).to_be_hidden()
    page.get_by_role("link", name="P2").click()
    expect(page.get_by_role("button", name="Listen")).to_be_visible()
    expect(page.locator(".trouble")).to_be_hidden()
