"""OpenAI's API on a real server: each call is a job, which a fake transcriber captions while its client waits."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import srt
from werkzeug.test import EnvironBuilder

from api.app import create_app
from api.openapi import document
from api.settings import Settings
from tests.integration.api_server import Api, Speaker, knowing, running
from tests.redis_server import running_redis
from wire import jobs as queue
from wire.bus import Redis, connect
from wire.messages import Job, State, Status, Word
from wire.sources import Jobs, Statuses
from wire.workers import Worker

TRANSCRIPTIONS = "/v1/audio/transcriptions"
WORDS = (Word("God", 1.5, 1.8, 0.5), Word("kväll.", 1.8, 2.4, 0.5))


@pytest.fixture(scope="module")
def server(redis_server: str, free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests that need nothing else."""
    with running(redis_server, free_port(), tmp_path_factory.mktemp("api"), MAX_JOBS_WAITING=3) as api:
        yield api


@pytest.fixture
def api(server: Api, redis_url: str) -> Api:
    """The server, before an empty Redis."""
    return server


@pytest.fixture
def calls() -> Iterator[ThreadPoolExecutor]:
    """Threads for clients that wait."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


class Caller:
    """Sends a recording, and lets a test do what ingest and the transcriber would do meanwhile."""

    def __init__(self, api: Api, redis: Redis, calls: ThreadPoolExecutor, wait_until: Callable[..., None]) -> None:
        self._api, self._redis, self._calls, self._wait_until = api, redis, calls, wait_until

    def send(self, path: str = TRANSCRIPTIONS, **form: Any) -> tuple[Job, Future[httpx.Response]]:
        """The job that a request has made, and its answer, to come."""
        files = {"file": ("möte.mp3", b"x")}
        answer = self._calls.submit(self._api.http.post, path, files=files, data={"model": "whisper-1", **form})
        return self.job(), answer

    def job(self) -> Job:
        """The only job there is, once it is there."""
        self._wait_until(lambda: queue.waiting_decodes(self._redis))
        [job], _ = Jobs(self._redis).page(2)
        return job

    def caption(self, job: Job) -> None:
        """Two captions, and the end."""
        Jobs(self._redis).change(job.id, state=State.FINISHED, duration_s=12.5)
        speaker = Speaker(self._redis, f"jobs/{job.id}")
        speaker.say("God kväll.", revisions=2, start_s=1.5, words=WORDS)
        speaker.say("R&D.", start_s=7.0)
        speaker.finish()

    def fail(self, job: Job) -> None:
        """What ingest does with a job that it cannot decode."""
        Jobs(self._redis).change(job.id, state=State.FAILED, error="it holds no audio track")
        Statuses(self._redis).save(Status(f"jobs/{job.id}", State.FAILED))


@pytest.fixture
def caller(api: Api, redis: Redis, calls: ThreadPoolExecutor, wait_until: Callable[..., None]) -> Caller:
    """A client of the server."""
    return Caller(api, redis, calls, wait_until)


def fits(values: Any, schema: str) -> None:
    """Check against a schema of the OpenAPI document."""
    jsonschema.validate(values, {"$ref": f"#/components/schemas/{schema}", "components": document()["components"]})


def error(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The error of an answer, checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    fits(answer.json(), "OpenaiError")
    found: dict[str, Any] = answer.json()["error"]
    return found


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    """The events of a stream, without its comments."""
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    blocks = answer.text.split("\n\n")
    return [json.loads(block.removeprefix("data: ")) for block in blocks if block and not block.startswith(":")]


class TestTranscriptions:
    def test_a_call_is_a_job_and_is_answered_with_its_text(self, caller: Caller) -> None:
        job, answer = caller.send(language="sv-SE", prompt="Umeå", temperature="0")
        assert (job.filename, job.language, job.task) == ("möte.mp3", "sv", "transcribe")
        caller.caption(job)
        values = answer.result()
        fits(values.json(), "OpenaiTranscription")
        assert values.json() == {"text": "God kväll. R&D.", "usage": {"type": "duration", "seconds": 12.5}}
        assert values.headers["x-request-id"] == job.id

    def test_translations_are_told_to_translate(self, caller: Caller) -> None:
        job, answer = caller.send("/v1/audio/translations")
        assert (job.language, job.task) == (None, "translate")
        caller.caption(job)
        assert answer.result().json()["text"] == "God kväll. R&D."

    @pytest.mark.parametrize(
        ("format", "media_type", "beginning"),
        [
            ("text", "text/plain", "God kväll. R&D.\n"),
            ("srt", "application/x-subrip", "1\n00:00:01,500 --> "),
            ("vtt", "text/vtt", "WEBVTT\n"),
        ],
    )
    def test_it_comes_as_a_file_too(self, caller: Caller, format: str, media_type: str, beginning: str) -> None:
        job, answer = caller.send(response_format=format)
        caller.caption(job)
        assert answer.result().text.startswith(beginning)
        assert answer.result().headers["content-type"] == f"{media_type}; charset=utf-8"
        if format == "srt":
            assert [cue.content for cue in srt.parse(answer.result().text)] == ["God kväll.", "R&D."]

    def test_verbose_json_has_segments_unless_words_alone_are_asked_for(self, caller: Caller) -> None:
        job, answer = caller.send(response_format="verbose_json")
        caller.caption(job)
        values = answer.result().json()
        fits(values, "OpenaiTranscription")
        assert (values["task"], values["language"], values["duration"]) == ("transcribe", "sv", 12.5)
        assert [(s["id"], s["start"], s["end"], s["text"]) for s in values["segments"]] == [
            (0, 1.5, 5.5, "God kväll."),
            (1, 7.0, 11.0, "R&D."),
        ]
        assert values["segments"][0]["avg_logprob"] == pytest.approx(-0.693, abs=0.001)
        assert "words" not in values

    @pytest.mark.parametrize("granularities", [["word"], ["word", "segment"]])
    def test_words_come_with_their_times(self, caller: Caller, granularities: list[str]) -> None:
        form = {"timestamp_granularities[]": granularities}
        job, answer = caller.send(response_format="verbose_json", **form)
        caller.caption(job)
        values = answer.result().json()
        assert values["words"][1] == {"word": "kväll.", "start": 1.8, "end": 2.4}
        assert ("segments" in values) == ("segment" in granularities)

    def test_a_stream_has_each_caption_when_it_is_final_and_all_at_the_end(
        self, api: Api, redis: Redis, caller: Caller
    ) -> None:
        form = {"model": "x", "stream": "true"}
        with api.http.stream("POST", TRANSCRIPTIONS, files={"file": ("a.mp3", b"x")}, data=form) as answer:
            lines = (line for line in answer.iter_lines() if line.startswith("data: "))
            job = caller.job()
            speaker = Speaker(redis, f"jobs/{job.id}")
            speaker.say("God", final_after=False)
            speaker.revise("God kväll.")
            assert json.loads(next(lines)[6:]) == {"type": "transcript.text.delta", "delta": "God kväll."}
            speaker.say("Tack för att ni tittade", final_after=False)
            speaker.revise("")  # withdrawn
            speaker.say("R&D.")
            speaker.finish()
            rest = [json.loads(line[6:]) for line in lines]
        assert rest == [
            {"type": "transcript.text.delta", "delta": " R&D."},
            {"type": "transcript.text.done", "text": "God kväll. R&D."},
        ]


class TestErrors:
    def test_a_failed_job_is_told_with_its_reason(self, caller: Caller) -> None:
        job, answer = caller.send()
        caller.fail(job)
        assert error(answer.result(), 422) == {
            "message": "it holds no audio track",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }

    def test_a_stream_tells_it_as_an_event(self, caller: Caller) -> None:
        job, answer = caller.send(stream="true")
        caller.fail(job)
        [event] = events(answer.result())
        assert event["error"]["message"] == "it holds no audio track"

    def test_a_job_that_somebody_cancels_is_gone(self, api: Api, caller: Caller) -> None:
        job, answer = caller.send()
        assert httpx.delete(f"{api.url}/jobs/{job.id}").status_code == 204
        assert "cancelled" in error(answer.result(), 410)["message"]

    @pytest.mark.parametrize(
        ("content", "form", "param"),
        [
            (b"", {}, None),
            (b"x", {"language": "svenska"}, "language"),
            (b"x", {"response_format": "diarized_json"}, "response_format"),
            (b"x", {"timestamp_granularities[]": "syllable"}, "timestamp_granularities"),
            (b"x", {"stream": "true", "response_format": "srt"}, "stream"),
        ],
    )
    def test_what_is_unfit_is_refused_and_leaves_nothing(
        self, api: Api, redis: Redis, content: bytes, form: dict[str, str], param: str | None
    ) -> None:
        answer = api.http.post(TRANSCRIPTIONS, files={"file": ("a.mp3", content)}, data=form)
        assert error(answer, 422)["param"] == param
        assert queue.waiting_decodes(redis) == 0
        assert list(api.folder.glob("var/uploads/*.part")) == []

    def test_a_request_without_a_file_is_refused(self, api: Api) -> None:
        assert "`file`" in error(api.http.post(TRANSCRIPTIONS, data={"model": "x"}), 422)["message"]

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("GET", TRANSCRIPTIONS, 404), ("PUT", TRANSCRIPTIONS, 405), ("GET", "/v1/nothing", 404), ("GET", "/v1", 404)],
    )
    def test_what_there_is_not_is_told_in_the_same_shape(self, api: Api, method: str, path: str, status: int) -> None:
        assert path in error(api.http.request(method, path), status)["message"]

    def test_other_paths_keep_theirs(self, api: Api) -> None:
        assert api.http.get("/v1x").headers["content-type"] == "application/problem+json"

    def test_more_than_may_wait_are_told_to_come_again(self, api: Api) -> None:
        for _ in range(3):
            api.http.post("/jobs", json={"url": "http://a/b"})
        answer = api.http.post(TRANSCRIPTIONS, files={"file": ("a.mp3", b"x")})
        assert "MAX_JOBS_WAITING" in error(answer, 429)["message"]
        assert answer.headers["retry-after"]

    def test_the_token_is_the_key(self, redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
        with running(redis_url, free_port(), tmp_path, API_TOKEN="sesam") as api:
            found = error(api.http.post(TRANSCRIPTIONS, headers={"Authorization": "Bearer sk-1"}), 401)
            assert found["code"] == "invalid_api_key"
            error(api.http.post(TRANSCRIPTIONS, headers={"Authorization": "Bearer sesam"}), 422)


class TestWaiting:
    @pytest.mark.parametrize("stream", ["false", "true"])
    def test_a_client_that_goes_away_cancels_its_job(
        self, api: Api, redis: Redis, caller: Caller, wait_until: Callable[..., None], stream: str
    ) -> None:
        request = httpx.Request(
            "POST", f"{api.url}{TRANSCRIPTIONS}", files={"file": ("a.mp3", b"x")}, data={"stream": stream}
        )
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        host, port = api.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as sock:
            sock.sendall(f"POST {TRANSCRIPTIONS} HTTP/1.1\r\n{head}\r\n".encode() + request.read())
            job = caller.job()
        wait_until(lambda: Jobs(redis).get(job.id).state is State.CANCELLED)
        wait_until(lambda: not (api.folder / "var" / job.path).exists())
        assert queue.waiting_decodes(redis) == 0

    def test_a_stream_that_nobody_begins_to_read_cancels_its_job(
        self, redis: Redis, redis_url: str, tmp_path: Path
    ) -> None:
        app = create_app(Settings(redis_url=redis_url, data_dir=str(tmp_path)))
        form = {"file": (BytesIO(b"x"), "a.mp3"), "stream": "true"}
        environ = EnvironBuilder(TRANSCRIPTIONS, method="POST", data=form).get_environ()
        answer: Any = app(environ, lambda status, headers, error=None: lambda data: None)
        answer.close()
        [job], _ = Jobs(redis).page(2)
        assert job.state is State.CANCELLED
        assert queue.waiting_decodes(redis) == 0

    def test_a_server_that_stops_leaves_the_job(
        self,
        redis_url: str,
        redis: Redis,
        free_port: Callable[[], int],
        tmp_path: Path,
        calls: ThreadPoolExecutor,
        wait_until: Callable[..., None],
    ) -> None:
        with running(redis_url, free_port(), tmp_path) as api:
            job, answer = Caller(api, redis, calls, wait_until).send()
            api.process.send_signal(signal.SIGTERM)
            assert f"/jobs/{job.id}" in error(answer.result(), 503)["message"]
        assert Jobs(redis).get(job.id).state is State.WAITING

    def test_a_redis_that_comes_back_has_its_captions(
        self, free_port: Callable[[], int], tmp_path: Path, calls: ThreadPoolExecutor, wait_until: Callable[..., None]
    ) -> None:
        port = free_port()
        with ExitStack() as stack:
            with running_redis(tmp_path, port, keeps=True) as url, connect(url) as redis:
                api = stack.enter_context(running(url, free_port(), tmp_path))
                job, answer = Caller(api, redis, calls, wait_until).send()
            wait_until(lambda: "Redis does not answer" in api.log())
            with running_redis(tmp_path, port, keeps=True) as url, connect(url) as redis:
                Caller(api, redis, calls, wait_until).caption(job)
                assert answer.result().json()["text"] == "God kväll. R&D."


def test_models_are_those_on_air(api: Api, redis: Redis) -> None:
    assert api.http.get("/v1/models").json() == {"object": "list", "data": []}
    with Worker(redis, "transcriber", knowing("sv")):
        values = api.http.get("/v1/models").json()
    assert [model["id"] for model in values["data"]] == ["model"]
