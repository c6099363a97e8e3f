"""Captions as SubRip, WebVTT, plain text and JSON. Pure.

Players are strict where captions are not: text must not look like markup. `cues` decides what is shown and for how
long. SubRip has no specification; the output is what VLC, ffmpeg and the `srt` library agree on.
WebVTT: https://www.w3.org/TR/webvtt1/.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from api.text.cues import Cue, clean, cues
from wire.messages import Caption, Content

#: A pause that begins a new paragraph in plain text, in seconds.
PARAGRAPH_S = 2.0

#: Valid language tags of a cue.
_LANGUAGE = re.compile("[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Format:
    """A file format for captions.

    `render` takes captions in their newest revision, and the time that counts as zero.
    """

    media_type: str
    render: Callable[[Sequence[Caption], float], str]


def srt(captions: Sequence[Caption], origin_s: float = 0.0) -> str:
    """SubRip."""
    blocks = (
        f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n"
        # SubRip has no escapes; the arrow character looks the same and is parsed as text.
        + "".join(f"{line.replace('-->', '→')}\n" for line in cue.text)
        for number, cue in enumerate(cues(captions, origin_s), start=1)
    )
    return "\n".join(blocks)


def vtt(captions: Sequence[Caption], origin_s: float = 0.0) -> str:
    """WebVTT, with the time of every word inside its cue ("cue timestamps"), as for karaoke.

    Words that the specification allows no timestamp share the cue's start: the first one, and those spoken before the
    cue begins.

    A comment has the start of a file of a live source, and whether earlier captions precede it. Another one lists the
    languages, most frequent first, as the specification has no header for them; cues in any but the first are marked,
    too, for browsers. A third one lists the times of lost audio. Cues have no settings: browsers place such cues at
    the bottom, centred, and clear of the player's controls. The grammar requires a blank line after the header even
    if no cue follows.
    """
    vtt_cues = cues(captions, origin_s)
    languages = _languages(vtt_cues)
    main = languages[0] if languages else ""
    header = "WEBVTT\n\n"
    if languages:
        header += f"NOTE Language: {', '.join(languages)}\n\n"
    if origin_s and captions:
        begin = datetime.fromtimestamp(origin_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        header += f"NOTE Begins: {begin}{'' if captions[0].id == 1 else ', after earlier captions'}\n\n"
    if lost := _gaps(captions, origin_s):
        header += f"NOTE Not captioned:\n{lost}\n"
    return header + blocks(vtt_cues, main)


def blocks(vtt_cues: Sequence[Cue], main: str) -> str:
    """Cues as the body of a WebVTT file.

    Args:
        main: the language of cues that are not marked; empty: every cue is marked.
    """
    return "\n".join(
        f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{_marked_up(cue, main)}\n" for cue in vtt_cues
    )


def txt(captions: Sequence[Caption], origin_s: float = 0.0) -> str:
    """Plain text: one line per caption, an empty line where there was a pause, and a note where audio was lost."""
    lines: list[str] = []
    end_s, after_gap = 0.0, False
    for caption in sorted(captions, key=lambda c: (c.start_s, c.id)):
        is_gap = caption.content is Content.GAP
        text = _lost(caption) if is_gap else clean(caption.text)
        if not text:
            continue
        if lines and (is_gap or after_gap or caption.start_s - end_s >= PARAGRAPH_S):
            lines.append("")
        lines.append(text)
        end_s, after_gap = caption.end_s, is_gap
    return "".join(f"{line}\n" for line in lines)


def document(captions: Sequence[Caption], about: Mapping[str, Any]) -> str:
    """A JSON object: the fields of `about`, and the captions with their times on the source's own clock."""
    # One by one: no other thread runs while `json` encodes, which takes a second for a day's captions.
    encoded = ", ".join(dumps(caption.as_dict()) for caption in captions)
    return dumps({**about, "captions": []}).removesuffix("]}") + encoded + "]}"


def stamp(unix_s: float) -> str:
    """A Unix time for file names, in UTC."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H%M%SZ")


def dumps(values: Any) -> str:
    """JSON that can be encoded as UTF-8, even if a text contains lone surrogates."""
    text = json.dumps(values, ensure_ascii=False)
    return text.encode(errors="replace").decode()


#: By file extension; `document` is the fourth, json.
FORMATS = {
    "srt": Format("application/x-subrip", srt),
    "vtt": Format("text/vtt", vtt),
    "txt": Format("text/plain", txt),
}


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"


def _gaps(captions: Sequence[Caption], origin_s: float) -> str:
    """The times of lost audio, one gap per line."""
    gaps = (c for c in captions if c.content is Content.GAP and c.end_s > max(c.start_s, origin_s))
    times = (
        [_clock(max(0, round((time_s - origin_s) * 1000)), ".") for time_s in (gap.start_s, gap.end_s)] for gap in gaps
    )
    return "".join(f"{start} to {end}\n" for start, end in times)


def _lost(gap: Caption) -> str:
    """A note for a gap; empty if it is no longer than a pause."""
    duration_s = gap.end_s - gap.start_s
    return f"[{timedelta(seconds=int(duration_s + 0.5))} not captioned]" if duration_s >= PARAGRAPH_S else ""


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _languages(vtt_cues: Sequence[Cue]) -> list[str]:
    """The languages of the cues, most frequent first."""
    counted = Counter(cue.language for cue in vtt_cues if cue.language and _LANGUAGE.fullmatch(cue.language))
    return [language for language, _ in counted.most_common()]


def _marked_up(cue: Cue, main: str) -> str:
    """The text of a WebVTT cue. Its timestamps increase, and lie strictly between the cue's start and end."""
    lines, shown_ms = [], cue.start_ms
    for line in cue.lines:
        words = []
        for piece in line:
            word = _escape(piece.text)
            if cue.exact and shown_ms < piece.start_ms < cue.end_ms:
                shown_ms = piece.start_ms
                word = f"<{_clock(shown_ms, '.')}>{word}"
            words.append(word)
        lines.append(cue.separator.join(words))
    text = "\n".join(lines)
    other = cue.language and cue.language != main and _LANGUAGE.fullmatch(cue.language)
    return f"<lang {cue.language}>{text}</lang>" if other else text
