"""The HTTP API of a real server: stations, jobs, problems, tokens, metrics."""

from __future__ import annotations

import dataclasses
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import srt

from api.openapi import document
from tests.integration.api_server import Api, Speaker, knowing, running
from wire import jobs as queue
from wire import keys
from wire.bus import Redis
from wire.messages import Content, Job, Kind, State, Station, Status
from wire.sources import Jobs, Stations, Statuses
from wire.workers import Worker

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server(redis_server: str, free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests that need nothing else."""
    limits = {"MAX_UPLOAD_BYTES": 4 * MIB, "MAX_JOBS_WAITING": 3, "MAX_STATIONS": 5}
    with running(redis_server, free_port(), tmp_path_factory.mktemp("api"), **limits) as api:
        yield api


@pytest.fixture
def api(server: Api, redis_url: str) -> Api:
    """The server, before an empty Redis."""
    return server


def fits(values: Any, schema: str) -> None:
    """Check against a schema of the OpenAPI document."""
    jsonschema.validate(values, {"$ref": f"#/components/schemas/{schema}", "components": document()["components"]})


def problem(answer: httpx.Response, status: int) -> str:
    """The detail of a problem, checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    values = answer.json()
    fits(values, "Problem")
    assert values["status"] == status
    return str(values["detail"])


class TestStations:
    def test_adding_reading_replacing_and_removing(self, api: Api) -> None:
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

    def test_what_is_known_of_it_is_shown(self, api: Api, redis: Redis) -> None:
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
    def test_a_bad_one_is_refused_by_the_name_of_what_is_wrong(self, api: Api, body: object, field: str) -> None:
        answer = api.http.post("/stations", json=body)
        assert field in problem(answer, 422)
        assert answer.json().get("field", "") == field

    def test_a_misspelt_field_is_told_with_what_was_meant(self, api: Api) -> None:
        body = {"name": "x", "url": "http://a/", "Lang": "sv"}
        assert (
            problem(api.http.post("/stations", json=body), 422) == "there is no field 'Lang'; did you mean 'language'?"
        )

    def test_what_was_read_can_be_sent_back(self, api: Api) -> None:
        read = api.http.post("/stations", json={"name": "x", "url": "http://a/", "language": "sv"}).json()
        again = api.http.post("/stations", json={**read, "name": "y"})
        assert (again.status_code, again.json()["name"], again.json()["language"]) == (200, "y", "sv")

    def test_single_fields_are_changed(self, api: Api, redis: Redis) -> None:
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
    def test_one_of_the_file_that_is_changed_and_removed_stays_away(self, api: Api, redis: Redis, method: str) -> None:
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

    def test_what_the_model_on_air_cannot_do_is_refused_only_where_it_is_sent(self, api: Api, redis: Redis) -> None:
        before = Station("x", "X", "http://a/", "fi", task="translate")
        Stations(redis).add(before)
        with Worker(redis, "transcriber", knowing("sv en", "transcribe")):
            assert api.http.patch("/stations/x", json={"name": "Y"}).is_success
            for body in ({"language": "fi"}, {"task": "translate"}):
                assert "no model on air" in problem(api.http.patch("/stations/x", json=body), 422)
        assert Stations(redis).get("x") == dataclasses.replace(before, name="Y")

    def test_changes_at_the_same_time_all_hold(self, api: Api, redis: Redis) -> None:
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
    def test_a_bad_change_is_refused_and_changes_nothing(
        self, api: Api, redis: Redis, body: dict[str, Any], field: str
    ) -> None:
        before = Station("x", "X", "http://a/", "sv")
        Stations(redis).add(before)
        answer = api.http.patch("/stations/x", json=body)
        assert (field in problem(answer, 422), answer.json()["field"]) == (True, field)
        assert Stations(redis).all() == [before]
        problem(api.http.patch("/stations/none", json={}), 404)

    def test_no_password_is_given_back(self, api: Api, redis: Redis) -> None:
        body = {"name": "x", "url": "http://me:word@a:8000/x?key=1", "listen_url": "http://you:word@a/x"}
        added = api.http.post("/stations", json=body).json()
        for station in (added, api.http.get("/stations/x").json(), *api.http.get("/stations").json()["stations"]):
            assert (station["url"], station["listen_url"]) == ("http://me:***@a:8000/x?key=1", body["listen_url"])
        assert Stations(redis).get("x").url == body["url"]
        assert "send the password itself" in problem(api.http.post("/stations", json=added), 422)
        assert api.http.post("/jobs", json={"url": "http://me:word@a/b"}).json()["url"] == "http://me:***@a/b"
        assert "word" not in api.http.get("/jobs").text

    def test_a_name_of_other_letters_leaves_the_id_to_the_address(self, api: Api) -> None:
        body = {"name": "日本放送", "url": "https://a.example:8000/live"}
        assert api.http.post("/stations", json=body).headers["location"] == "/stations/a-example-8000-live"

    def test_an_id_that_is_made_up_replaces_no_other_station(self, api: Api) -> None:
        def add(**body: str) -> tuple[int, str]:
            answer = api.http.post("/stations", json=body)
            return answer.status_code, answer.json()["id"]

        assert add(name="Радио 101", url="http://a/101") == (201, "a-101")
        assert add(name="Эхо 101", url="http://b/101") == (201, "b-101")
        assert add(url="http://a/live?station=1") == (201, "a-live")
        assert add(url="http://a/live?station=2") == (201, "a-live-2")
        assert add(url="http://a/live?station=2", language="sv") == (200, "a-live-2")
        assert add(id="a-live", url="http://a/live?station=3") == (200, "a-live")

    def test_ids_that_are_made_up_at_the_same_time_differ(self, api: Api, redis: Redis) -> None:
        bodies = [{"name": "X", "url": f"http://a/{number}"} for number in range(5)]
        with ThreadPoolExecutor(len(bodies)) as callers:
            for _ in range(10):
                redis.delete(keys.STATIONS)
                answers = callers.map(lambda body: httpx.post(f"{api.url}/stations", json=body, timeout=20), bodies)
                assert [answer.status_code for answer in answers] == [201] * 5
                assert [station.id for station in Stations(redis).all()] == ["x", "x-2", "x-3", "x-4", "x-5"]

    def test_they_are_limited(self, api: Api) -> None:
        for number in range(5):
            api.http.post("/stations", json={"id": f"s{number}", "url": "http://a/"})
        assert "MAX_STATIONS" in problem(api.http.post("/stations", json={"id": "s9", "url": "http://a/"}), 422)

    def test_captions_come_in_their_newest_revision_and_pages(self, api: Api, redis: Redis) -> None:
        Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
        speaker = Speaker(redis, "stations/p1")
        for _ in range(4):
            speaker.say(revisions=2)
        first = api.http.get("/stations/p1/captions?after=0&limit=3").json()
        fits(first, "LiveCaptions")
        assert [(c["id"], c["revision"]) for c in first["captions"]] == [(1, 1), (2, 0)]
        rest = api.http.get(f"/stations/p1/captions?after={first['next']}").json()
        assert [(c["id"], c["revision"]) for c in rest["captions"]] == [(2, 1), (3, 1), (4, 1)]
        empty = api.http.get(f"/stations/p1/captions?after={rest['next']}").json()
        assert (empty["captions"], empty["next"], empty["start_s"]) == ([], rest["next"], None)
        assert [c["id"] for c in api.http.get("/stations/p1/captions?limit=2").json()["captions"]] == [4]

    def test_pages_lead_to_the_next_one_and_say_that_they_are_not_all(self, api: Api, redis: Redis) -> None:
        Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
        assert api.http.get("/stations/p1/captions").json()["complete"] is True, "nothing was said"
        speaker = Speaker(redis, "stations/p1")
        for _ in range(5):
            speaker.say()
        ids, completes, path = [], [], "/stations/p1/captions.json?after=0&limit=2"
        while path:
            page = api.http.get(path)
            ids.append([c["id"] for c in page.json()["captions"]])
            completes.append((page.json()["complete"], page.headers["captions-complete"]))
            path = page.links.get("next", {}).get("url", "")
        assert (ids, completes) == ([[1, 2], [3, 4], [5]], [(False, "false")] * 3)
        assert api.http.get("/stations/p1/captions").json()["complete"] is True

    @pytest.mark.parametrize("format", ["srt", "vtt", "txt"])
    def test_pages_of_a_file_hold_each_caption_once(self, api: Api, redis: Redis, format: str) -> None:
        Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
        speaker = Speaker(redis, "stations/p1")
        for _ in range(4):
            speaker.say(revisions=2)
        speaker.say(final_after=False)
        text, path = "", f"/stations/p1/captions.{format}?after=0&limit=3"
        while path:
            page = api.http.get(path)
            text += page.text
            path = page.links.get("next", {}).get("url", "")
        assert re.findall("line [0-9]", text) == ["line 1", "line 2", "line 3", "line 4"]
        assert page.headers["captions-complete"] == "false"
        whole = api.http.get(f"/stations/p1/captions.{format}")
        assert ("line 5" in whole.text, whole.headers["captions-complete"]) == (False, "false")
        speaker.revise("line 5, whole")
        speaker.say(final_after=False)
        speaker.revise("", final=False)  # withdrawn, and left at that
        whole = api.http.get(f"/stations/p1/captions.{format}")
        assert ("line 5" in whole.text, whole.headers["captions-complete"]) == (True, "true")

    def test_files_count_from_the_first_caption(self, api: Api, redis: Redis) -> None:
        Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
        Speaker(redis, "stations/p1").say("Ekot", start_s=1_795_345_200.0)
        assert api.http.get("/stations/p1/captions.srt").text == "1\n00:00:00,000 --> 00:00:04,000\nEkot\n"
        assert api.http.get("/stations/p1/captions.json").json()["start_s"] == 1_795_345_200.0
        assert api.http.get("/stations/p1/captions.vtt").headers["content-type"] == "text/vtt; charset=utf-8"
        assert api.http.get("/stations/p1/captions.txt").text == "Ekot\n"
        problem(api.http.get("/stations/p1/captions.doc"), 404)

    def test_files_have_all_that_is_kept_and_say_where_that_begins(self, api: Api, redis: Redis) -> None:
        Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1", "sv"))
        speaker = Speaker(redis, "stations/p1")
        for number in range(1200):  # more than a page of events, more than is read at once
            speaker.say(start_s=1_795_345_200.0 + 5 * number)
        whole = api.http.get("/stations/p1/captions.vtt")
        assert whole.headers["captions-complete"] == "true"
        assert "\n\nNOTE Begins: 2026-11-22T11:00:00.000Z\n\n00:00:00.000 -->" in whole.text
        assert whole.text.count(" --> ") == 1200
        redis.xtrim(keys.captions("stations/p1"), maxlen=1100, approximate=False)
        rest = api.http.get("/stations/p1/captions.vtt")
        assert rest.headers["captions-complete"] == "false"
        assert "NOTE Begins: 2026-11-22T11:08:20.000Z, behind earlier captions\n" in rest.text
        assert (rest.text.count(" --> "), "link" in rest.headers) == (1100, False)
        assert api.http.get("/stations/p1/captions.json").json()["complete"] is False

    @pytest.mark.parametrize("query", ["after=-1", "after=x", "after=1e3", "limit=0", "limit=99999", "after=²"])
    def test_bad_numbers_are_refused(self, api: Api, redis: Redis, query: str) -> None:
        Stations(redis).add(Station("p1", "P1", "http://127.0.0.1/p1"))
        assert query.partition("=")[0] in problem(api.http.get(f"/stations/p1/captions?{query}"), 422)


class TestJobs:
    def test_an_upload_is_kept_and_queued(self, api: Api, redis: Redis) -> None:
        answer = api.http.post(
            "/jobs",
            files={"file": ("Möte.MP3", b"x" * MIB)},
            data={"language": "sv-SE", "task": "translate", "track": "1"},
        )
        assert answer.status_code == 202
        values = answer.json()
        fits(values, "Job")
        assert answer.headers["location"] == values["urls"]["self"] == f"/jobs/{values['id']}"
        assert (values["state"], values["progress"], values["filename"]) == ("waiting", 0, "Möte.MP3")
        job = Jobs(redis).get(values["id"])
        assert (job.language, job.task, job.track) == ("sv", "translate", 1)
        assert job.path == f"uploads/{job.id}.mp3"
        assert (api.folder / "var" / job.path).stat().st_size == MIB
        assert queue.waiting_decodes(redis) == 1
        assert [j["id"] for j in api.http.get("/jobs").json()["jobs"]] == [job.id]

    def test_the_list_comes_in_pages_that_lead_to_the_next_one(self, api: Api, redis: Redis) -> None:
        for number in range(5):
            Jobs(redis).save(Job(f"j{number}", created_s=9e9 + number / 3))
        seen, path = [], "/jobs?limit=2"
        while path:
            page = api.http.get(path)
            seen.append([job["id"] for job in page.json()["jobs"]])
            path = page.links.get("next", {}).get("url", "")
            Jobs(redis).save(Job(f"new{len(seen)}", created_s=9.1e9))  # moves no page
        assert seen == [["j4", "j3"], ["j2", "j1"], ["j0"]]
        assert "before" in problem(api.http.get("/jobs?before=yesterday"), 422)

    def test_an_address_is_queued(self, api: Api, redis: Redis) -> None:
        answer = api.http.post(
            "/jobs", json={"url": "https://127.0.0.1/a/b%20c.mp3", "language": "en", "task": "translate", "track": 2}
        )
        assert answer.status_code == 202
        job = Jobs(redis).get(answer.json()["id"])
        assert (job.url, job.filename) == ("https://127.0.0.1/a/b%20c.mp3", "b c.mp3")
        assert (job.language, job.task, job.track) == ("en", "translate", 2)

    @pytest.mark.parametrize(
        ("options", "status", "names"),
        [
            ({"files": {"other": ("a.mp3", b"x")}}, 422, "file"),
            ({"files": {"file": ("a.mp3", b"")}}, 422, "empty"),
            ({"files": [("file", ("a", b"x")), ("file", ("b", b"x"))]}, 422, "one file"),
            ({"files": {"file": ("a.mp3", b"x")}, "data": {"language": "svenska"}}, 422, "language"),
            ({"files": {"file": ("a.mp3", b"x")}, "data": {"task": "sing"}}, 422, "task"),
            ({"files": {"file": ("a.mp3", b"x")}, "data": {"lang": "sv"}}, 422, "did you mean 'language'?"),
            ({"files": {"file": ("a.mp3", b"x")}, "params": {"lang": "sv"}}, 422, "did you mean 'language'?"),
            ({"json": {"url": "http://a/b", "lang": "sv"}}, 422, "did you mean 'language'?"),
            ({"json": {"url": "http://a/b", "speakers": 2}}, 422, "there are url, language, task, track"),
            ({"files": {"file": ("a.mp3", b"x")}, "data": {"track": "-1"}}, 422, "track"),
            ({"files": {"file": ("a.mp3", b"x" * 5 * MIB)}}, 413, "MAX_UPLOAD_BYTES"),
            ({"files": {"file": ("a.mp3", b"x" * (4 * MIB + 10))}}, 413, "MAX_UPLOAD_BYTES"),
            ({"json": {"url": "ftp://a/b"}}, 422, "http"),
            ({"json": {"url": "file:///etc/passwd"}}, 422, "http"),
            ({"json": {}}, 422, "url"),
            ({"json": [1]}, 422, "JSON object"),
            ({"content": b"RIFF", "headers": {"Content-Type": "audio/wav"}}, 415, "form field `file`"),
            ({"data": {"file": "RIFF"}}, 415, "form field `file`"),
            ({"files": {"file": (None, "RIFF")}}, 422, "file=@talk.mp3, with the @"),
            ({"files": {"file": (None, b"x" * MIB)}}, 413, "500000 bytes; the recording is a file"),
            ({"json": {"url": "x" * 100_000}}, 413, "65536 bytes"),
            ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "JSON object"),
        ],
    )
    def test_what_cannot_be_taken_is_refused_and_leaves_nothing(
        self, api: Api, redis: Redis, options: dict[str, Any], status: int, names: str
    ) -> None:
        assert names in problem(api.http.post("/jobs", **options), status)
        assert api.http.get("/jobs").json() == {"jobs": []}
        assert list(api.folder.glob("var/uploads/*.part")) == []
        assert queue.waiting_decodes(redis) == 0

    def test_a_client_that_goes_away_leaves_nothing(self, api: Api, wait_until: Callable[..., None]) -> None:
        host, port = api.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as sock:
            sock.sendall(
                f"POST /jobs HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 2000000\r\n"
                "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
                'Content-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n'.encode()
                + b"x" * 1_000_000
            )
            wait_until(lambda: list(api.folder.glob("var/uploads/*.part")))
        wait_until(lambda: not list(api.folder.glob("var/uploads/*.part")))
        assert api.http.get("/jobs").json() == {"jobs": []}

    def test_waiting_ones_are_limited(self, api: Api) -> None:
        for _ in range(3):
            assert api.http.post("/jobs", json={"url": "http://a/b"}).status_code == 202
        refused = api.http.post("/jobs", json={"url": "http://a/b"})
        assert "MAX_JOBS_WAITING" in problem(refused, 429)
        assert refused.headers["retry-after"]
        first = api.http.get("/jobs").json()["jobs"][0]["id"]
        assert api.http.delete(f"/jobs/{first}").status_code == 204  # who cancels makes room
        assert api.http.post("/jobs", json={"url": "http://a/b"}).status_code == 202

    def test_waiting_ones_are_limited_though_they_come_at_once(self, api: Api, redis: Redis) -> None:
        def upload(number: int) -> int:
            files = {"file": (f"{number}.mp3", b"x" * MIB)}
            return httpx.post(f"{api.url}/jobs", files=files, timeout=30).status_code

        before = set(api.folder.glob("var/uploads/*"))
        with ThreadPoolExecutor(12) as callers:
            statuses = sorted(callers.map(upload, range(12)))
        assert statuses == [202] * 3 + [429] * 9
        assert queue.waiting_decodes(redis) == len(api.http.get("/jobs").json()["jobs"]) == 3
        assert len(set(api.folder.glob("var/uploads/*")) - before) == 3

    def test_progress_goes_to_one_only_with_the_last_caption(self, api: Api, redis: Redis) -> None:
        Jobs(redis).save(Job("j", created_s=9e9, state=State.FINISHED, duration_s=20.0))
        speaker = Speaker(redis, "jobs/j")

        def seen() -> tuple[str, float]:
            values = api.http.get("/jobs/j").json()
            return values["state"], values["progress"]

        assert seen() == ("running", 0)  # decoded, but nothing is captioned
        speaker.say(start_s=6.0)
        assert seen() == ("running", 0.5)
        speaker.say(start_s=16.0)
        assert seen() == ("running", 0.99)
        speaker.finish()
        assert seen() == ("finished", 1)

    def test_captions_are_202_until_they_are_complete(self, api: Api, redis: Redis) -> None:
        Jobs(redis).save(Job("j", created_s=9e9, filename="möte 日.wav", duration_s=20.0, language="sv"))
        speaker = Speaker(redis, "jobs/j")
        speaker.say("R&D <här> och --> där", revisions=2, start_s=1.5)
        partial = api.http.get("/jobs/j/captions.json")
        assert (partial.status_code, partial.headers["captions-complete"]) == (202, "false")
        assert partial.json()["complete"] is False
        speaker.say(content=Content.GAP, reason="failed")
        speaker.finish()
        whole = api.http.get("/jobs/j/captions.json")
        assert (whole.status_code, whole.headers["captions-complete"]) == (200, "true")
        fits(whole.json(), "JobCaptions")
        assert (whole.json()["language"], whole.json()["languages"]) == ("sv", ["sv"])
        assert api.http.get("/jobs/j").json()["languages"] == ["sv"]
        assert [(c["id"], c["revision"]) for c in whole.json()["captions"]] == [(1, 1), (2, 0)]
        [cue] = srt.parse(api.http.get("/jobs/j/captions.srt").text)
        assert (cue.start.total_seconds(), cue.content) == (1.5, "R&D <här> och → där")
        vtt = api.http.get("/jobs/j/captions.vtt")
        cue_text = "R&amp;D &lt;här&gt; och --&gt; där"
        assert vtt.text == f"WEBVTT\n\nNOTE Language: sv\n\n00:00:01.500 --> 00:00:05.500\n{cue_text}\n"
        assert "filename*=UTF-8''m%C3%B6te%20%E6%97%A5.vtt" in vtt.headers["content-disposition"]

    @pytest.mark.parametrize("warning", ["", "the recording is cut off"])
    def test_a_job_in_which_nobody_speaks_says_so_when_it_is_finished(
        self, api: Api, redis: Redis, warning: str
    ) -> None:
        silent = "nobody speaks in the recording, as far as the model hears"
        for id, text in (("silence", ""), ("speech", "Hej")):
            Jobs(redis).save(Job(id, created_s=9e9, state=State.RUNNING, duration_s=5.0, warning=warning))
            speaker = Speaker(redis, f"jobs/{id}")
            if text:
                speaker.say(text)
            assert api.http.get(f"/jobs/{id}").json()["warning"] == warning
            speaker.finish()
        for path in ("", "/captions.json"):
            told = api.http.get(f"/jobs/silence{path}").json()["warning"]
            assert told == (f"{warning}; {silent}" if warning else silent)
            assert api.http.get(f"/jobs/speech{path}").json()["warning"] == warning
        assert [api.http.get(f"/jobs/silence/captions.{f}").text for f in ("srt", "vtt", "txt")] == [
            "",
            "WEBVTT\n\n",
            "",
        ]

    def test_what_was_withdrawn_is_silence_and_what_was_lost_is_not(self, api: Api, redis: Redis) -> None:
        for id in ("withdrawn", "lost"):
            Jobs(redis).save(Job(id, created_s=9e9, state=State.RUNNING, duration_s=5.0))
        withdrawn, lost = Speaker(redis, "jobs/withdrawn"), Speaker(redis, "jobs/lost")
        withdrawn.say("Tack för att ni tittade", final_after=False)
        withdrawn.revise("", final=False)
        lost.say("", content=Content.GAP, reason="failed")
        withdrawn.finish()
        lost.finish()
        assert "nobody speaks" in api.http.get("/jobs/withdrawn").json()["warning"]
        assert api.http.get("/jobs/lost").json()["warning"] == ""

    def test_a_job_that_sounds_like_another_language_says_so(self, api: Api, redis: Redis) -> None:
        Jobs(redis).save(Job("j", created_s=9e9, state=State.RUNNING, duration_s=5.0, language="en"))
        speaker = Speaker(redis, "jobs/j")
        speaker.say("Hej", sounds_like="sv")
        speaker.say("då")
        assert "sounds like sv, and was heard as en, as told" in api.http.get("/jobs/j").json()["warning"]

    def test_a_failed_job_says_why(self, api: Api, redis: Redis) -> None:
        Jobs(redis).save(Job("j", created_s=9e9, state=State.FAILED, error="it holds no audio track"))
        assert api.http.get("/jobs/j").json()["error"] == "it holds no audio track"
        assert "no audio track" in problem(api.http.get("/jobs/j/captions.srt"), 409)
        Speaker(redis, "jobs/j").say(content=Content.GAP, reason="task")
        assert "no audio track" in problem(api.http.get("/jobs/j/captions.srt"), 409), "a gap is nothing to read"

    def test_a_failed_job_is_not_done(self, api: Api, redis: Redis) -> None:
        Jobs(redis).save(Job("j", created_s=9e9, state=State.FAILED, error="it cannot translate", duration_s=5.0))
        speaker = Speaker(redis, "jobs/j")
        speaker.say(content=Content.GAP, reason="task")
        speaker.finish()
        values = api.http.get("/jobs/j").json()
        assert (values["state"], values["progress"]) == ("failed", 0)

    def test_cancelling_removes_the_file_and_the_captions(self, api: Api, redis: Redis) -> None:
        id = api.http.post("/jobs", files={"file": ("a.mp3", b"x")}).json()["id"]
        Speaker(redis, f"jobs/{id}").say()
        assert (api.folder / "var/uploads" / f"{id}.mp3").exists()
        assert api.http.delete(f"/jobs/{id}").status_code == 204
        assert not (api.folder / "var/uploads" / f"{id}.mp3").exists()
        assert api.http.get(f"/jobs/{id}").json()["state"] == "cancelled"
        assert Statuses(redis).get(Kind.JOB, id).state is State.CANCELLED
        assert queue.waiting_decodes(redis) == 0
        problem(api.http.get(f"/jobs/{id}/captions.json"), 410)
        assert api.http.delete(f"/jobs/{id}").status_code == 204  # and once more forgets it
        problem(api.http.get(f"/jobs/{id}"), 404)


class TestProblems:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/nothing", 404),
            ("GET", "/stations/none", 404),
            ("GET", "/jobs/none", 404),
            ("GET", "/jobs/none/captions.srt", 404),
            ("GET", "/microphones/none/captions.srt", 404),
            ("PUT", "/stations", 405),
            ("POST", "/healthz", 405),
            ("GET", "/stations/none/live", 426),
            ("GET", "/microphone", 426),
            ("GET", "/../pyproject.toml", 404),
            ("GET", "/%2e%2e/pyproject.toml", 404),
            ("GET", "/.hidden", 404),
        ],
    )
    def test_every_error_is_one(self, api: Api, method: str, path: str, status: int) -> None:
        answer = api.http.request(method, path)
        problem(answer, status)
        if status == 405:
            assert answer.headers["allow"]

    def test_a_json_body_is_bounded(self, api: Api) -> None:
        body = {"name": "x" * 100_000, "url": "http://a/"}
        assert "more than 65536 bytes" in problem(api.http.post("/stations", json=body), 413)

    def test_every_answer_is_hardened(self, api: Api) -> None:
        for path in ("/", "/stations", "/nothing"):
            headers = api.http.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"]

    def test_the_page_and_its_modules_are_served(self, api: Api) -> None:
        page = api.http.get("/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        for path in re.findall(r'(?:src|href)="([^"#]+)"', page.text):
            answer = api.http.get(f"/{path}")
            assert answer.status_code == 200
            again = api.http.get(f"/{path}", headers={"If-None-Match": answer.headers["etag"]})
            assert again.status_code == 304
        assert api.http.get("/modules/main.js").headers["content-type"].startswith("text/javascript")


class TestAccess:
    def test_pages_of_other_origins_change_nothing(self, api: Api) -> None:
        body = {"name": "x", "url": "http://a/"}
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            problem(api.http.post("/stations", json=body, headers=headers), 403)
        rebound = {
            "Origin": "http://evil.example:1",
            "Host": "evil.example:1",
        }  # a name that was made to mean 127.0.0.1
        problem(api.http.post("/stations", json=body, headers=rebound), 421)
        problem(api.http.get("/stations", headers=rebound), 421)
        assert api.http.post("/stations", json=body, headers={"Origin": api.url}).status_code == 201
        assert (
            "access-control-allow-origin"
            not in api.http.get("/stations", headers={"Origin": "https://x.example"}).headers
        )

    def test_a_token_guards_what_changes(self, redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
        environ = {"API_TOKEN": "sesam", "ALLOWED_ORIGINS": "https://ok.example"}
        with running(redis_url, free_port(), tmp_path, **environ) as api:
            body = {"id": "x", "name": "x", "url": "http://a/"}
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic sesam"}):
                answer = api.http.post("/stations", json=body, headers=headers)
                problem(answer, 401)
                assert answer.headers["www-authenticate"].startswith("Bearer")
            problem(api.http.post("/stations?token=sesam", json=body), 401)  # addresses end up in logs
            right = {"Authorization": "Bearer sesam"}
            assert api.http.post("/stations", json=body, headers=right).status_code == 201
            problem(api.http.delete("/stations/x"), 401)
            problem(api.http.patch("/stations/x", json={"name": "y"}), 401)
            assert api.http.get("/stations").status_code == 200
            secret = {"id": "x", "url": "http://me:word@a/"}
            assert api.http.post("/stations", json=secret, headers=right).json()["url"] == secret["url"]
            assert api.http.get("/stations/x", headers=right).json()["url"] == secret["url"]
            assert api.http.get("/stations/x").json()["url"] == "http://me:***@a/"
            assert api.http.get("/about").json()["token_needed"] is True
            assert api.refusal("/microphone").status_code == 401
            assert api.refusal("/microphone?token=wrong").status_code == 401
            with api.socket("/microphone?token=sesam") as microphone:
                microphone.client.send('{"sample_rate": 16000}')
                spoken = microphone.next("ready")["urls"]["srt"]
            problem(api.http.get(spoken), 401)  # what was said into it is not for everybody either
            assert api.http.get(spoken, headers=right).status_code == 200
            assert api.http.get(f"{spoken}?token=sesam").status_code == 200
            foreign = {"Origin": "https://ok.example"}
            assert api.http.post("/stations", json=body, headers={**right, **foreign}).status_code == 200
            assert (
                api.http.get("/stations", headers=foreign).headers["access-control-allow-origin"]
                == "https://ok.example"
            )
            preflight = api.http.options("/stations", headers={**foreign, "Access-Control-Request-Method": "POST"})
            assert "Authorization" in preflight.headers["access-control-allow-headers"]
            assert "PATCH" in preflight.headers["access-control-allow-methods"]


class TestService:
    def test_it_is_ready_when_a_transcriber_lives(self, api: Api, redis: Redis) -> None:
        assert "ranscriber" in problem(api.http.get("/readyz"), 503)
        with Worker(redis, "transcriber", lambda: b""):
            assert api.http.get("/readyz").json()["workers"] == ["transcriber-0"]
        assert api.http.get("/healthz").json() == {"status": "ok"}

    def test_the_languages_are_those_of_the_models_on_air(self, api: Api, redis: Redis) -> None:
        def languages() -> list[str]:
            return list(api.http.get("/about").json()["languages"])

        assert len(languages()) > 90
        with Worker(redis, "ingest", lambda: b""), Worker(redis, "transcriber", knowing("sv en")):
            assert languages() == ["en", "sv"]
            with Worker(redis, "transcriber", knowing("fi sv")):
                assert languages() == ["en", "fi", "sv"]

    def test_a_language_that_no_model_on_air_knows_is_refused(self, api: Api, redis: Redis) -> None:
        recording, station = {"url": "https://example.org/a.mp3"}, {"id": "p1", "url": "https://example.org/p1"}
        with Worker(redis, "transcriber", knowing("sv en")):
            for path, body in (("/jobs", recording), ("/stations", station)):
                assert "'de'" in problem(api.http.post(path, json={**body, "language": "de-AT"}), 422)
                assert api.http.post(path, json={**body, "language": "sv-SE"}).is_success
            with api.socket("/microphone") as microphone:
                microphone.client.send('{"sample_rate": 16000, "language": "de"}')
                assert "only en, sv" in microphone.next("error")["detail"]
        assert api.http.post("/jobs", json={**recording, "language": "de"}).is_success, "none on air: one may come"

    def test_a_model_may_know_a_language_that_whisper_lacks(self, api: Api, redis: Redis) -> None:
        with Worker(redis, "transcriber", knowing("ga")):
            assert api.http.get("/about").json()["languages"] == ["ga"]
            job = api.http.post("/jobs", json={"url": "https://example.org/a.mp3", "language": "ga-IE"}).json()
            assert job["language"] == "ga"

    def test_a_task_that_no_model_on_air_can_do_is_refused(self, api: Api, redis: Redis) -> None:
        recording, station = {"url": "https://example.org/a.mp3"}, {"id": "p1", "url": "https://example.org/p1"}
        upload: dict[str, Any] = {"files": {"file": ("a.mp3", b"x")}, "data": {"task": "translate"}}
        with Worker(redis, "ingest", lambda: b""), Worker(redis, "transcriber", knowing("sv en", "transcribe")):
            for path, body in (("/jobs", recording), ("/stations", station)):
                answer = api.http.post(path, json={**body, "task": "translate"})
                assert "no model on air can translate" in problem(answer, 422)
                assert answer.json()["field"] == "task"
                assert api.http.post(path, json={**body, "task": "transcribe"}).is_success
            assert "translate" in problem(api.http.post("/jobs", **upload), 422)
            assert not list((api.folder / "var/uploads").glob("*.part"))
            with api.socket("/microphone") as microphone:
                microphone.client.send('{"sample_rate": 16000, "task": "translate"}')
                assert "translate" in microphone.next("error")["detail"]
            with Worker(redis, "transcriber", knowing("sv en")):
                assert api.http.post("/jobs", **upload).is_success, "one of them can"
        assert api.http.post("/jobs", **upload).is_success, "none on air: one may come"

    def test_metrics_answer_for_every_worker(self, api: Api, redis: Redis) -> None:
        text = "# HELP undertext_transcriber_claimed_total x\n# TYPE undertext_transcriber_claimed_total counter\n"
        text += "undertext_transcriber_claimed_total 3.0\n"
        with Worker(redis, "transcriber", text.encode), Worker(redis, "transcriber", text.encode):
            api.http.get("/stations")
            metrics = api.http.get("/metrics").text
        assert 'undertext_transcriber_claimed_total{worker="transcriber-0"} 3.0' in metrics
        assert 'undertext_transcriber_claimed_total{worker="transcriber-1"} 3.0' in metrics
        assert 'undertext_workers{service="transcriber"} 2.0' in metrics
        assert 'undertext_queue_chunks{queue="live"} 0.0' in metrics
        assert re.search(r'undertext_api_requests_total{method="GET",route="/stations",status="200"} \d', metrics)

    def test_paths_that_are_not_there_make_no_labels(self, api: Api) -> None:
        api.http.get("/secret-path-1")
        api.http.request("BREW", "/stations")
        metrics = api.http.get("/metrics").text
        assert "secret-path" not in metrics
        assert "BREW" not in metrics

    def test_a_bad_setting_is_named(self, redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
        with (
            pytest.raises(AssertionError, match="MAX_SOCKETS='many' is not a whole number"),
            running(redis_url, free_port(), tmp_path, MAX_SOCKETS="many"),
        ):
            pass

    def test_many_at_once_are_all_answered(self, api: Api) -> None:
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(httpx.get(f"{api.url}/stations", timeout=30).status_code))
            for _ in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 40
