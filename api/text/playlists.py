"""The files of HLS: playlists, segments of sound, and segments of captions in time with them. Pure.

All times of a station are on one clock, the one that players use for media: Unix time, in 90,000 ticks a second,
wrapping around every 2^33 ticks, after 26 and a half hours. Packed audio contains the tick at which it begins, and
captions declare that they use the same ticks.

Source: RFC 8216, 3.4 (packed audio), 3.5 (WebVTT), 4.3 (tags).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from api.text.cues import cues
from api.text.formats import blocks
from wire.broadcast import SEGMENT_S, Segment
from wire.messages import Caption

MEDIA_TYPE = "application/vnd.apple.mpegurl"

TICKS_PER_S, _CYCLE_TICKS = 90_000, 1 << 33

#: By a segment's format: its media type, and the codec's name (RFC 6381).
SOUNDS = {"aac": ("audio/aac", "mp4a.40.2"), "mp3": ("audio/mpeg", "mp4a.40.34")}

#: Captions are listed this long after the following ones are final, in seconds: until then their cues may change.
_SETTLE_S = 5.0

#: Older segments are listed in any case, in seconds.
_MAX_WAIT_S = 30.0

_OWNER = b"com.apple.streaming.transportStreamTimestamp\0"


def ready(segments: Sequence[Segment], final_s: float, now_s: float) -> list[Segment]:
    """The segments whose captions will not change.

    Args:
        final_s: the Unix time up to which captions are final.
    """
    until_s = max(final_s - _SETTLE_S, now_s - _MAX_WAIT_S)
    return [segment for segment in segments if segment.end_s <= until_s]


def final_until(captions: Sequence[Caption], captioned_s: float) -> float:
    """The Unix time up to which captions are final.

    Args:
        captions: the newest ones, in their newest revisions.
        captioned_s: the Unix time up to which audio is captioned.
    """
    return min([captioned_s, *(caption.start_s for caption in captions if caption.text and not caption.final)])


def main_playlist(segments: Sequence[Segment], language: str | None) -> str:
    """The playlist that a player reads first: it names the sound and its captions."""
    bits_per_s = max(8 * segment.n_bytes / segment.duration_s for segment in segments)
    _, codec = SOUNDS[segments[-1].format]
    spoken = f'LANGUAGE="{language}",' if language else ""
    return (
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="Captions",{spoken}DEFAULT=YES,AUTOSELECT=YES,FORCED=NO,'
        'CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog",URI="captions.m3u8"\n'
        f'#EXT-X-STREAM-INF:BANDWIDTH={math.ceil(bits_per_s)},CODECS="{codec}",SUBTITLES="captions"\nsound.m3u8\n'
    )


def playlist(segments: Sequence[Segment], ending: str | None = None) -> str:
    """The playlist of the sound, or of another rendition with the same times.

    Args:
        ending: file extension of the segments; None: their formats.
    """
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:6",
        f"#EXT-X-TARGETDURATION:{math.ceil(SEGMENT_S)}",
        f"#EXT-X-MEDIA-SEQUENCE:{segments[0].number}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{segments[0].run}",
    ]
    run = segments[0].run
    for segment in segments:
        if segment.run != run:
            lines.append("#EXT-X-DISCONTINUITY")
            run = segment.run
        begin = datetime.fromtimestamp(segment.start_s, UTC).isoformat(timespec="milliseconds")
        lines += [
            f"#EXT-X-PROGRAM-DATE-TIME:{begin}",
            f"#EXTINF:{segment.duration_s:.5f},",
            f"{segment.number}.{ending or segment.format}",
        ]
    return "\n".join([*lines, ""])


def sound(segment: Segment, data: bytes) -> bytes:
    """A segment's sound, preceded by an ID3 tag with its start time."""
    owned = _OWNER + (_ticks(segment) % _CYCLE_TICKS).to_bytes(8, "big")
    frame = b"PRIV" + _seven_bits(len(owned)) + b"\0\0" + owned
    return b"ID3\4\0\0" + _seven_bits(len(frame)) + frame + data


def captions(segment: Segment, surrounding: Sequence[Caption]) -> str:
    """The captions shown during a segment, as WebVTT. A cue that spans two segments is in both.

    Args:
        surrounding: the captions of that time, and of enough time before and after it that the next segment has the
            same cues.
    """
    origin_s = _ticks(segment) // _CYCLE_TICKS * _CYCLE_TICKS / TICKS_PER_S
    begin_ms, end_ms = (round(1000 * (time_s - origin_s)) for time_s in (segment.start_s, segment.end_s))
    shown = [cue for cue in cues(surrounding, origin_s, live=True) if cue.start_ms < end_ms and cue.end_ms > begin_ms]
    return f"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n{blocks(shown, '')}"


def _ticks(segment: Segment) -> int:
    """The Unix time at which a segment begins, in ticks."""
    return round(segment.start_s * TICKS_PER_S)


def _seven_bits(number: int) -> bytes:
    """A number in four bytes of seven bits each."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))
