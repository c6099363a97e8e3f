"""Microphones: frames at any rate come out as 16 kHz chunks, several at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from ingest import microphone_desk, microphones
from ingest.converter import Converter
from ingest.detector import SilenceDetector
from ingest.lease import Leases
from ingest.microphone_desk import MicrophoneDesk
from ingest.settings import Settings
from tests.integration.ingest.radio import audio_of, frequency_hz
from wire import keys
from wire.bus import RedisError, connect
from wire.chunk import Chunk
from wire.errors import UnknownSource
from wire.messages import Hello, Kind, State
from wire.metrics import IngestMetrics
from wire.microphone import Mark, Microphones
from wire.sources import Statuses

Chunks = Callable[[str], list[Chunk]]
Wait = Callable[..., None]


def tone(hz: float, duration_s: float, rate_hz: int, channels: int = 1) -> bytes:
    wave = 9000 * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate_hz)) / rate_hz)
    return np.repeat(wave.astype("<i2"), channels).tobytes()


@pytest.fixture
def desk(redis_url: str) -> Iterator[Callable[..., None]]:
    """`desk(max_microphones=…)`: an ingest process's part for microphones."""
    stop, threads, clients = threading.Event(), [], []

    def start(**settings: Any) -> None:
        redis = connect(redis_url)
        chosen = Settings(redis_url=redis_url, chunk_s=1.0, lead_s=0.25, **settings)
        counter = MicrophoneDesk(redis, chosen, IngestMetrics(CollectorRegistry()), SilenceDetector, worker="ingest-0")
        threads.append(threading.Thread(target=counter.run, args=(stop,)))
        threads[-1].start()
        clients.append(redis)

    yield start
    stop.set()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()


@pytest.fixture
def api(redis_client: Any) -> Microphones:
    """The API's end."""
    return Microphones(redis_client)


def speak(api: Microphones, id: str, pcm: bytes, frame_bytes: int = 4001, connection: int = 1) -> None:
    for start in range(0, len(pcm), frame_bytes):  # frames need not even end at a sample
        assert api.send(id, pcm[start : start + frame_bytes], connection)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100, 48_000])
def test_any_rate_comes_out_at_16_khz(
    rate_hz: int, desk: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    desk()
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


def test_chunks_come_while_it_is_open(
    desk: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait
) -> None:
    desk()
    api.open(Hello("m", 16_000))
    speak(api, "m", tone(440, 1.5, 16_000))
    wait_until(lambda: chunks("microphones/m"), 20)
    assert not chunks("microphones/m")[0].last
    api.close("m")
    wait_until(lambda: chunks("microphones/m")[-1].last)


def test_several_speak_at_once_and_more_wait(
    desk: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait
) -> None:
    desk(max_microphones=2)
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


@pytest.mark.parametrize(("owner", "name"), [(Microphones, "_note"), (Leases, "acquire")])
def test_one_that_is_announced_while_redis_goes_away_is_read_later(
    desk: Callable[..., None],
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
    desk()
    api.open(Hello("m", 16_000))
    speak(api, "m", tone(440, 1.2, 16_000))
    api.close("m")
    wait_until(lambda: chunks("microphones/m") and chunks("microphones/m")[-1].last, 20)


def test_one_that_another_has_read_meanwhile_is_not_brought_back(
    api: Microphones, redis_client: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = redis_client.blmove
    with connect(redis_url) as other_client:
        other = Microphones(other_client)

        def slowly(*arguments: Any) -> Any:
            announcement = take(*arguments)
            assert [hello.id for hello in other.abandoned()] == ["m"], "nobody has noted it yet"
            other.done("m")
            return announcement

        monkeypatch.setattr(redis_client, "blmove", slowly)
        api.open(Hello("m", 16_000))
        assert api.next(1.0) is None
        assert other.abandoned() == []


def test_a_note_of_another_version_hides_no_other(api: Microphones, redis_client: Any) -> None:
    redis_client.hset(keys.READ_MICROPHONES, "strange", b"{}")
    redis_client.hset(keys.READ_MICROPHONES, "m", Hello("m", 16_000).encode())
    for id in ("strange", "m"):
        api.send(id, b"..")
    assert [hello.id for hello in api.abandoned()] == ["m"]
    redis_client.delete(keys.microphone("strange"))
    assert [hello.id for hello in api.abandoned()] == ["m"]
    assert redis_client.hkeys(keys.READ_MICROPHONES) == [b"m"], "what nobody can read any more is pruned"


def test_one_whose_frames_have_vanished_while_nobody_read_it_is_ended(
    desk: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    redis_client.hset(keys.READ_MICROPHONES, "m", Hello("m", 16_000).encode())
    desk()
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    wait_until(lambda: not redis_client.exists(keys.READ_MICROPHONES), 20)


def test_one_that_says_nothing_still_ends(
    desk: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait
) -> None:
    desk()
    api.open(Hello("m", 16_000))
    api.close("m")
    wait_until(lambda: chunks("microphones/m"), 20)
    (only,) = chunks("microphones/m")
    assert (only.n_samples, only.last, only.seq) == (0, True, 0)
    assert abs(only.start_s - time.time()) < 60


def test_one_that_vanishes_ends_too(
    desk: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    desk(microphone_idle_s=2.0)
    api.open(Hello("m", 16_000))
    speak(api, "m", tone(440, 0.5, 16_000))
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    wait_until(lambda: Statuses(redis_client).get(Kind.MICROPHONE, "m").detail == "nothing came for 2 s")


def test_one_whose_connection_breaks_goes_on_over_another(
    desk: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    def status() -> Any:
        return Statuses(redis_client).get(Kind.MICROPHONE, "m")

    desk()
    api.open(Hello("m", 48_000, "sv"))
    speak(api, "m", tone(440, 1.5, 48_000))
    api.leave("m")
    wait_until(lambda: len(chunks("microphones/m")) == 2, 20)  # what was said before the break waits for nothing
    wait_until(lambda: status().state is State.RECONNECTING)
    assert len(audio_of(chunks("microphones/m"))) == pytest.approx(1.5 * 16_000, abs=16)
    again = api.resume(Hello("m", 16_000, "en", channels=2))
    speak(api, "m", tone(880, 1.5, 16_000, 2), connection=again.number)
    wait_until(lambda: len(chunks("microphones/m")) == 3, 20)
    wait_until(lambda: status().state is State.RUNNING and status().reconnects == 1)
    api.close("m", again.number)
    wait_until(lambda: chunks("microphones/m")[-1].last, 20)
    found = chunks("microphones/m")
    places = [(chunk.epoch, chunk.seq, chunk.follows, chunk.language, chunk.last) for chunk in found]
    assert places == [
        (1, 0, None, "sv", False),
        (1, 1, None, "sv", False),
        (2, 0, (1, 2), "en", False),
        (2, 1, None, "en", True),
    ]
    audio = audio_of(found[2:])
    assert len(audio) == 1.5 * 16_000
    assert frequency_hz(audio) == pytest.approx(880, abs=1)
    wait_until(lambda: status().state is State.FINISHED)
    with pytest.raises(UnknownSource, match="begin without"):
        api.resume(Hello("m", 16_000))


@pytest.mark.parametrize(("kept_from_s", "epochs"), [(1.0, {1}), (1.6, {1, 2}), (None, {1, 2})])
def test_where_nothing_is_missing_it_goes_on_without_a_seam(
    desk: Callable[..., None],
    api: Microphones,
    chunks: Chunks,
    wait_until: Wait,
    redis_client: Any,
    kept_from_s: float | None,
    epochs: set[int],
) -> None:
    """A word that the break cut is heard whole: the next chunk repeats the end of what came before."""
    desk()
    api.open(Hello("m", 16_000))
    api.send("m", tone(440, 1.5, 16_000), duration_s=1.5)
    api.leave("m")
    wait_until(lambda: Statuses(redis_client).get(Kind.MICROPHONE, "m").state is State.RECONNECTING, 20)
    wait_until(lambda: len(audio_of(chunks("microphones/m"))) == 24_000, 20)
    before = len(chunks("microphones/m"))
    again = api.resume(Hello("m", 16_000), kept_from_s=kept_from_s)
    speak(api, "m", tone(440, 1.5, 16_000), connection=again.number)
    api.close("m", again.number)
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    found = chunks("microphones/m")
    assert {chunk.epoch for chunk in found} == epochs
    assert len(audio_of(found)) == 48_000
    gapless = epochs == {1}
    assert (found[before].lead_samples > 0) == gapless
    if gapless:
        assert [chunk.seq for chunk in found] == list(range(len(found)))
        assert found[before].start_s == pytest.approx(found[0].start_s + 1.5)


def test_who_was_taken_over_from_adds_and_ends_nothing(
    desk: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait
) -> None:
    desk()
    api.open(Hello("m", 16_000))
    speak(api, "m", tone(440, 0.5, 16_000))
    again = api.resume(Hello("m", 16_000))
    assert not api.send("m", tone(440, 0.5, 16_000))
    api.leave("m")
    api.close("m")
    speak(api, "m", tone(880, 0.5, 16_000), connection=again.number)
    api.close("m", again.number)
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    audio = audio_of(chunks("microphones/m"))
    assert len(audio) == 16_000
    assert frequency_hz(audio[8_000:]) == pytest.approx(880, abs=3)


def test_one_that_is_away_for_long_ends_and_is_not_resumed(
    desk: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait
) -> None:
    desk(microphone_idle_s=2.0)
    api.open(Hello("m", 16_000))
    speak(api, "m", tone(440, 0.5, 16_000))
    api.leave("m")
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    assert {chunk.epoch for chunk in chunks("microphones/m")} == {1}
    with pytest.raises(UnknownSource):
        api.resume(Hello("m", 16_000))


def test_who_reads_on_does_not_wait_anew_for_one_that_is_away(
    desk: Callable[..., None],
    api: Microphones,
    chunks: Chunks,
    wait_until: Wait,
    redis_client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(microphones, "AWAY_S", 0.5)
    api.open(Hello("m", 16_000))
    assert api.next(1.0)
    an_hour_ago = int(time.time() - 3600) * 1000
    for number, (name, value) in enumerate(((b"pcm", tone(440, 0.5, 16_000)), (b"broken", b"1"))):
        redis_client.xadd(keys.microphone("m"), {name: value, b"connection": 1}, id=f"{an_hour_ago}-{number}")
    began_s = time.monotonic()
    desk()
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    assert time.monotonic() - began_s > 0.5, "it may come back yet"
    assert len(audio_of(chunks("microphones/m"))) == 8_000
    with pytest.raises(UnknownSource):
        api.resume(Hello("m", 16_000))


def test_one_that_is_away_gives_its_place_to_one_that_waits(
    desk: Callable[..., None],
    api: Microphones,
    chunks: Chunks,
    wait_until: Wait,
    redis_client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(microphone_desk, "AWAY_S", 0.5)
    desk(max_microphones=2)
    for id in ("open", "away", "new"):
        api.open(Hello(id, 16_000))
        speak(api, id, tone(440, 1.2, 16_000))
        if id == "away":
            api.leave(id)
    wait_until(lambda: chunks("microphones/new"), 20)
    assert chunks("microphones/away")[-1].last
    wait_until(lambda: "waited for its place" in Statuses(redis_client).get(Kind.MICROPHONE, "away").detail)
    with pytest.raises(UnknownSource):
        api.resume(Hello("away", 16_000))
    assert api.resume(Hello("open", 16_000)).number == 2, "it was never away"


def test_one_that_is_resumed_while_it_is_given_up_goes_on(api: Microphones, redis_client: Any) -> None:
    api.open(Hello("m", 16_000))
    api.send("m", b"....")
    ((seen,), _) = api.frames("m", b"0", 0.1)
    api.resume(Hello("m", 16_000))
    assert not api.give_up("m", seen.entry)
    assert api.resume(Hello("m", 16_000)).number == 3


def test_another_process_reads_a_later_connection_as_that_one_said(
    desk: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait
) -> None:
    api.open(Hello("m", 8_000))
    assert api.next(1.0)
    speak(api, "m", tone(440, 1.0, 8_000))
    again = api.resume(Hello("m", 16_000))
    speak(api, "m", tone(880, 1.0, 16_000), connection=again.number)
    api.close("m", again.number)
    frames, _ = api.frames("m", b"0", 0.1)
    api.mark("m", Mark(next(frame.entry for frame in frames if frame.connection == again.number), 1, 1))
    desk()
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    assert chunks("microphones/m")[0].follows == (1, 1)
    audio = audio_of(chunks("microphones/m"))
    assert len(audio) == 16_000
    assert frequency_hz(audio) == pytest.approx(880, abs=1)


def test_an_impossible_rate_fails_clearly(
    desk: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    desk()
    api.open(Hello("m", 12))
    wait_until(lambda: Statuses(redis_client).get(Kind.MICROPHONE, "m").state is State.FAILED, 20)
    assert "sample rate of 12 Hz" in Statuses(redis_client).get(Kind.MICROPHONE, "m").detail
    wait_until(lambda: chunks("microphones/m"))
    assert chunks("microphones/m")[-1].last


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_channels_are_mixed_down(channels: int) -> None:
    converter = Converter(16_000, channels)
    pcm = tone(440, 1, 16_000, channels)
    out = b"".join(converter.convert(pcm[start : start + 777]) for start in range(0, len(pcm), 777))
    out += converter.convert(b"", last=True)
    assert out == tone(440, 1, 16_000)


def test_resampling_in_frames_is_resampling_at_once() -> None:
    pcm = tone(440, 2, 48_000)
    framed, whole = Converter(48_000), Converter(48_000)
    parts = [framed.convert(pcm[start : start + 960]) for start in range(0, len(pcm), 960)]
    in_frames = np.frombuffer(b"".join(parts) + framed.convert(b"", last=True), "<i2").astype(int)
    at_once = np.frombuffer(whole.convert(pcm) + whole.convert(b"", last=True), "<i2").astype(int)
    assert len(in_frames) == len(at_once) == 32_000
    assert np.abs(in_frames - at_once).max() <= 2  # dither
