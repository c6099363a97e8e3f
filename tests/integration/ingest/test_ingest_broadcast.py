"""The audio of a station for players is synchronised with its captions."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.stations.supervisor import Supervisor
from tests.integration.ingest.radio import RATE, Icecast, audio_of
from wire import audience
from wire.broadcast import Broadcasts, Segment
from wire.bus import Redis
from wire.chunk import Chunk
from wire.messages import Station, Status

#: A tone that rises constantly, so that every moment is unique.
RISING = "aevalsrc=0.5*sin(2*PI*(300+10*t)*t):s=44100"


def decoded(data: bytes) -> NDArray[np.float64]:
    command = ["ffmpeg", "-v", "error", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "-ar", str(RATE), "pipe:1"]
    pcm = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(pcm, "<i2").astype(float)


def late_s(sound: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Delay of `sound` relative to `reference`, in seconds."""
    n = len(sound) + len(reference)
    correlation = np.fft.irfft(np.fft.rfft(sound, n) * np.conj(np.fft.rfft(reference, n)), n)
    at = int(np.argmax(correlation))
    return (at if at < n // 2 else at - n) / RATE


@pytest.mark.parametrize("encoding", ["mp3", "aac", "opus"])
def test_audio_for_players_is_synchronised_with_captions(
    encoding: str,
    icecast: Icecast,
    on_air: Callable[..., Supervisor],
    chunks: Callable[[str], list[Chunk]],
    redis: Redis,
    wait_until: Callable[..., Any],
) -> None:
    on_air(Station("p1", "P1", icecast.send("sound", encoding, RISING)))
    broadcasts = Broadcasts(redis)

    def listed() -> list[Segment]:
        audience.register_listener(redis, "stations/p1")
        return broadcasts.listed("stations/p1")

    wait_until(lambda: len(listed()) >= 2, timeout_s=60)
    segment = listed()[1]
    assert segment.format == ("mp3" if encoding == "mp3" else "aac")
    wait_until(lambda: chunks("stations/p1")[-1].end_s > segment.end_s)
    queued = chunks("stations/p1")
    data = broadcasts.data("stations/p1", segment.number)
    assert data
    begin = round((segment.start_s - queued[0].start_s) * RATE)
    captioned = audio_of(queued)[begin : begin + round(segment.duration_s * RATE)]
    assert abs(late_s(decoded(data), captioned)) < 0.05


def test_no_segments_are_published_without_listeners(
    icecast: Icecast,
    on_air: Callable[..., Supervisor],
    chunks: Callable[[str], list[Chunk]],
    redis: Redis,
    wait_until: Callable[..., Any],
) -> None:
    on_air(Station("p1", "P1", icecast.send("sound")))
    wait_until(lambda: len(chunks("stations/p1")) >= 6, timeout_s=60)
    assert Broadcasts(redis).listed("stations/p1") == []


def test_stations_are_captioned_with_hls_disabled(
    icecast: Icecast,
    on_air: Callable[..., Supervisor],
    chunks: Callable[[str], list[Chunk]],
    status: Callable[[str], Status],
    redis: Redis,
    wait_until: Callable[..., Any],
) -> None:
    audience.register_listener(redis, "stations/p1")
    on_air(Station("p1", "P1", icecast.send("sound")), hls=False)
    wait_until(lambda: len(chunks("stations/p1")) >= 6, timeout_s=60)
    assert Broadcasts(redis).listed("stations/p1") == []
    assert not status("p1").hls
