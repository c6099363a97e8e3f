"""Audio on its way from a client to ingest: rate-limited to the speed of speech, in frames of whole samples."""

from __future__ import annotations

import time

from api.http.problems import Problem
from api.microphones.hello import Greeting
from api.microphones.sample_format import FormatCheck
from wire.errors import BadRequest
from wire.microphone import Connection, Microphones

#: Audio may arrive this much faster than real time, after a first burst of this many seconds.
SPEED, BURST_S = 1.5, 30.0

#: Audio is passed on in frames of at least this length, in seconds; smaller messages are buffered.
FRAME_S = 0.1


class Allowance:
    """How much audio a recording may have, over all its connections.

    An interruption leaves room for the audio that was recorded meanwhile and arrives at once afterwards.

    Args:
        limit_s: seconds of audio in all.
        began_s: Unix time at which the recording began.
        heard_s: seconds of audio so far.
    """

    def __init__(self, limit_s: float, *, began_s: float, heard_s: float = 0.0) -> None:
        self._limit_s = limit_s
        self._start_s = time.monotonic() - (time.time() - began_s)
        self._audio_s = heard_s

    def restart(self) -> None:
        """Do not accumulate allowance for a time without audio."""
        self._start_s = max(self._start_s, time.monotonic() - self._audio_s / SPEED)

    def wait_s(self, audio_s: float) -> float:
        """How long to wait before this much more audio may be sent, in seconds; 0: now."""
        return max(0.0, (self._audio_s + audio_s - BURST_S) / SPEED - (time.monotonic() - self._start_s))

    def spend(self, audio_s: float) -> None:
        """Count this much more audio.

        Raises:
            BadRequest: the recording is too long.
        """
        self._audio_s += audio_s
        if self._audio_s > self._limit_s:
            raise BadRequest(f"a recording may have at most {self._limit_s:g} seconds (MAX_MICROPHONE_S)")


class Intake:
    """The audio of one connection, buffered on its way to ingest."""

    def __init__(self, microphones: Microphones, greeting: Greeting, connection: Connection) -> None:
        self._microphones = microphones
        self._id = greeting.hello.id
        self._number = connection.number
        self._format = greeting.format
        self._frame_bytes = greeting.format.sample_bytes * greeting.hello.channels
        self._rate = greeting.hello.sample_rate * self._frame_bytes  # bytes a second
        self._check = FormatCheck(greeting.format, self._rate)
        self._pending = bytearray()
        self._sent_bytes = 0

    def seconds(self, audio: bytes) -> float:
        """The duration of a piece of audio."""
        return len(audio) / self._rate

    def add(self, audio: bytes) -> None:
        """Buffer a piece of audio, which may end in the middle of a sample.

        Raises:
            BadRequest: it is not in the announced format.
        """
        self._check.add(audio)
        self._pending += audio

    def flush(self, least_s: float = FRAME_S) -> None:
        """Send the buffered audio if it has at least this length; what cannot be sent stays in the buffer.

        Raises:
            RedisError: Redis does not answer; the call can be repeated.
            Problem: another connection has resumed the recording.
        """
        whole = len(self._pending) - len(self._pending) % self._frame_bytes
        if whole < max(1, self._rate * least_s):
            return
        pcm = self._format.to_s16le(bytes(self._pending[:whole]))
        duration_s, up_to = whole / self._rate, self._sent_bytes + whole
        if not self._microphones.send(self._id, pcm, self._number, duration_s=duration_s, up_to=up_to):
            raise Problem(409, "another connection has resumed this recording")
        self._sent_bytes = up_to
        del self._pending[:whole]
