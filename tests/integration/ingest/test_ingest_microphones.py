"""Microphones: frames at any rate become 16 kHz chunks, for several microphones at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ingest.live.lease import Leases
from ingest.microphones.converter import Converter
from tests.integration.ingest.fixture_types import Chunks, Wait
from tests.integration.ingest.radio import audio_of, frequency_hz
from tests.integration.ingest.speaking import speak, tone
from wire import keys
from wire.bus import RedisError, connect
from wire.messages import Hello, Kind, State
from wire.microphone import Microphones
from wire.sources import Statuses


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100, 48_000])
def test_any_rate_is_resampled_to_16_khz(
    rate_hz: int,
    start_microphones: Callable[..., None],
    api: Microphones,
    chunks: Chunks,
    wait_until: Wait,
    redis_client: Any,
) -> None:
    start_microphones()
    api.open(Hello("m", rate_hz, "sv", task="translate", hot_words=("Umeå",)))
    speak(api, "m", tone(440, 3.5, rate_hz))
    api.close("m")
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    found = chunks("microphones/m")
    assert [chunk.seq for chunk in found] == [0, 1, 2, 3]
    told = {(chunk.epoch, chunk.language, chunk.task, chunk.hot_words) for chunk in found}
    assert told == {(1, "sv", "translate", ("Umeå",))}
    audio = audio_of(found)
    assert len(audio) == pytest.approx(3.5 * 16_000, abs=16)
    assert frequency_hz(audio) == pytest.approx(440, abs=1)
    assert found[-1].end_s <= time.time()
    wait_until(lambda: Statuses(redis_client).get(Kind.MICROPHONE, "m").state is State.FINISHED)
    status = Statuses(redis_client).get(Kind.MICROPHONE, "m")
    assert (status.codec, status.sample_rate_hz, status.channels) == ("pcm_s16le", rate_hz, 1)


def test_chunks_are_sent_while_the_microphone_is_open(
    start_microphones: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait
) -> None:
    start_microphones()
    api.open(Hello("m", 16_000))
    speak(api, "m", tone(440, 1.5, 16_000))
    wait_until(lambda: chunks("microphones/m"), 20)
    assert not chunks("microphones/m")[0].last
    api.close("m")
    wait_until(lambda: chunks("microphones/m")[-1].last)


def test_several_microphones_are_read_at_once_and_more_wait(
    start_microphones: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait
) -> None:
    start_microphones(max_microphones=2)
    for n in range(3):
        api.open(Hello(f"m{n}", 48_000))
        speak(api, f"m{n}", tone(300 + 200 * n, 1.2, 48_000))
    wait_until(lambda: chunks("microphones/m0") and chunks("microphones/m1"), 20)
    assert chunks("microphones/m2") == []
    api.close("m0")
    wait_until(lambda: chunks("microphones/m2"), 20)
    for n in (1, 2):
        api.close(f"m{n}")
    wait_until(lambda: all(chunks(f"microphones/m{n}")[-1].last for n in range(3)))
    for n in range(3):
        assert frequency_hz(audio_of(chunks(f"microphones/m{n}"))) == pytest.approx(300 + 200 * n, abs=1)


@pytest.mark.parametrize(("owner", "name"), [(Microphones, "_record"), (Leases, "acquire")])
def test_microphone_announced_before_an_outage_is_read_later(
    start_microphones: Callable[..., None],
    api: Microphones,
    chunks: Chunks,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
) -> None:
    real, errors = getattr(owner, name), [RedisError("away")]

    def fails_once(*arguments: Any) -> Any:
        if errors:
            raise errors.pop()
        return real(*arguments)

    monkeypatch.setattr(owner, name, fails_once)
    start_microphones()
    api.open(Hello("m", 16_000))
    speak(api, "m", tone(440, 1.2, 16_000))
    api.close("m")
    wait_until(lambda: chunks("microphones/m") and chunks("microphones/m")[-1].last, 20)


def test_microphone_read_by_another_worker_is_not_restarted(
    api: Microphones, redis_client: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = redis_client.blmove
    with connect(redis_url) as other_client:
        other = Microphones(other_client)

        def slowly(*arguments: Any) -> Any:
            announcement = take(*arguments)
            assert [hello.id for hello in other.abandoned()] == ["m"], "it is not recorded yet"
            other.mark_ended("m")
            return announcement

        monkeypatch.setattr(redis_client, "blmove", slowly)
        api.open(Hello("m", 16_000))
        assert api.next(1.0) is None
        assert other.abandoned() == []


def test_record_of_another_version_does_not_hide_others(api: Microphones, redis_client: Any) -> None:
    redis_client.hset(keys.READ_MICROPHONES, "strange", b"{}")
    redis_client.hset(keys.READ_MICROPHONES, "m", Hello("m", 16_000).encode())
    for id in ("strange", "m"):
        api.send(id, b"..")
    assert [hello.id for hello in api.abandoned()] == ["m"]
    redis_client.delete(keys.microphone("strange"))
    assert [hello.id for hello in api.abandoned()] == ["m"]
    assert redis_client.hkeys(keys.READ_MICROPHONES) == [b"m"], "records that no version can read are pruned"


def test_microphone_with_expired_frames_is_ended(
    start_microphones: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    redis_client.hset(keys.READ_MICROPHONES, "m", Hello("m", 16_000).encode())
    start_microphones()
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    wait_until(lambda: not redis_client.exists(keys.READ_MICROPHONES), 20)


def test_microphone_without_audio_ends(
    start_microphones: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait
) -> None:
    start_microphones()
    api.open(Hello("m", 16_000))
    api.close("m")
    wait_until(lambda: chunks("microphones/m"), 20)
    (only,) = chunks("microphones/m")
    assert (only.n_samples, only.last, only.seq) == (0, True, 0)
    assert abs(only.start_s - time.time()) < 60


def test_microphone_that_vanishes_ends(
    start_microphones: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    start_microphones(microphone_idle_s=2.0)
    api.open(Hello("m", 16_000))
    speak(api, "m", tone(440, 0.5, 16_000))
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    wait_until(lambda: Statuses(redis_client).get(Kind.MICROPHONE, "m").detail == "no audio arrived for 2 s")


def test_impossible_rate_fails_clearly(
    start_microphones: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    start_microphones()
    api.open(Hello("m", 12))
    wait_until(lambda: Statuses(redis_client).get(Kind.MICROPHONE, "m").state is State.FAILED, 20)
    assert "the sample rate is 12 Hz" in Statuses(redis_client).get(Kind.MICROPHONE, "m").detail
    wait_until(lambda: chunks("microphones/m"))
    assert chunks("microphones/m")[-1].last


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_channels_are_mixed_down(channels: int) -> None:
    converter = Converter(16_000, channels)
    pcm = tone(440, 1, 16_000, channels)
    out = b"".join(converter.convert(pcm[start : start + 777]) for start in range(0, len(pcm), 777))
    out += converter.convert(b"", last=True)
    assert out == tone(440, 1, 16_000)


def test_resampling_in_frames_equals_resampling_at_once() -> None:
    pcm = tone(440, 2, 48_000)
    framed, whole = Converter(48_000), Converter(48_000)
    parts = [framed.convert(pcm[start : start + 960]) for start in range(0, len(pcm), 960)]
    in_frames = np.frombuffer(b"".join(parts) + framed.convert(b"", last=True), "<i2").astype(int)
    at_once = np.frombuffer(whole.convert(pcm) + whole.convert(b"", last=True), "<i2").astype(int)
    assert len(in_frames) == len(at_once) == 32_000
    assert np.abs(in_frames - at_once).max() <= 2  # dither
