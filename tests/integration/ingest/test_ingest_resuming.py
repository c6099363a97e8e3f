"""Decoding of uploads that waits, gives way, is stopped, killed or cancelled, and resumes where its captions end."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from ingest.context import Context
from ingest.recordings.attempt import Interrupted
from ingest.recordings.decoding import Decoding
from tests.integration.ingest.attempts import Attempting, take_and_commit, take_more
from tests.integration.ingest.fixture_types import Chunks, Decode, Make
from tests.integration.ingest.radio import Web, audio_of, send_live
from tests.redis_server import running_redis
from wire.bus import connect
from wire.captions import CaptionLog
from wire.chunk import Chunk
from wire.jobs import enqueue_decode
from wire.keys import OPENING_CHUNKS, UPLOAD_CHUNKS
from wire.messages import Job, Kind, State, Status
from wire.queue import STREAMS
from wire.sources import Jobs, Statuses


def test_job_that_failed_elsewhere_stays_failed(
    decode: Decode, make_audio: Make, redis_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transcriber finds at the first chunk that its model does not support the task."""
    change = Jobs.change

    def failing(self: Jobs, id: str, **changes: Any) -> Job:
        if changes.get("decoded"):
            self.fail(id, "this model cannot translate")
            Statuses(redis_client).save(Status(f"jobs/{id}", State.FAILED))
        return change(self, id, **changes)

    monkeypatch.setattr(Jobs, "change", failing)
    job = decode(make_audio("x.wav"))
    assert (job.state, job.error) == (State.FAILED, "this model cannot translate")
    assert Statuses(redis_client).get(Kind.JOB, "j").state is State.FAILED


def test_decoding_waits_for_transcribers(
    context: Context, make_audio: Make, chunks: Chunks, wait_until: Callable[..., None]
) -> None:
    object.__setattr__(context.settings, "upload_ahead_chunks", 4)
    path = make_audio("x.wav", "-ar", "16000", "-ac", "1", source="sine=duration=60:sample_rate=16000")
    jobs = Jobs(context.redis)
    jobs.save(Job("j", time.time(), path=path.name))
    thread = threading.Thread(target=Decoding("j", context).run)
    thread.start()
    seen: list[Chunk] = []
    while not (seen and seen[-1].last):
        wait_until(lambda: chunks("jobs/j"))
        assert len(chunks("jobs/j")) <= 4
        seen += take_and_commit(context, "jobs/j", 2)
    thread.join()
    assert [chunk.seq for chunk in seen] == list(range(13))
    assert not path.exists()


def test_one_upload_does_not_fill_the_shared_queue(
    context: Context, make_audio: Make, wait_until: Callable[..., None], redis_client: Any
) -> None:
    path = make_audio("x.wav", "-ar", "16000", "-ac", "1", source="sine=duration=400:sample_rate=16000")
    Jobs(context.redis).save(Job("j", time.time(), path=path.name))
    thread = threading.Thread(target=Decoding("j", context).run)
    thread.start()
    wait_until(lambda: redis_client.xlen(UPLOAD_CHUNKS) >= 20, 30)
    Jobs(context.redis).change("j", state=State.CANCELLED)
    thread.join()
    assert (redis_client.xlen(OPENING_CHUNKS), redis_client.xlen(UPLOAD_CHUNKS)) == (12, 20)
    assert not path.exists()
    assert Jobs(context.redis).get("j").state is State.CANCELLED


def test_deleted_job_ends_its_decoding(context: Context, make_audio: Make, wait_until: Callable[..., None]) -> None:
    object.__setattr__(context.settings, "upload_ahead_chunks", 1)
    path = make_audio("x.wav")
    jobs = Jobs(context.redis)
    jobs.save(Job("j", time.time(), path=path.name))
    thread = threading.Thread(target=Decoding("j", context).run)
    thread.start()
    wait_until(lambda: jobs.get("j").state is State.RUNNING)
    jobs.remove("j")
    thread.join()
    assert not path.exists()


def test_interrupted_job_resumes_where_its_captions_end(
    context: Context, make_audio: Make, chunks: Chunks, wait_until: Callable[..., None]
) -> None:
    object.__setattr__(context.settings, "upload_ahead_chunks", 3)
    path = make_audio("x.flac", source="sine=duration=31")
    Jobs(context.redis).save(Job("j", time.time(), path=path.name))
    attempt = Attempting(context)
    wait_until(lambda: len(chunks("jobs/j")) == 3)
    committed = take_and_commit(context, "jobs/j", 2)
    attempt.stop()
    assert path.exists()

    context.redis.delete(*STREAMS)  # chunks that were queued and not committed are lost
    object.__setattr__(context.settings, "upload_ahead_chunks", 100)
    Decoding("j", context).run()
    rest = chunks("jobs/j")
    assert [chunk.seq for chunk in committed + rest] == list(range(7))
    assert rest[0].lead_samples == committed[-1].tail_samples >= 8_000
    assert len(audio_of(committed + rest)) == 31 * 16_000
    assert not path.exists()


def test_chunks_lost_by_redis_are_decoded_again(
    context: Context,
    make_audio: Make,
    free_port: Callable[[], int],
    tmp_path: Path,
    wait_until: Callable[..., None],
) -> None:
    """A crash of the machine loses the last second of writes to Redis."""
    port, audio = free_port(), make_audio("x.flac", source="sine=duration=31").name
    with running_redis(tmp_path, port, keeps=True) as url:
        context = dataclasses.replace(context, redis=connect(url))
        Jobs(context.redis).save(Job("j", time.time(), path=audio))
        object.__setattr__(context.settings, "upload_ahead_chunks", 3)
        attempt = Attempting(context)
        wait_until(lambda: context.redis.xlen(OPENING_CHUNKS) == 3)
    with running_redis(tmp_path, free_port(), keeps=True) as url, connect(url) as redis:
        [(newest, _)] = redis.xrevrange(OPENING_CHUNKS, count=1)
        redis.xdel(OPENING_CHUNKS, newest)
    with running_redis(tmp_path, port, keeps=True):
        attempt.wait(wait_until)
        assert (tmp_path / audio).exists()
        object.__setattr__(context.settings, "upload_ahead_chunks", 100)
        Decoding("j", context).run()
        seen: list[Chunk] = []
        while take_more(context, seen) and not seen[-1].last:
            pass
        context.redis.close()
    assert list(dict.fromkeys(chunk.seq for chunk in seen)) == list(range(7))


def test_redis_without_a_run_id_is_supported(
    context: Context, make_audio: Make, free_port: Callable[[], int], tmp_path: Path
) -> None:
    audio = make_audio("x.flac", source="sine=duration=6").name
    with running_redis(tmp_path, free_port()) as url, connect(url) as redis:
        redis.acl_setuser("default", commands=["-info"])
        jobs = Jobs(redis)
        jobs.save(Job("j", time.time(), path=audio))
        Decoding("j", dataclasses.replace(context, redis=redis)).run()
        assert jobs.get("j").decoded


def test_long_upload_gives_way_to_a_waiting_one(
    context: Context, make_audio: Make, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.recordings.attempt.TURN_S", 0.0)
    monkeypatch.setattr("ingest.recordings.attempt.TURN_FACTOR", 0.0)
    monkeypatch.setattr("ingest.recordings.attempt.CHECK_EVERY_S", 0.0)
    object.__setattr__(context.settings, "upload_ahead_chunks", 2)
    path = make_audio("x.wav", source="sine=duration=60")
    Jobs(context.redis).save(Job("j", time.time(), path=path.name))
    enqueue_decode(context.redis, "another", timeout_s=60)
    with pytest.raises(Interrupted):
        Decoding("j", context).run()
    assert path.exists()
    assert Jobs(context.redis).get("j").state is State.RUNNING


def test_possibly_live_source_gives_way_at_every_attempt(
    context: Context,
    make_audio: Make,
    web: Web,
    chunks: Chunks,
    wait_until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An attempt takes as long as all earlier ones to reach new audio, and must not get a multiple of that time."""
    monkeypatch.setattr("ingest.recordings.attempt.TURN_S", 2.0)
    object.__setattr__(context.settings, "chunk_s", 1.0)
    body = make_audio("x.mp3", "-b:a", "64k", source="sine=duration=60").read_bytes()
    Jobs(context.redis).save(Job("j", time.time(), url=send_live(web, body, pause_s=0.8)))
    enqueue_decode(context.redis, "another", timeout_s=60)
    for n_attempts, factor in ((1, 0.0), (2, 1e6)):
        monkeypatch.setattr("ingest.recordings.attempt.TURN_FACTOR", factor)
        Attempting(context).wait(wait_until)
        assert take_and_commit(context, "jobs/j", 8) or n_attempts == 2
    assert Jobs(context.redis).get("j").state is State.RUNNING


def test_decoded_job_is_not_decoded_again(decode: Decode, make_audio: Make, context: Context, chunks: Chunks) -> None:
    assert decode(make_audio("x.mp3")).decoded
    before = chunks("jobs/j")
    Decoding("j", context).run()  # its file is gone, which is not a failure
    assert Jobs(context.redis).get("j").state is State.RUNNING
    assert chunks("jobs/j") == before


def test_finished_job_is_left_alone(context: Context, make_audio: Make, chunks: Chunks) -> None:
    Jobs(context.redis).save(Job("j", time.time(), path="gone.mp3", state=State.CANCELLED))
    Decoding("j", context).run()
    assert chunks("jobs/j") == []


#: `python -m ingest.recordings.decoder` whose job is taken over sooner after it has died.
DECODER = """
from ingest.recordings import decoder
decoder.BEAT_S, decoder.TTL_S = 1, 3
decoder.main([])
"""


def test_killed_decoder_is_replaced_and_its_job_resumed(
    redis_url: str, context: Context, make_audio: Make, wait_until: Callable[..., None], tmp_path: Path
) -> None:
    path = make_audio("x.flac", source="sine=duration=200")
    Jobs(context.redis).save(Job("j", time.time(), path=path.name))
    enqueue_decode(context.redis, "j", timeout_s=600)
    environ = {**os.environ, "REDIS_URL": redis_url, "DATA_DIR": str(tmp_path), "UPLOAD_AHEAD_CHUNKS": "4"}

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", DECODER], env=environ)

    first = start()
    seen: list[Chunk] = []
    try:
        wait_until(lambda: take_more(context, seen) >= 5, 30)
    finally:
        first.kill()
        first.wait()
    second = start()
    try:
        wait_until(lambda: take_more(context, seen) and seen[-1].last, 60)
        wait_until(lambda: not path.exists(), 10)
    finally:
        second.terminate()
        assert second.wait(timeout=10) == 0
    # Chunks queued by the killed decoder are queued twice; committing them again changes nothing.
    assert list(dict.fromkeys(chunk.seq for chunk in seen)) == list(range(41))
    assert CaptionLog(context.redis).progress("jobs/j").finished


def test_recording_that_kills_its_decoders_fails(
    redis_url: str, context: Context, make_audio: Make, wait_until: Callable[..., None], tmp_path: Path
) -> None:
    path = make_audio("x.flac")
    Jobs(context.redis).save(Job("j", time.time(), path=path.name))
    enqueue_decode(context.redis, "j", timeout_s=600)
    last = RqJob.fetch("decode-j", connection=context.redis, serializer=JSONSerializer)
    last.retries_left = 0
    last.save()
    environ = {**os.environ, "REDIS_URL": redis_url, "DATA_DIR": str(tmp_path)}
    deadly = "import os; from ingest.recordings.decoding import Decoding; Decoding.run = lambda *_, **__: os._exit(9)"
    assert subprocess.run([sys.executable, "-c", deadly + DECODER], env=environ, timeout=40).returncode == 9
    second = subprocess.Popen([sys.executable, "-c", DECODER], env=environ)
    try:
        wait_until(lambda: Jobs(context.redis).get("j").state is State.FAILED, 40)
        wait_until(lambda: not path.exists(), 10)
    finally:
        second.terminate()
        assert second.wait(timeout=10) == 0
    assert Statuses(context.redis).get(Kind.JOB, "j").detail.startswith("every process that decoded it was killed")
