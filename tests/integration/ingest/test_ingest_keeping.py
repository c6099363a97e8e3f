"""The audio of chunks that is kept for playback."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from prometheus_client import CollectorRegistry

from ingest.stations.keeping import Keeper, encode
from wire.audio import samples
from wire.bus import Redis
from wire.chunk import Chunk
from wire.kept_audio import KeptAudio
from wire.messages import Content
from wire.metrics import IngestMetrics


def tone(duration_s: float, hz: float) -> bytes:
    times = np.arange(samples(duration_s)) / 16_000
    return (8000 * np.sin(2 * np.pi * hz * times)).astype("<i2").tobytes()


def test_kept_audio_matches_the_original() -> None:
    for duration_s in (0.01, 5.0, 25.0):
        pcm = tone(duration_s, 440)
        heard, rate = soundfile.read(io.BytesIO(encode(pcm)), dtype="int16")
        came = np.frombuffer(pcm, "<i2")
        assert (rate, len(heard)) == (16_000, len(came))
        assert np.corrcoef(heard, came)[0, 1] > 0.99


def test_kept_audio_is_small() -> None:
    assert len(encode(tone(5.0, 440))) < len(tone(5.0, 440)) / 4


def test_only_new_audio_is_kept(redis: Redis) -> None:
    keep = Keeper(redis, IngestMetrics(CollectorRegistry()), kept_s=900)
    keep(Chunk("stations/p1", 1, 4, 1000.5, samples(5), tone(1, 880) + tone(5, 440), lead_samples=samples(1)))
    keep(Chunk("stations/p1", 1, 5, 1005.5, samples(5), content=Content.MUSIC))
    [clip] = KeptAudio(redis).between("stations/p1", 0, 2000)
    assert (clip.start_s, clip.n_samples) == (1000.5, samples(5))
    heard, _ = soundfile.read(io.BytesIO(clip.vorbis), dtype="int16")
    assert len(heard) == samples(5)
    assert np.corrcoef(heard, np.frombuffer(tone(5, 440), "<i2"))[0, 1] > 0.99


def spoken(seq: int) -> Chunk:
    return Chunk("stations/p1", 1, seq, 1000.0 + 5 * seq, samples(5), tone(5, 440))


def begins(redis: Redis) -> list[float]:
    return [clip.start_s for clip in KeptAudio(redis).between("stations/p1", 0, 2000)]


def test_old_audio_is_deleted_during_silence(redis: Redis) -> None:
    keep = Keeper(redis, IngestMetrics(CollectorRegistry()), kept_s=12)
    for seq in range(4):
        keep(spoken(seq))
    assert begins(redis) == [1010, 1015]
    keep(Chunk("stations/p1", 1, 4, 1020.0, samples(5), content=Content.MUSIC))
    assert begins(redis) == [1015]


def test_disabling_deletes_kept_audio(redis: Redis) -> None:
    Keeper(redis, IngestMetrics(CollectorRegistry()), kept_s=900)(spoken(0))
    assert begins(redis) == [1000]
    Keeper(redis, IngestMetrics(CollectorRegistry()), kept_s=0)(spoken(1))
    assert begins(redis) == []


def test_failure_to_keep_audio_is_logged_once(redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    keep = Keeper(redis, IngestMetrics(CollectorRegistry()), kept_s=900)
    try:
        for memory in (1, 0, 1):
            redis.config_set("maxmemory", memory)
            for seq in range(3):
                keep(spoken(seq))
    finally:
        redis.config_set("maxmemory", 0)
    assert [record.message.partition(":")[0] for record in caplog.records] == 2 * ["stations/p1"]
    assert begins(redis) == [1000, 1005, 1010]
