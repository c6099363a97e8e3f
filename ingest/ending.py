"""How the decoding of a recording ended, and what its captions lack because of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.probe import explain
from wire.errors import SourceError

if TYPE_CHECKING:
    from ingest.recording import Recording

#: A recording that ends so much earlier than its header says was cut off, in seconds.
EARLY_S = 2.0

#: So little may come of any bytes, some of which look like frames of MP3, where ffmpeg failed; and where it only
#: complained, as version 7 does of what it could decode next to nothing of. In seconds.
CHANCE_S, NEXT_TO_NOTHING_S = 1.0, 0.25


class NothingDecoded(Exception):
    """ffmpeg failed, and what it decoded is nothing.

    Attributes:
        reason: what to tell the user.
    """

    def __init__(self, reason: SourceError) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of an ffmpeg that has ended."""

    code: int
    decoded_s: float
    last_lines: str  # of what it complained of
    stumbled: bool  # over more than a tag or a cut at the end

    def warning(self, recording: Recording) -> str:
        """What the captions lack; empty if nothing.

        Raises:
            NothingDecoded: ffmpeg failed, and what it decoded is nothing.
        """
        # ffmpeg ends with 0 even where a server broke off in the middle; what it complained of tells.
        expected_s = recording.probe.duration_s or 0.0
        stumbled_early = self.stumbled and self.decoded_s < expected_s - EARLY_S
        chance_s = CHANCE_S if self.code else NEXT_TO_NOTHING_S if stumbled_early else 0.0
        if self.decoded_s < chance_s or (expected_s and not self.decoded_s):
            raise NothingDecoded(explain(self.last_lines))
        silence = f"{recording.silence_s:.1f} s are silent" if recording.silence_s else ""
        if recording.unmended:
            silence = f"what follows may come too early, for it could not be mended: {recording.unmended}"
        promised_s = recording.probe.promised_s or 0.0
        if not self.code and self.decoded_s < promised_s - EARLY_S:
            cut = f"the recording is cut off: its header says {promised_s:.1f} s; captioned as far as it goes"
            return f"{cut}; it is also damaged ({silence})" if silence else cut
        early = self.last_lines and self.decoded_s < expected_s - EARLY_S
        # Of a file on a server, ffmpeg also complains when it connects anew, and nothing is missing.
        stumbled = self.stumbled and not recording.remote
        # And of each tag in an MP3 that was joined of several, where only the first one's length is known.
        if self.code or silence or ((early or stumbled) and not recording.whole):
            why = silence or self.last_lines or f"ffmpeg ended with code {self.code}"
            return f"the recording is damaged: parts of it could not be decoded, the rest is captioned ({why})"
        return ""
