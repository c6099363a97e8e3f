"""Uploads and URLs over HTTP: they become jobs, or are rejected and leave nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.api_answers import fits, problem
from tests.integration.api_server import Api
from wire import jobs as queue
from wire.bus import Redis
from wire.sources import Jobs

MIB = 1024 * 1024

#: A form with a recording, and a field that has no name.
NAMELESS = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\nx\r\n'
    b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"
)


def test_upload_is_stored_and_queued(api: Api, redis: Redis) -> None:
    answer = api.http.post(
        "/jobs",
        files={"file": ("Möte.MP3", b"x" * MIB)},
        data={"language": "sv-SE", "task": "translate", "track": "1", "hot_words": ["Bodil Jönsson, Umeå\n", "Åsele"]},
    )
    assert answer.status_code == 202
    values = answer.json()
    fits(values, "Job")
    assert answer.headers["location"] == values["urls"]["self"] == f"/jobs/{values['id']}"
    assert (values["state"], values["progress"], values["filename"]) == ("waiting", 0, "Möte.MP3")
    job = Jobs(redis).get(values["id"])
    assert (job.language, job.task, job.track) == ("sv", "translate", 1)
    assert job.hot_words == tuple(values["hot_words"]) == ("Bodil Jönsson", "Umeå", "Åsele")
    assert job.path == f"uploads/{job.id}.mp3"
    assert (api.folder / "var" / job.path).stat().st_size == MIB
    assert queue.waiting_decodes(redis) == 1
    assert [j["id"] for j in api.http.get("/jobs").json()["jobs"]] == [job.id]


def test_url_is_queued(api: Api, redis: Redis) -> None:
    answer = api.http.post(
        "/jobs",
        json={"url": "https://127.0.0.1/a/b%20c.mp3", "language": "en", "task": "translate", "track": 0},
        params={"hot_words": "Umeå"},
    )
    assert answer.status_code == 202
    job = Jobs(redis).get(answer.json()["id"])
    assert (job.url, job.filename) == ("https://127.0.0.1/a/b%20c.mp3", "b c.mp3")
    assert (job.language, job.task, job.track, job.hot_words) == ("en", "translate", 0, ("Umeå",))
    listed = api.http.post("/jobs", json={"url": "https://127.0.0.1/a", "hot_words": ["Umeå, Sweden", "Bodil"]})
    assert listed.json()["hot_words"] == ["Umeå, Sweden", "Bodil"]


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
        ({"json": {"url": "http://a/b", "speakers": 2}}, 422, "the fields are url, language, task, track, hot_words"),
        ({"files": {"file": ("a.mp3", b"x")}, "data": {"track": "-1"}}, 422, "track"),
        ({"files": {"file": ("a.mp3", b"x")}, "data": {"hot_words": "x" * 501}}, 422, "hot_words must be at most 50"),
        ({"json": {"url": "http://a/b", "hot_words": [7]}}, 422, "hot_words must be a list of strings"),
        ({"files": {"file": ("a.mp3", b"x" * 5 * MIB)}}, 413, "MAX_UPLOAD_BYTES"),
        ({"files": {"file": ("a.mp3", b"x" * (4 * MIB + 10))}}, 413, "MAX_UPLOAD_BYTES"),
        ({"json": {"url": "ftp://a/b"}}, 422, "http"),
        ({"json": {"url": "file:///etc/passwd"}}, 422, "http"),
        ({"json": {}}, 422, "url"),
        ({"json": [1]}, 422, "JSON object"),
        ({"content": b"RIFF", "headers": {"Content-Type": "audio/wav"}}, 415, "form field `file`"),
        ({"data": {"file": "RIFF"}}, 415, "form field `file`"),
        ({"files": {"file": (None, "RIFF")}}, 422, "file=@talk.mp3, with the @"),
        ({"files": {"file": (None, b"x" * MIB)}}, 413, "500000 bytes in them; send the recording as a file"),
        ({"json": {"url": "x" * 100_000}}, 413, "65536 bytes"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "JSON object"),
        ({"content": b"[" * 50_000, "headers": {"Content-Type": "application/json"}}, 422, "JSON object"),
        ({"content": rb'{"\ud800": 1}', "headers": {"Content-Type": "application/json"}}, 422, r"field '\ud800'"),
        ({"content": b"\x1f\x8b", "headers": {"Content-Encoding": "gzip"}}, 415, "without Content-Encoding"),
        ({"content": NAMELESS, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 422, "no field ''"),
    ],
)
def test_rejected_uploads_leave_nothing(
    api: Api, redis: Redis, options: dict[str, Any], status: int, names: str
) -> None:
    assert names in problem(api.http.post("/jobs", **options), status)
    assert api.http.get("/jobs").json() == {"jobs": []}
    assert list(api.folder.glob("var/uploads/*.part")) == []
    assert queue.waiting_decodes(redis) == 0


def test_disconnected_client_leaves_nothing(api: Api, wait_until: Callable[..., None]) -> None:
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


@pytest.mark.parametrize("body", [b"zz\r\n", b"5\r\nab", b"2\r\n{}cd\r\n"])
def test_truncated_or_malformed_chunks_are_rejected(api: Api, body: bytes) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        head = f"POST /jobs HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked"
        sock.sendall(head.encode() + b"\r\n\r\n" + body)
        sock.shutdown(socket.SHUT_WR)
        answer = sock.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"send it again" in answer


def test_waiting_jobs_are_limited(api: Api) -> None:
    for _ in range(3):
        assert api.http.post("/jobs", json={"url": "http://a/b"}).status_code == 202
    refused = api.http.post("/jobs", json={"url": "http://a/b"})
    assert "MAX_JOBS_WAITING" in problem(refused, 429)
    assert refused.headers["retry-after"]
    first = api.http.get("/jobs").json()["jobs"][0]["id"]
    assert api.http.delete(f"/jobs/{first}").status_code == 204  # cancelling makes room
    assert api.http.post("/jobs", json={"url": "http://a/b"}).status_code == 202


def test_waiting_jobs_are_limited_for_concurrent_requests(api: Api, redis: Redis) -> None:
    def upload(number: int) -> int:
        files = {"file": (f"{number}.mp3", b"x" * MIB)}
        return httpx.post(f"{api.url}/jobs", files=files, timeout=30).status_code

    before = set(api.folder.glob("var/uploads/*"))
    with ThreadPoolExecutor(12) as callers:
        statuses = sorted(callers.map(upload, range(12)))
    assert statuses == [202] * 3 + [429] * 9
    assert queue.waiting_decodes(redis) == len(api.http.get("/jobs").json()["jobs"]) == 3
    assert len(set(api.folder.glob("var/uploads/*")) - before) == 3
