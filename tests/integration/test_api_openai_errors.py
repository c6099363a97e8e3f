"""OpenAI's API on a real server: errors have OpenAI's format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.integration.api_server import Api, running
from tests.integration.openai_caller import TRANSCRIPTIONS, Caller, error, events
from wire import jobs as queue
from wire.bus import Redis


def test_failed_job_is_an_error_with_its_reason(caller: Caller) -> None:
    job, answer = caller.send()
    caller.fail(job)
    assert error(answer.result(), 422) == {
        "message": "it holds no audio track",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def test_stream_reports_a_failure_as_an_event(caller: Caller) -> None:
    job, answer = caller.send(stream="true")
    caller.fail(job)
    [event] = events(answer.result())
    assert event["error"]["message"] == "it holds no audio track"


def test_cancelled_job_is_410(api: Api, caller: Caller) -> None:
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
def test_invalid_request_is_rejected_and_leaves_nothing(
    api: Api, redis: Redis, content: bytes, form: dict[str, str], param: str | None
) -> None:
    answer = api.http.post(TRANSCRIPTIONS, files={"file": ("a.mp3", content)}, data=form)
    assert error(answer, 422)["param"] == param
    assert queue.waiting_decodes(redis) == 0
    assert list(api.folder.glob("var/uploads/*.part")) == []


def test_a_request_without_a_file_is_refused(api: Api) -> None:
    assert "`file`" in error(api.http.post(TRANSCRIPTIONS, data={"model": "x"}), 422)["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", TRANSCRIPTIONS, 405), ("PUT", TRANSCRIPTIONS, 405), ("GET", "/v1/nothing", 404), ("GET", "/v1", 404)],
)
def test_unknown_paths_have_openai_errors(api: Api, method: str, path: str, status: int) -> None:
    assert path in error(api.http.request(method, path), status)["message"]


def test_other_paths_have_problem_json(api: Api) -> None:
    assert api.http.get("/v1x").headers["content-type"] == "application/problem+json"


def test_full_queue_is_429_with_retry_after(api: Api) -> None:
    for _ in range(3):
        api.http.post("/jobs", json={"url": "http://a/b"})
    answer = api.http.post(TRANSCRIPTIONS, files={"file": ("a.mp3", b"x")})
    assert "MAX_JOBS_WAITING" in error(answer, 429)["message"]
    assert answer.headers["retry-after"]


def test_api_token_is_the_key(redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
    with running(redis_url, free_port(), tmp_path, API_TOKEN="sesam") as api:
        found = error(api.http.post(TRANSCRIPTIONS, headers={"Authorization": "Bearer sk-1"}), 401)
        assert found["code"] == "invalid_api_key"
        error(api.http.post(TRANSCRIPTIONS, headers={"Authorization": "Bearer sesam"}), 422)
