"""The API as a service: health, the models on air, metrics."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.api_answers import problem
from tests.integration.api_server import Api, knowing, running
from wire.bus import Redis
from wire.languages import CODES
from wire.workers import Worker


def test_api_is_ready_when_a_transcriber_runs(api: Api, redis: Redis) -> None:
    missing = problem(api.http.get("/readyz"), 503)
    assert all(word in missing for word in ("No transcriber", "MODEL", "docker compose logs transcriber"))
    with Worker(redis, "transcriber", lambda: b""):
        assert api.http.get("/readyz").json()["workers"] == ["transcriber-0"]
    assert api.http.get("/healthz").json() == {"status": "ok"}


def test_about_describes_the_transcribers(api: Api, redis: Redis, wait_until: Callable[..., None]) -> None:
    def reports(transcribers: int, languages: list[str], tasks: list[str]) -> bool:
        about = api.http.get("/about").json()
        return (about["transcribers"], about["languages"], about["tasks"]) == (transcribers, languages, tasks)

    # The answer may be a second old.
    wait_until(lambda: reports(0, sorted(CODES), []))
    with Worker(redis, "ingest", lambda: b""), Worker(redis, "transcriber", knowing("sv en", "transcribe")):
        wait_until(lambda: reports(1, ["en", "sv"], ["transcribe"]))
        with Worker(redis, "transcriber", knowing("fi sv")):
            wait_until(lambda: reports(2, ["en", "fi", "sv"], ["transcribe", "translate"]))


def test_language_that_no_model_supports_is_rejected(api: Api, redis: Redis) -> None:
    recording, station = {"url": "https://example.org/a.mp3"}, {"id": "p1", "url": "https://example.org/p1"}
    with Worker(redis, "transcriber", knowing("sv en")):
        for path, body in (("/jobs", recording), ("/stations", station)):
            assert "'de'" in problem(api.http.post(path, json={**body, "language": "de-AT"}), 422)
            assert api.http.post(path, json={**body, "language": "sv-SE"}).is_success
        with api.socket("/microphone") as microphone:
            microphone.client.send('{"sample_rate": 16000, "language": "de"}')
            assert "only en, sv" in microphone.next("error")["detail"]
    assert api.http.post("/jobs", json={**recording, "language": "de"}).is_success, "none on air: one may come"


def test_model_may_support_a_language_that_whisper_lacks(
    api: Api, redis: Redis, wait_until: Callable[..., None]
) -> None:
    with Worker(redis, "transcriber", knowing("ga")):
        wait_until(lambda: api.http.get("/about").json()["languages"] == ["ga"])
        job = api.http.post("/jobs", json={"url": "https://example.org/a.mp3", "language": "ga-IE"}).json()
        assert job["language"] == "ga"


def test_task_that_no_model_supports_is_rejected(api: Api, redis: Redis) -> None:
    recording, station = {"url": "https://example.org/a.mp3"}, {"id": "p1", "url": "https://example.org/p1"}
    upload: dict[str, Any] = {"files": {"file": ("a.mp3", b"x")}, "data": {"task": "translate"}}
    with Worker(redis, "ingest", lambda: b""), Worker(redis, "transcriber", knowing("sv en", "transcribe")):
        for path, body in (("/jobs", recording), ("/stations", station)):
            answer = api.http.post(path, json={**body, "task": "translate"})
            assert "no model on air can translate, only transcribe" in problem(answer, 422)
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


def test_metrics_include_every_worker(api: Api, redis: Redis) -> None:
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


def test_unknown_paths_get_no_labels(api: Api) -> None:
    api.http.get("/secret-path-1")
    api.http.request("BREW", "/stations")
    metrics = api.http.get("/metrics").text
    assert "secret-path" not in metrics
    assert "BREW" not in metrics


def test_invalid_setting_is_named(redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="MAX_SOCKETS='many' is not a whole number"),
        running(redis_url, free_port(), tmp_path, MAX_SOCKETS="many"),
    ):
        pass


def test_many_concurrent_requests_are_answered(api: Api) -> None:
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
