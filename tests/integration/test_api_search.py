"""Search: the archive of a real server, which copies from a real Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api_answers import fits, problem
from tests.integration.api_server import Api, Speaker, running
from wire import keys
from wire.bus import Redis
from wire.messages import Content, Job, Station
from wire.sources import Jobs, Stations

Wait = Callable[..., None]


def say(speaker: Speaker, text: str, *, revisions: int = 1) -> None:
    """Commit a caption of now; captions of 1970 would have expired."""
    speaker.say(text, revisions=revisions, start_s=time.time())


@pytest.fixture
def on_air(redis: Redis) -> Speaker:
    """A station."""
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
    return Speaker(redis, "stations/p1")


def results(api: Api, **query: Any) -> list[dict[str, Any]]:
    answer = api.http.get("/search", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["results"]
    for each in found:
        fits(each, "Found")
    return found


def test_stations_and_recordings_are_found_with_their_names(
    api: Api, redis: Redis, on_air: Speaker, wait_until: Wait
) -> None:
    say(on_air, "God kväll.")
    say(on_air, "Zebran är lös i Ängelholm.", revisions=3)
    Jobs(redis).save(Job("a1", time.time(), filename="möte.mp3"))
    say(Speaker(redis, "jobs/a1"), "En zebra till.")
    wait_until(lambda: len(results(api, q="zebra*")) == 2, 20)
    by_source = {each["source"]: each for each in results(api, q="zebra*")}
    station = by_source["stations/p1"]
    assert (station["name"], station["text"], station["before"]) == ("P1", "Zebran är lös i Ängelholm.", "God kväll.")
    assert [station["text"][start:stop] for start, stop in station["marks"]] == ["Zebran"]
    assert by_source["jobs/a1"]["name"] == "möte.mp3"
    assert [each["source"] for each in results(api, q="zebra*", source="jobs/a1")] == ["jobs/a1"]
    assert results(api, q="zebra*", language="fi") == []
    assert results(api, q='"lös i angelholm"')[0]["id"] == station["id"]


def test_results_are_paged(api: Api, on_air: Speaker, wait_until: Wait) -> None:
    for _ in range(5):
        say(on_air, "Giraff.")
    wait_until(lambda: len(results(api, q="giraff")) == 5, 20)
    seen, path = [], "/search?q=giraff&limit=2&source=stations/p1"
    while path:
        page = api.http.get(path)
        seen.append([each["id"] for each in page.json()["results"]])
        path = page.links.get("next", {}).get("url", "")
    assert seen == [[5, 4], [3, 2], [1]]


def test_removed_sources_are_not_found(api: Api, redis: Redis, on_air: Speaker, wait_until: Wait) -> None:
    say(on_air, "Antilop.")
    for id in ("b1", "b2"):
        Jobs(redis).save(Job(id, time.time()))
        say(Speaker(redis, f"jobs/{id}"), "Antilop.")
    wait_until(lambda: len(results(api, q="antilop")) == 3, 20)
    assert api.http.delete("/stations/p1").status_code == 204
    assert api.http.delete("/jobs/b1").status_code == 204
    assert [each["source"] for each in results(api, q="antilop")] == ["jobs/b2"]
    Jobs(redis).remove("b2")  # as if it had expired
    wait_until(lambda: results(api, q="antilop") == [], 20)


def test_captions_from_before_and_after_data_loss_are_found(
    api: Api, redis: Redis, on_air: Speaker, wait_until: Wait
) -> None:
    for word in ("Pingvin.", "Tapir."):
        say(on_air, word)
    wait_until(lambda: results(api, q="tapir"), 20)
    for said in range(1, 4):  # fewer captions than before, as many, and more
        redis.flushdb()
        Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
        again = Speaker(redis, "stations/p1")
        for _ in range(said):
            say(again, "En pingvin.")
        count = 1 + sum(range(said + 1))
        wait_until(lambda count=count: len(results(api, q="pingvin")) == count, 20)


def test_period_is_read_across_archive_and_log(api: Api, redis: Redis, wait_until: Wait) -> None:
    Stations(redis).add(Station("zoo", "Zoo", "http://127.0.0.1/zoo", "sv"))
    speaker = Speaker(redis, "stations/zoo")
    begin_s = float(round(time.time())) - 60
    for number, text in enumerate(["Gnu.", "Lo.", "Björn.", ""]):
        gap = {} if text else {"content": Content.GAP, "reason": "away"}
        speaker.say(text, start_s=begin_s + 5 * number, **gap)
    speaker.say("Älg.", start_s=begin_s + 20)
    wait_until(lambda: results(api, q="älg"), 20)
    redis.xtrim(keys.captions("stations/zoo"), maxlen=1, approximate=False)  # the rest is only in the archive
    speaker.say("Utter.", start_s=begin_s + 25)
    speaker.say("Räv.", start_s=begin_s + 30)
    path = f"/stations/zoo/captions.json?from={begin_s + 6}&to={begin_s + 30}"
    found = api.http.get(path)
    fits(found.json(), "LiveCaptions")
    assert [c["text"] for c in found.json()["captions"]] == ["Lo.", "Björn.", "", "Älg.", "Utter."]
    assert (found.json()["start_s"], found.json()["complete"], found.json()["next"]) == (begin_s + 5, True, 7)
    assert (found.json()["from_s"], found.json()["to_s"]) == (begin_s + 6, begin_s + 30)
    assert api.http.get(path.replace("json", "txt")).text == "Lo.\nBjörn.\n\n[0:00:04 not captioned]\n\nÄlg.\nUtter.\n"
    assert api.http.get(path.replace("json", "srt")).text.startswith(
        "1\n00:00:00,000 --> 00:00:03,000\nLo.\n\n2\n00:00:04,000"
    ), "as the audio of the same time"
    seen, path = [], f"/stations/zoo/captions?to={begin_s + 30}&limit=2"
    while path:
        page = api.http.get(path)
        seen.append(([c["id"] for c in page.json()["captions"]], page.headers["captions-complete"]))
        path = page.links.get("next", {}).get("url", "")
    assert seen == [([1, 2], "false"), ([3, 4], "false"), ([5, 6], "false")]
    for query, why in (("from=1&after=0", "omit either after"), ("from=2&to=1", "less than"), ("to=x", "Unix time")):
        assert why in problem(api.http.get(f"/stations/zoo/captions.srt?{query}"), 422)
    assert problem(api.http.get("/stations/p2/captions?from=1"), 404)


def test_invalid_query_is_rejected(api: Api) -> None:
    assert "no word" in problem(api.http.get("/search"), 422)
    assert "no word" in problem(api.http.get("/search?q=%22"), 422)
    assert "'source'" in problem(api.http.get("/search?q=a&sourse=stations/p1"), 422)
    assert "stations/p1" in problem(api.http.get("/search?q=a&source=microphones/x"), 422)
    assert "no station 'nope'" in problem(api.http.get("/search?q=a&source=stations/nope"), 404)
    assert "no job 'nope'" in problem(api.http.get("/search?q=a&source=jobs/nope"), 404)
    assert "Unix time" in problem(api.http.get("/search?q=a&from=yesterday"), 422)
    assert "limit" in problem(api.http.get("/search?q=a&limit=0"), 422)
    assert "less than to" in problem(api.http.get("/search?q=a&from=2&to=1"), 422)


def test_search_without_a_token_finds_stations_only(
    redis: Redis, redis_url: str, free_port: Callable[[], int], tmp_path: Path, on_air: Speaker, wait_until: Wait
) -> None:
    right = {"Authorization": "Bearer secret"}
    say(on_air, "Kamel.")
    Jobs(redis).save(Job("c1", time.time()))
    say(Speaker(redis, "jobs/c1"), "Kamel.")
    with running(redis_url, free_port(), tmp_path, API_TOKEN="secret") as api:

        def sources(path: str, headers: dict[str, str] | None = None) -> set[str]:
            return {each["source"] for each in api.http.get(path, headers=headers).json().get("results", [])}

        wait_until(lambda: sources("/search?q=kamel", right) == {"stations/p1", "jobs/c1"}, 20)
        assert sources("/search?q=kamel") == {"stations/p1"}
        assert sources("/search?q=kamel&source=jobs/c1") == {"jobs/c1"}, "who knows the id may read it"


def test_without_an_archive_everything_else_works(
    redis_url: str, free_port: Callable[[], int], tmp_path: Path, on_air: Speaker
) -> None:
    say(on_air, "Lejon.")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "archive").write_text("a file where a folder should be")
    with running(redis_url, free_port(), tmp_path) as api:
        assert "ARCHIVE_DAYS" in problem(api.http.get("/search?q=lejon"), 503)
        for path in ("/stations/p1/captions", "/stations/p1/captions?from=0"):
            captions = api.http.get(path).json()
            assert (len(captions["captions"]), captions["complete"]) == (1, True)
        assert "archive" in api.log()
    with running(redis_url, free_port(), tmp_path, ARCHIVE_DAYS=0) as api:
        assert "ARCHIVE_DAYS" in problem(api.http.get("/search?q=lejon"), 503)
