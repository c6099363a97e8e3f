"""What a speaker sends on its way to ingest: so much as can have been spoken, in frames of whole samples."""

from __future__ import annotations

import time

from api.hello import Greeting
from api.problems import Problem
from api.sample_format import Opening
from wire.errors import BadRequest
from wire.microphone import Connection, Microphones

#: Audio may come this much faster than it is spoken, after a first burst of so many seconds.
SPEED, BURST_S = 1.5, 30.0

#: Audio handed on at once, in seconds; smaller messages are gathered.
FRAME_S = 0.1


class Allowance:
    """How much audio a speaker may send, over all connections together.

    A break leaves room for what was said in it and comes at once afterwards.

    Args:
        most_s: seconds of audio in all.
        began_s: Unix time at which it began.
        heard_s: seconds of audio that have come since.
    """

    def __init__(self, most_s: float, *, began_s: float, heard_s: float = 0.0) -> None:
        self._most_s = most_s
        self._begun_s = time.monotonic() - (time.time() - began_s)
        self._heard_s = heard_s

    def begin_anew(self) -> None:
        """What was not sent while nobody spoke is not saved up."""
        self._begun_s = max(self._begun_s, time.monotonic() - self._heard_s / SPEED)

    def early_s(self, audio_s: float) -> float:
        """How many seconds sooner than it may so much more audio comes; 0 if it may."""
        return max(0.0, (self._heard_s + audio_s - BURST_S) / SPEED - (time.monotonic() - self._begun_s))

    def take(self, audio_s: float) -> None:
        """Count so much more audio.

        Raises:
            BadRequest: that is too much.
        """
        self._heard_s += audio_s
        if self._heard_s > self._most_s:
            raise BadRequest(f"a recording may last {self._most_s:g} seconds (MAX_MICROPHONE_S)")


class Intake:
    """The audio of one connection."""

    def __init__(self, microphones: Microphones, greeting: Greeting, connection: Connection) -> None:
        self._microphones = microphones
        self._id = greeting.hello.id
        self._number = connection.number
        self._format = greeting.format
        self._frame_bytes = greeting.format.sample_bytes * greeting.hello.channels
        self._rate = greeting.hello.sample_rate * self._frame_bytes  # bytes a second
        self._opening = Opening(greeting.format, self._rate)
        self._pending = bytearray()
        self._handed_on = 0  # bytes

    def seconds(self, audio: bytes) -> float:
        """How long a part is."""
        return len(audio) / self._rate

    def hear(self, audio: bytes) -> None:
        """Gather a part, however its end cuts a sample.

        Raises:
            BadRequest: it is no audio of the format that was told.
        """
        self._opening.hear(audio)
        self._pending += audio

    def hand_on(self, least_s: float = FRAME_S) -> None:
        """Hand on what was gathered, if it is so much; what cannot be handed on stays.

        Raises:
            RedisError: Redis does not answer; it may be tried again.
            Problem: another connection goes on with the recording.
        """
        whole = len(self._pending) - len(self._pending) % self._frame_bytes
        if whole < max(1, self._rate * least_s):
            return
        pcm = self._format.to_s16le(bytes(self._pending[:whole]))
        duration_s, up_to = whole / self._rate, self._handed_on + whole
        if not self._microphones.send(self._id, pcm, self._number, duration_s=duration_s, up_to=up_to):
            raise Problem(409, "another connection goes on with this recording")
        self._handed_on = up_to
        del self._pending[:whole]
