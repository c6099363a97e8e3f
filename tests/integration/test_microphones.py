"""A microphone's audio, sent from the API to ingest, in a real Redis."""

from __future__ import annotations

from wire.bus import Redis
from wire.messages import Hello
from wire.microphone import Microphones


def test_repeated_frame_is_stored_once(redis: Redis) -> None:
    microphones, hello = Microphones(redis), Hello("m", 16_000)
    microphones.open(hello, "key")
    for pcm, up_to in ((b"ab", 2), (b"ab", 2), (b"ab", 4), (b"cd", 6)):
        assert microphones.send("m", pcm, duration_s=1.0, up_to=up_to)
    again = microphones.resume(hello, "key")
    assert again.audio_s == 3.0
    assert not microphones.send("m", b"cd", up_to=6), "another connection has taken over"
    assert microphones.send("m", b"ef", again.number, up_to=6)
    frames, _ = microphones.frames("m", b"0", 1.0)
    assert [frame.pcm for frame in frames] == [b"ab", b"ab", b"cd", b"", b"ef"]
