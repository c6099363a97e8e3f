"""How the decoding of a recording ended, and what is missing from its captions as a result. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.media.probe import explain
from ingest.recordings.recording import Recording
from wire.errors import SourceError

#: A recording that ends this much earlier than its header says was cut off, in seconds.
EARLY_S = 2.0

#: Shorter audio is an accident, as bytes of any file may look like MP3 frames: if ffmpeg failed, and if it only logged
#: errors, as version 7 does for a file of which it could decode next to nothing. In seconds.
CHANCE_S, NEXT_TO_NOTHING_S = 1.0, 0.25


class NothingDecoded(Exception):
    """ffmpeg failed without decoding anything.

    Attributes:
        reason: the error to show to the user.
    """

    def __init__(self, reason: SourceError) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Ending:
    """The result of an ffmpeg process that has ended."""

    code: int
    decoded_s: float
    last_lines: str  # the last errors that it logged
    several_errors: bool  # it logged more errors than a tag or a cut at the end causes

    def warning(self, recording: Recording) -> str:
        """What is missing from the captions; empty if nothing is.

        Raises:
            NothingDecoded: ffmpeg failed without decoding anything.
        """
        # ffmpeg exits with 0 even if the server broke off in the middle; only the errors that it logged show this.
        expected_s = recording.probe.duration_s or 0.0
        incomplete_with_errors = self.several_errors and self.decoded_s < expected_s - EARLY_S
        chance_s = CHANCE_S if self.code else NEXT_TO_NOTHING_S if incomplete_with_errors else 0.0
        if self.decoded_s < chance_s or (expected_s and not self.decoded_s):
            raise NothingDecoded(explain(self.last_lines))
        silence = f"{recording.silence_s:.1f} s are silent" if recording.silence_s else ""
        if recording.repair_error:
            silence = f"later captions may be too early, as the file could not be repaired: {recording.repair_error}"
        header_s = recording.probe.header_duration_s or 0.0
        if not self.code and self.decoded_s < header_s - EARLY_S:
            cut = f"the recording is cut off: its header says {header_s:.1f} s; the part that exists is captioned"
            return f"{cut}; it is also damaged ({silence})" if silence else cut
        early = self.last_lines and self.decoded_s < expected_s - EARLY_S
        # For a file on a server, ffmpeg also logs an error when it reconnects, and nothing is missing.
        several_errors = self.several_errors and not recording.remote
        # For an MP3 joined from several, it logs each tag, and only the length of the first one is known.
        if self.code or silence or ((early or several_errors) and not recording.intact):
            why = silence or self.last_lines or f"ffmpeg exited with code {self.code}"
            return f"the recording is damaged: parts of it could not be decoded, the rest is captioned ({why})"
        return ""
