"""Uploads: files of many formats, made by a real ffmpeg, come out as the chunks of their audio, or as a clear error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from ingest.playlist import make_client
from ingest.settings import Settings
from ingest.uploads import Decoding, Workplace
from tests.integration.ingest.radio import audio_of, frequency_hz
from wire.bus import connect
from wire.messages import Chunk, Job, State
from wire.metrics import IngestMetrics
from wire.sources import Jobs

Chunks = Callable[[str], list[Chunk]]
Make = Callable[..., Path]
Decode = Callable[..., Job]


@pytest.fixture
def workplace(redis_url: str, tmp_path: Path) -> Iterator[Workplace]:
    redis = connect(redis_url)
    settings = Settings(redis_url=redis_url, data_dir=str(tmp_path), chunk_s=5.0, lead_s=1.0)
    with make_client(5.0) as client:
        yield Workplace(redis, settings, IngestMetrics(CollectorRegistry()), client)
    redis.close()


@pytest.fixture
def decode(workplace: Workplace) -> Decode:
    """`decode(path)`: the job's record after its decoding."""

    def run(path: Path | None = None, **fields: Any) -> Job:
        jobs = Jobs(workplace.redis)
        jobs.save(Job("j", time.time(), filename="x", path=path.name if path else "", **fields))
        Decoding("j", workplace).run()
        return jobs.get("j")

    return run


FORMATS = {
    "mp3": ("x.mp3", ["-b:a", "64k"]),
    "m4a": ("x.m4a", ["-c:a", "aac"]),
    "aac": ("x.aac", ["-c:a", "aac"]),
    "ogg-opus": ("x.ogg", ["-c:a", "libopus"]),
    "webm": ("x.webm", ["-c:a", "libopus"]),
    "flac-24-bit": ("x.flac", ["-sample_fmt", "s32", "-bits_per_raw_sample", "24", "-ar", "96000"]),
    "wav-telephone": ("x.wav", ["-ar", "8000", "-c:a", "pcm_mulaw"]),
    "wav-24-bit": ("x.wav", ["-c:a", "pcm_s24le", "-ar", "44100"]),
    "ac3-5.1": ("x.ac3", ["-c:a", "ac3", "-ac", "6"]),
    "amr-like-8-khz": ("x.3gp", ["-c:a", "aac", "-ar", "8000"]),
    "aiff": ("x.aiff", []),
    "no-extension": ("x", ["-f", "mp3"]),
}


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_comes_out_whole(format: str, decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    name, options = FORMATS[format]
    path = make_audio(name, *options)

    job = decode(path)

    assert (job.state, job.error, job.tracks) == (State.RUNNING, "", 1)
    found = chunks("jobs/j")
    assert [(chunk.epoch, chunk.seq, chunk.last) for chunk in found] == [(1, 0, False), (1, 1, False), (1, 2, True)]
    assert [chunk.start_s for chunk in found] == [0.0, 5.0, 10.0]
    audio = audio_of(found)
    assert len(audio) / 16_000 == pytest.approx(12, abs=0.15)  # codecs pad
    assert frequency_hz(audio[16_000 : 11 * 16_000]) == pytest.approx(440, abs=1)
    assert job.duration_s == pytest.approx(len(audio) / 16_000)
    assert not path.exists()


def test_pcm_is_exact(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    path = make_audio(
        "x.wav", "-ar", "16000", "-ac", "1", source="anoisesrc=duration=11:sample_rate=16000:amplitude=0.5"
    )
    original = np.frombuffer(path.read_bytes()[-11 * 32_000 :], dtype="<i2")

    decode(path)

    found = chunks("jobs/j")
    assert np.array_equal(audio_of(found), original)
    assert found[1].lead_samples == 16_000
    assert found[1].pcm[:32_000] == found[0].pcm[-32_000:]
