"""A client of OpenAI's API, and the work of ingest and a transcriber meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx

from tests.integration.api_answers import fits
from tests.integration.api_server import Api, Speaker
from wire import jobs as queue
from wire.bus import Redis
from wire.messages import Job, State, Status, Word
from wire.sources import Jobs, Statuses

TRANSCRIPTIONS = "/v1/audio/transcriptions"
WORDS = (Word("God", 1.5, 1.8, 0.5), Word("kväll.", 1.8, 2.4, 0.5))


class Caller:
    """Sends a recording, and lets a test play ingest and the transcriber meanwhile."""

    def __init__(self, api: Api, redis: Redis, calls: ThreadPoolExecutor, wait_until: Callable[..., None]) -> None:
        self._api, self._redis, self._calls, self._wait_until = api, redis, calls, wait_until

    def send(self, path: str = TRANSCRIPTIONS, **form: Any) -> tuple[Job, Future[httpx.Response]]:
        """Send a recording; return its job, and a future of the response."""
        files = {"file": ("möte.mp3", b"x")}
        answer = self._calls.submit(self._api.http.post, path, files=files, data={"model": "whisper-1", **form})
        return self.job(), answer

    def job(self) -> Job:
        """Wait for the only job."""
        self._wait_until(lambda: queue.waiting_decodes(self._redis))
        [job], _ = Jobs(self._redis).page(2)
        return job

    def caption(self, job: Job) -> None:
        """Commit two captions and finish."""
        Jobs(self._redis).change(job.id, state=State.FINISHED, duration_s=12.5)
        speaker = Speaker(self._redis, f"jobs/{job.id}")
        speaker.say("God kväll.", revisions=2, start_s=1.5, words=WORDS)
        speaker.say("R&D.", start_s=7.0)
        speaker.finish()

    def fail(self, job: Job) -> None:
        """Fail a job as ingest does if it cannot decode it."""
        Jobs(self._redis).change(job.id, state=State.FAILED, error="it holds no audio track")
        Statuses(self._redis).save(Status(f"jobs/{job.id}", State.FAILED))


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
