"""Microphones whose connection is lost are resumed over another, or end after a time-out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from ingest.microphones import reader, supervisor
from tests.integration.ingest.fixture_types import Chunks, Wait
from tests.integration.ingest.radio import audio_of, frequency_hz
from tests.integration.ingest.speaking import speak, tone
from wire import keys
from wire.errors import UnknownSource
from wire.messages import Hello, Kind, State
from wire.microphone import Microphones, Position
from wire.sources import Statuses


def test_lost_connection_is_resumed_over_another(
    start_microphones: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    def status() -> Any:
        return Statuses(redis_client).get(Kind.MICROPHONE, "m")

    start_microphones()
    api.open(Hello("m", 48_000, "sv"))
    speak(api, "m", tone(440, 1.5, 48_000))
    api.mark_disconnected("m")
    wait_until(lambda: len(chunks("microphones/m")) == 2, 20)  # audio before the loss is sent immediately
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
    with pytest.raises(UnknownSource, match="start a new one without"):
        api.resume(Hello("m", 16_000))


@pytest.mark.parametrize(("kept_from_s", "epochs"), [(1.0, {1}), (1.6, {1, 2}), (None, {1, 2})])
def test_resumption_without_missing_audio_is_seamless(
    start_microphones: Callable[..., None],
    api: Microphones,
    chunks: Chunks,
    wait_until: Wait,
    redis_client: Any,
    kept_from_s: float | None,
    epochs: set[int],
) -> None:
    """A word cut by the loss is complete in the next chunk, which repeats the end of the previous one."""
    start_microphones()
    api.open(Hello("m", 16_000))
    api.send("m", tone(440, 1.5, 16_000), duration_s=1.5)
    api.mark_disconnected("m")
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


def test_superseded_connection_can_neither_send_nor_end(
    start_microphones: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait
) -> None:
    start_microphones()
    api.open(Hello("m", 16_000))
    speak(api, "m", tone(440, 0.5, 16_000))
    again = api.resume(Hello("m", 16_000))
    assert not api.send("m", tone(440, 0.5, 16_000))
    api.mark_disconnected("m")
    api.close("m")
    speak(api, "m", tone(880, 0.5, 16_000), connection=again.number)
    api.close("m", again.number)
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    audio = audio_of(chunks("microphones/m"))
    assert len(audio) == 16_000
    assert frequency_hz(audio[8_000:]) == pytest.approx(880, abs=3)


def test_microphone_disconnected_for_long_ends_and_cannot_be_resumed(
    start_microphones: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait
) -> None:
    start_microphones(microphone_idle_s=2.0)
    api.open(Hello("m", 16_000))
    speak(api, "m", tone(440, 0.5, 16_000))
    api.mark_disconnected("m")
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    assert {chunk.epoch for chunk in chunks("microphones/m")} == {1}
    with pytest.raises(UnknownSource):
        api.resume(Hello("m", 16_000))


def test_new_reader_does_not_restart_the_idle_timeout(
    start_microphones: Callable[..., None],
    api: Microphones,
    chunks: Chunks,
    wait_until: Wait,
    redis_client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "GRACE_S", 0.5)
    api.open(Hello("m", 16_000))
    assert api.next(1.0)
    an_hour_ago = int(time.time() - 3600) * 1000
    for number, (name, value) in enumerate(((b"pcm", tone(440, 0.5, 16_000)), (b"broken", b"1"))):
        redis_client.xadd(keys.microphone("m"), {name: value, b"connection": 1}, id=f"{an_hour_ago}-{number}")
    began_s = time.monotonic()
    start_microphones()
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    assert time.monotonic() - began_s > 0.5, "it may still come back"
    assert len(audio_of(chunks("microphones/m"))) == 8_000
    with pytest.raises(UnknownSource):
        api.resume(Hello("m", 16_000))


def test_disconnected_microphone_gives_way_to_a_waiting_one(
    start_microphones: Callable[..., None],
    api: Microphones,
    chunks: Chunks,
    wait_until: Wait,
    redis_client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "GRACE_S", 0.5)
    start_microphones(max_microphones=2)
    for id in ("open", "away", "new"):
        api.open(Hello(id, 16_000))
        speak(api, id, tone(440, 1.2, 16_000))
        if id == "away":
            api.mark_disconnected(id)
    wait_until(lambda: chunks("microphones/new"), 20)
    assert chunks("microphones/away")[-1].last
    wait_until(lambda: "was waiting for its place" in Statuses(redis_client).get(Kind.MICROPHONE, "away").detail)
    with pytest.raises(UnknownSource):
        api.resume(Hello("away", 16_000))
    assert api.resume(Hello("open", 16_000)).number == 2, "it was never disconnected"


def test_microphone_resumed_while_being_given_up_continues(api: Microphones, redis_client: Any) -> None:
    api.open(Hello("m", 16_000))
    api.send("m", b"....")
    ((seen,), _) = api.frames("m", b"0", 0.1)
    api.resume(Hello("m", 16_000))
    assert not api.give_up("m", seen.entry)
    assert api.resume(Hello("m", 16_000)).number == 3


def test_another_process_uses_the_hello_of_a_later_connection(
    redis_client: Any, start_microphones: Callable[..., None], api: Microphones, chunks: Chunks, wait_until: Wait
) -> None:
    api.open(Hello("m", 8_000))
    assert api.next(1.0)
    speak(api, "m", tone(440, 1.0, 8_000))
    again = api.resume(Hello("m", 16_000))
    speak(api, "m", tone(880, 1.0, 16_000), connection=again.number)
    api.close("m", again.number)
    frames, _ = api.frames("m", b"0", 0.1)
    api.save_position(
        redis_client, "m", Position(next(frame.entry for frame in frames if frame.connection == again.number), 1, 1)
    )
    start_microphones()
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 20)
    assert chunks("microphones/m")[0].follows == (1, 1)
    audio = audio_of(chunks("microphones/m"))
    assert len(audio) == 16_000
    assert frequency_hz(audio) == pytest.approx(880, abs=1)
