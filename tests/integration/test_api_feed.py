"""The feed of a search, as a feed reader gets it from a real server."""

from __future__ import annotations

import calendar
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import feedparser
import httpx
import pytest

from tests.integration.api_answers import problem
from tests.integration.api_server import Api, Speaker, running
from wire.bus import Redis
from wire.messages import Job, Station
from wire.sources import Jobs, Stations

Wait = Callable[..., None]

ATOM = "{http://www.w3.org/2005/Atom}"


def say(speaker: Speaker, *texts: str) -> float:
    """Captions of now, 5 s apart, and the time of the first: captions of 1970 would have expired."""
    now_s = time.time()
    for number, text in enumerate(texts):
        speaker.say(text, start_s=now_s + 5 * number)
    return now_s


@pytest.fixture
def on_air(redis: Redis) -> Speaker:
    """A station that is not in the server's archive."""
    id = secrets.token_hex(8)
    Stations(redis).add(Station(id, "P1 & <Vetenskap>", "http://127.0.0.1/p1", "sv"))
    return Speaker(redis, f"stations/{id}")


def ask(api: Api, q: str, headers: dict[str, str] | None = None, **query: Any) -> httpx.Response:
    answer = api.http.get("/search.atom", params={"q": q, **query}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    return answer


def feed(api: Api, q: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
    """A feed as its reader sees it, checked against RFC 4287."""
    answer = ask(api, q, headers, **query)
    has_what_it_must(ElementTree.fromstring(answer.content))
    read = feedparser.parse(answer.content, response_headers={"content-location": str(answer.url), **answer.headers})
    assert (read.bozo, read.version) == (False, "atom10")
    return read


def has_what_it_must(element: ElementTree.Element) -> None:
    """Check what RFC 4287 requires of a feed (4.1.1) and of its entries (4.1.2)."""
    entries = element.findall(f"{ATOM}entry")
    for each in (element, *entries):
        for name in ("id", "title", "updated"):
            assert len([one.text for one in each.findall(ATOM + name) if one.text]) == 1, name
        assert len(each.findall(f"{ATOM}link[@rel='alternate']")) == 1
    for entry in entries:
        assert entry.findtext(f"{ATOM}author/{ATOM}name")
        assert [one.get("type") for one in entry.findall(f"{ATOM}content")] == ["text"]
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == len(ids)


def text_of(entry: Any) -> str:
    """The URL of the text around an entry."""
    [link] = [link for link in entry.links if link.rel == "related"]
    assert link.type == "text/plain"
    return str(link.href)


def ids(read: Any) -> list[str]:
    return [entry.id for entry in read.entries]


def test_entry_has_name_time_and_neighbouring_captions(
    api: Api, redis: Redis, on_air: Speaker, wait_until: Wait
) -> None:
    said_s = say(on_air, "God kväll.", "Zebran är lös i Ängelholm.", "Åk inte ut.") + 5
    Jobs(redis).save(Job("a1", time.time(), filename="möte.mp3"))
    Speaker(redis, "jobs/a1").say("En zebra till.", language="")
    wait_until(lambda: len(feed(api, "zebra*").entries) == 2, 20)
    read = feed(api, "zebra*", limit=20)
    assert read.feed.title == "Said: zebra* – Undertext"
    links = {link.rel: link.href for link in read.feed.links}
    assert links == {
        "self": f"{api.url}/search.atom?q=zebra*&limit=20",
        "alternate": f"{api.url}/#search/zebra%2A",
    }
    assert api.http.get(links["self"]).content == ask(api, "zebra*", limit=20).content
    by_author = {entry.author: entry for entry in read.entries}
    station, recording = by_author["P1 & <Vetenskap>"], by_author["möte.mp3"]
    assert station.title == "P1 & <Vetenskap>: Zebran är lös i Ängelholm."
    assert [part.value for part in station.content] == ["God kväll. Zebran är lös i Ängelholm. Åk inte ut."]
    assert [(part.type, part.language) for part in station.content] == [("text/plain", "sv")]
    said = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(said_s))
    assert (station.published, station.updated) == (said, said)
    assert read.feed.updated == max(station.updated, recording.updated)
    assert station.link == f"{api.url}/#{on_air.source.replace('stations', 'radio')}?at={said_s:.3f}"
    assert api.http.get(text_of(station)).text == "God kväll.\nZebran är lös i Ängelholm.\nÅk inte ut.\n"
    assert recording.title == "möte.mp3: En zebra till."
    assert recording.content[0].language is None
    assert recording.link == f"{api.url}/#file/a1?at=5.000"
    assert text_of(recording) == f"{api.url}/jobs/a1/captions.txt?from=0&to=129"
    assert api.http.get(text_of(recording)).text == "En zebra till.\n"
    assert [entry.author for entry in feed(api, "zebra*", source="jobs/a1").entries] == ["möte.mp3"]
    assert [entry.author for entry in feed(api, "zebra*", language="sv").entries] == ["P1 & <Vetenskap>"]
    narrowed = feed(api, "zebra*", **{"from": int(said_s)})
    assert [entry.author for entry in narrowed.entries] == ["P1 & <Vetenskap>"]


def test_entries_are_newest_first_and_keep_their_ids(api: Api, on_air: Speaker, wait_until: Wait) -> None:
    say(on_air, "Giraff ett.", "Giraff två.", "Giraff tre.")
    wait_until(lambda: len(feed(api, "giraff").entries) == 3, 20)
    first = feed(api, "giraff")
    assert [entry.title.partition(": ")[2] for entry in first.entries] == ["Giraff tre.", "Giraff två.", "Giraff ett."]
    say(on_air, "Giraff fyra.")
    assert api.http.patch(f"/{on_air.source}/captions/3", json={"text": "Giraff tretton."}).status_code == 200
    wait_until(lambda: "Giraff tretton." in ask(api, "giraff").text, 20)
    again = feed(api, "giraff", limit=3)
    assert ids(again)[1:] == ids(first)[:2]
    assert again.feed.id == first.feed.id
    elsewhere = httpx.get(f"{api.url.replace('127.0.0.1', 'localhost')}/search.atom?q=giraff&limit=3")
    assert ids(feedparser.parse(elsewhere.content)) == ids(again)
    assert feed(api, "giraff", source=on_air.source).feed.id != first.feed.id


def test_correction_updates_its_entry(api: Api, on_air: Speaker, wait_until: Wait) -> None:
    on_air.say("Kameleont ett.", start_s=time.time() - 3600)
    on_air.say("Kameleont två.", start_s=time.time() - 3590)
    wait_until(lambda: len(feed(api, "kameleont").entries) == 2, 20)
    two, one = feed(api, "kameleont").entries
    corrected_s = int(time.time())
    assert api.http.patch(f"/{on_air.source}/captions/1", json={"text": "Kameleont, en."}).status_code == 200
    wait_until(lambda: "Kameleont, en." in ask(api, "kameleont").text, 20)
    read = feed(api, "kameleont")
    stayed, changed = read.entries
    assert (stayed.id, stayed.updated) == (two.id, two.updated)
    assert (changed.id, changed.published) == (one.id, one.published)
    assert calendar.timegm(changed.updated_parsed) >= corrected_s
    assert read.feed.updated == changed.updated


def test_captions_repeated_after_data_loss_have_one_entry(
    api: Api, redis: Redis, on_air: Speaker, wait_until: Wait
) -> None:
    say(on_air, "Okapi ett.")
    yesterday = {key: redis.dump(key) for key in redis.scan_iter()}
    say(on_air, "Okapi två.")
    wait_until(lambda: len(feed(api, "okapi").entries) == 2, 20)
    redis.flushdb()
    for key, value in yesterday.items():
        redis.restore(key, 0, value)
    say(on_air, "Okapi tre.", "Okapi fyra.")
    wait_until(lambda: "Okapi fyra." in ask(api, "okapi").text, 20)
    said = [entry.title.partition("Okapi ")[2] for entry in feed(api, "okapi").entries]
    assert said == ["fyra.", "tre.", "två.", "ett."]


def test_conditional_request_gets_only_changes(api: Api, on_air: Speaker, wait_until: Wait) -> None:
    say(on_air, "Lemur.")
    wait_until(lambda: len(feed(api, "lemur").entries) == 1, 20)
    known = {"If-None-Match": ask(api, "lemur").headers["etag"]}
    again = api.http.get("/search.atom?q=lemur", headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", known["If-None-Match"])
    say(on_air, "En lemur till.")
    wait_until(lambda: len(feed(api, "lemur").entries) == 2, 20)
    assert len(feed(api, "lemur", known).entries) == 2


def test_empty_feed_does_not_change(api: Api) -> None:
    read = feed(api, "dront")
    assert read.entries == []
    assert read.feed.updated == "1970-01-01T00:00:00Z"  # not the current time


def test_feed_is_well_formed_for_any_text(api: Api, on_air: Speaker, wait_until: Wait) -> None:
    say(on_air, "Tapir\x0b\ufffe & <b>]]></b> \x1b🦓 &#0;", "Tapir " + "mycket lång " * 20)
    wait_until(lambda: len(feed(api, "tapir").entries) == 2, 20)
    long, short = feed(api, "tapir").entries
    assert short.content[0].value.startswith("Tapir & <b>]]></b> 🦓 &#0;")
    assert long.title == "P1 & <Vetenskap>: " + ("Tapir " + "mycket lång " * 20)[:99] + "…"
    read = feed(api, 'tapir OR \x01\x0b "&<50%')
    assert read.feed.title == 'Said: tapir OR "&<50% – Undertext'
    assert read.feed.link == f"{api.url}/#search/tapir%20OR%20%01%0B%20%22%26%3C50%25"
    itself = next(link.href for link in read.feed.links if link.rel == "self")
    assert feedparser.parse(api.http.get(itself).content).feed.id == read.feed.id


def test_feed_without_a_token_has_stations_only(
    redis: Redis, redis_url: str, free_port: Callable[[], int], tmp_path: Path, on_air: Speaker, wait_until: Wait
) -> None:
    right = {"Authorization": "Bearer secret"}
    say(on_air, "Kamel.")
    Jobs(redis).save(Job("c1", time.time()))
    say(Speaker(redis, "jobs/c1"), "Kamel.")
    with running(redis_url, free_port(), tmp_path, API_TOKEN="secret") as api:
        wait_until(lambda: len(feed(api, "kamel", right).entries) == 2, 20)
        assert [entry.author for entry in feed(api, "kamel").entries] == ["P1 & <Vetenskap>"]


def test_links_have_the_public_address_behind_a_proxy(
    redis_url: str, free_port: Callable[[], int], tmp_path: Path, on_air: Speaker, wait_until: Wait
) -> None:
    say(on_air, "Alpacka.")
    with running(redis_url, free_port(), tmp_path, ALLOWED_ORIGINS="https://captions.example.org") as api:
        wait_until(lambda: len(feed(api, "alpacka").entries) == 1, 20)
        public = feed(api, "alpacka", {"Host": "captions.example.org"})
        links = [link.href for link in (*public.feed.links, *public.entries[0].links)]
        assert {urlsplit(link)[:2] for link in links} == {("https", "captions.example.org")}
        assert feed(api, "alpacka").feed.link.startswith(api.url)
        assert ids(public) == ids(feed(api, "alpacka"))


def test_invalid_query_is_rejected(api: Api) -> None:
    assert "no word" in problem(api.http.get("/search.atom"), 422)
    assert "'before'" in problem(api.http.get("/search.atom?q=a&before=3"), 422)
    assert "no station 'nope'" in problem(api.http.get("/search.atom?q=a&source=stations/nope"), 404)
