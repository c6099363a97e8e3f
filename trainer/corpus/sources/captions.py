"""Reads captions in the JSON format of Undertext's API, corrected on the page, as cues.

They belong to an uploaded recording, or to the audio of a station that was downloaded with the same `from`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from trainer.corpus.sources.cues import PERSON, Cue, CuesError, words_of
from wire.messages import Caption, Content, Kind

#: Stands for a model that the captions do not name.
_UNNAMED = "a model"

#: Captions have the times of their words, which may be off by a tenth of a second: each is extended into the silence
#: around it by this many seconds, or by half of the silence if that is shorter.
MARGIN_S = 0.2


def is_captions(path: Path) -> bool:
    """Whether a .json file contains our captions, rather than, say, the metadata of a downloader."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and "captions" in values and _times(values) is not None


def read_captions(path: Path) -> list[Cue]:
    """Return the captions as cues with their languages; without text where audio was lost or a text was removed.

    Raises:
        CuesError: the file has no captions, is not in UTF-8, is a translation, or the time of its audio is unknown.
    """
    try:
        values = json.loads(path.read_bytes())
        captions = [(Caption.from_dict(value), "corrected" in value) for value in values["captions"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CuesError(f"not captions: {error}") from error
    if values.get("task") == "translate":
        raise CuesError("a translation, not a transcript")
    from_s, to_s = _times(values) or (0.0, math.inf)
    if values["source"].startswith(f"{Kind.STATION}/") and math.isinf(to_s):
        raise CuesError("a station's, without an end: fetch them and their audio with the same from and to")
    return list(
        _with_margins([_cue(caption, from_s, to_s, has_writer) for caption, has_writer in captions if caption.final])
    )


def _times(values: dict[str, Any]) -> tuple[float, float] | None:
    """Return the start and end of the audio on the source's clock; None if unknown."""
    kind = str(values.get("source")).partition("/")[0]
    from_s, to_s = values.get("from_s"), values.get("to_s", math.inf)
    if kind == Kind.STATION and isinstance(from_s, (int, float)) and isinstance(to_s, (int, float)):
        return from_s, to_s
    return (0.0, math.inf) if kind == Kind.JOB else None


def _cue(caption: Caption, from_s: float, to_s: float, has_writer: bool) -> Cue:
    """Return a caption on the clock of its audio; without its text if the audio has only a part of it.

    Args:
        has_writer: whether it says if a person corrected it; captions of older versions do not.
    """
    is_whole = from_s <= caption.start_s and caption.end_s <= to_s
    text = caption.text if is_whole and caption.content is not Content.GAP else ""
    writer = None if not has_writer else PERSON if caption.corrected else caption.model or _UNNAMED
    start_s, end_s = max(0.0, caption.start_s - from_s), caption.end_s - from_s
    return words_of(Cue(start_s, end_s, text, caption.language or "", writer))


def _with_margins(cues: Sequence[Cue]) -> Iterator[Cue]:
    silences_s = [max(0.0, cue.start_s - previous.end_s) for previous, cue in pairwise(cues)]
    margins_s = [min(MARGIN_S, silence_s / 2) for silence_s in silences_s]
    first_s = [min(MARGIN_S, cue.start_s) for cue in cues[:1]]
    for cue, before_s, after_s in zip(cues, [*first_s, *margins_s], [*margins_s, 0.0], strict=True):
        yield replace(cue, start_s=cue.start_s - before_s, end_s=cue.end_s + after_s)
