"""Stations over HTTP: added, read, changed and removed."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.api_answers import fits, problem
from tests.integration.api_server import Api, knowing
from wire import keys
from wire.bus import Redis
from wire.messages import State, Station, Status
from wire.sources import Stations, Statuses
from wire.workers import Worker


def test_adding_reading_replacing_and_removing(api: Api) -> None:
    answer = api.http.post(
        "/stations",
        json={
            "name": "P4 Göteborg",
            "url": "http://127.0.0.1/p4",
            "language": "sv",
            "task": "translate",
            "hot_words": ["Umeå"],
        },
    )
    assert (answer.status_code, answer.headers["location"]) == (201, "/stations/p4-goteborg")
    fits(answer.json(), "Station")
    assert answer.json()["hot_words"] == ["Umeå"]
    assert answer.json()["task"] == "translate"
    again = api.http.post("/stations", json={"id": "p4-goteborg", "name": "P4", "url": "https://127.0.0.1/p4"})
    assert again.status_code == 200
    stations = api.http.get("/stations").json()["stations"]
    assert [(s["id"], s["name"], s["language"]) for s in stations] == [("p4-goteborg", "P4", None)]
    assert api.http.delete("/stations/p4-goteborg").status_code == 204
    problem(api.http.get("/stations/p4-goteborg"), 404)
    problem(api.http.delete("/stations/p4-goteborg"), 404)


def test_station_shows_its_status(api: Api, redis: Redis) -> None:
    Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1"))
    Statuses(redis).save(Status("stations/p1", State.RUNNING, title="Ekot", codec="aac", sample_rate_hz=48_000))
    status = api.http.get("/stations/p1").json()["status"]
    assert (status["state"], status["title"], status["codec"]) == ("running", "Ekot", "aac")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "url"),
        ({"name": "x", "url": "file:///etc/passwd"}, "url"),
        ({"name": "x", "url": "http://"}, "url"),
        ({"name": "x", "url": "http://a b/"}, "url"),
        ({"name": "x", "url": "http://a/", "language": "Swedish"}, "language"),
        ({"name": "x", "url": "http://a/", "language": 5}, "language"),
        ({"name": "x", "url": "http://a/", "hot_words": "Umeå"}, "hot_words"),
        ({"name": "x", "url": "http://a/", "hot_words": ["x" * 501]}, "hot_words"),
        ({"name": "x", "url": "http://a/", "task": "sing"}, "task"),
        ({"name": "x", "url": "http://a/", "lang": "sv"}, "lang"),
        ({"id": "Å!", "url": "http://a/"}, "id"),
        ({"id": "../x", "url": "http://a/"}, "id"),
        ({"url": "http://_/"}, "id"),
        ({"name": "放送", "url": "http://_/"}, "id"),
        ({"name": "x" * 300, "url": "http://a/"}, "name"),
        ({"name": "a\u0000b", "url": "http://a/"}, "name"),
        ({"name": "x", "url": "http://a/", "listen_url": "javascript:alert(1)"}, "listen_url"),
        ([], ""),
    ],
)
def test_invalid_station_is_rejected_with_the_field(api: Api, body: object, field: str) -> None:
    answer = api.http.post("/stations", json=body)
    assert field in problem(answer, 422)
    assert answer.json().get("field", "") == field


def test_misspelt_field_is_rejected_with_a_suggestion(api: Api) -> None:
    body = {"name": "x", "url": "http://a/", "Lang": "sv"}
    assert problem(api.http.post("/stations", json=body), 422) == "there is no field 'Lang'; did you mean 'language'?"


def test_station_can_be_sent_back_as_read(api: Api) -> None:
    read = api.http.post("/stations", json={"name": "x", "url": "http://a/", "language": "sv"}).json()
    again = api.http.post("/stations", json={**read, "name": "y"})
    assert (again.status_code, again.json()["name"], again.json()["language"]) == (200, "y", "sv")


def test_single_fields_are_changed(api: Api, redis: Redis) -> None:
    before = Station("x", "X", "http://me:word@a/", "sv", "http://b/", hot_words=("Umeå",))
    Stations(redis).add(before)
    answer = api.http.patch("/stations/x", json={"language": "en", "listen_url": None})
    fits(answer.json(), "Station")
    after = dataclasses.replace(before, language="en", listen_url=None)
    assert (answer.status_code, answer.json()["name"], Stations(redis).get("x")) == (200, "X", after)
    merge = {"Content-Type": "application/merge-patch+json"}
    assert api.http.patch("/stations/x", content='{"name": null, "hot_words": null}', headers=merge).is_success
    assert Stations(redis).get("x") == dataclasses.replace(after, name="x", hot_words=())


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_removed_station_of_the_file_stays_removed(api: Api, redis: Redis, method: str) -> None:
    stations, seeded = Stations(redis), Station("x", "X", "http://a/")
    stations.seed([seeded])
    path, body = {"PATCH": ("/stations/x", {}), "POST": ("/stations", {"id": "x", "url": "http://a/"})}[method]
    assert api.http.request(method, path, json={**body, "name": "Y"}).json()["from_file"] is True
    stations.seed([seeded])
    assert stations.get("x").name == "X", "it follows the file"
    api.http.request(method, path, json=body)
    assert api.http.delete("/stations/x").status_code == 204
    stations.seed([seeded])
    assert stations.all() == []


def test_unsupported_values_are_rejected_only_if_sent(api: Api, redis: Redis) -> None:
    before = Station("x", "X", "http://a/", "fi", task="translate")
    Stations(redis).add(before)
    with Worker(redis, "transcriber", knowing("sv en", "transcribe")):
        assert api.http.patch("/stations/x", json={"name": "Y"}).is_success
        for body in ({"language": "fi"}, {"task": "translate"}):
            assert "no model on air" in problem(api.http.patch("/stations/x", json=body), 422)
    assert Stations(redis).get("x") == dataclasses.replace(before, name="Y")


def test_concurrent_changes_are_all_applied(api: Api, redis: Redis) -> None:
    changes = {"name": "Y", "language": "en", "listen_url": "http://b/", "hot_words": ["Umeå"], "task": "translate"}
    after = Station("x", "Y", "http://a/", "en", "http://b/", hot_words=("Umeå",), task="translate")
    with ThreadPoolExecutor(len(changes)) as callers:
        for _ in range(10):
            Stations(redis).add(Station("x", "X", "http://a/"))
            bodies = ({name: value} for name, value in changes.items())
            answers = callers.map(lambda body: httpx.patch(f"{api.url}/stations/x", json=body, timeout=20), bodies)
            assert all(answer.is_success for answer in answers)
            assert Stations(redis).get("x") == after


@pytest.mark.parametrize(
    ("body", "field"),
    [({"lang": "en"}, "lang"), ({"id": "y"}, "id"), ({"url": None}, "url"), ({"url": "x"}, "url")],
)
def test_invalid_change_is_rejected_and_changes_nothing(
    api: Api, redis: Redis, body: dict[str, Any], field: str
) -> None:
    before = Station("x", "X", "http://a/", "sv")
    Stations(redis).add(before)
    answer = api.http.patch("/stations/x", json=body)
    assert (field in problem(answer, 422), answer.json()["field"]) == (True, field)
    assert Stations(redis).all() == [before]
    problem(api.http.patch("/stations/none", json={}), 404)


def test_passwords_are_masked(api: Api, redis: Redis) -> None:
    body = {"name": "x", "url": "http://me:word@a:8000/x?key=1", "listen_url": "http://you:word@a/x"}
    added = api.http.post("/stations", json=body).json()
    for station in (added, api.http.get("/stations/x").json(), *api.http.get("/stations").json()["stations"]):
        assert (station["url"], station["listen_url"]) == ("http://me:***@a:8000/x?key=1", body["listen_url"])
    assert Stations(redis).get("x").url == body["url"]
    assert "send the actual password" in problem(api.http.post("/stations", json=added), 422)
    assert api.http.post("/jobs", json={"url": "http://me:word@a/b"}).json()["url"] == "http://me:***@a/b"
    assert ":word" not in api.http.get("/jobs").text


def test_id_is_derived_from_the_url_if_the_name_is_not_latin(api: Api) -> None:
    body = {"name": "日本放送", "url": "https://a.example:8000/live"}
    assert api.http.post("/stations", json=body).headers["location"] == "/stations/a-example-8000-live"


def test_derived_id_replaces_no_other_station(api: Api) -> None:
    def add(**body: str) -> tuple[int, str]:
        answer = api.http.post("/stations", json=body)
        return answer.status_code, answer.json()["id"]

    assert add(name="Радио 101", url="http://a/101") == (201, "a-101")
    assert add(name="Эхо 101", url="http://b/101") == (201, "b-101")
    assert add(url="http://a/live?station=1") == (201, "a-live")
    assert add(url="http://a/live?station=2") == (201, "a-live-2")
    assert add(url="http://a/live?station=2", language="sv") == (200, "a-live-2")
    assert add(id="a-live", url="http://a/live?station=3") == (200, "a-live")


def test_ids_derived_concurrently_differ(api: Api, redis: Redis) -> None:
    bodies = [{"name": "X", "url": f"http://a/{number}"} for number in range(5)]
    with ThreadPoolExecutor(len(bodies)) as callers:
        for _ in range(10):
            redis.delete(keys.STATIONS)
            answers = callers.map(lambda body: httpx.post(f"{api.url}/stations", json=body, timeout=20), bodies)
            assert [answer.status_code for answer in answers] == [201] * 5
            assert [station.id for station in Stations(redis).all()] == ["x", "x-2", "x-3", "x-4", "x-5"]


def test_stations_are_limited(api: Api) -> None:
    for number in range(5):
        api.http.post("/stations", json={"id": f"s{number}", "url": "http://a/"})
    assert "MAX_STATIONS" in problem(api.http.post("/stations", json={"id": "s9", "url": "http://a/"}), 422)


def test_list_reads_statuses_once_a_second_for_all_who_poll_it(api: Api, redis: Redis) -> None:
    """And the stations themselves each time: a page that has added one sees it at once."""

    def reads(command: str) -> int:
        return int(redis.info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0))

    def ids() -> list[str]:
        return [station["id"] for station in api.http.get("/stations").json()["stations"]]

    api.http.post("/stations", json={"id": "s1", "url": "http://a/"})
    before = reads("mget")
    begun_s = time.monotonic()
    assert all(ids() == ["s1"] for _ in range(20))
    assert reads("mget") - before <= 2 + time.monotonic() - begun_s
    api.http.post("/stations", json={"id": "s2", "url": "http://a/"})
    assert ids() == ["s1", "s2"]
