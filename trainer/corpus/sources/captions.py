"""Captions as Undertext's API gives them as JSON, which somebody has read and corrected, as cues.

They are those of a recording; or a station's of the time that its audio is of, in whose URLs `from` was the same.
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

#: A model that the captions do not name.
_UNNAMED = "a model"

#: Their times are those of words, which may be a tenth of a second early or late: so much of the silence around is
#: theirs, in seconds, or the half of it.
MARGIN_S = 0.2


def is_captions(path: Path) -> bool:
    """Whether a .json file holds those of a recording: others may lie there, such as what a downloader has written."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and "captions" in values and _times(values) is not None


def read_captions(path: Path) -> list[Cue]:
    """What is said, each caption with its own language; where audio was lost, or a text was taken away, no text.

    Raises:
        CuesError: they are none, not in UTF-8, a translation, or nobody says of which time the audio is.
    """
    try:
        values = json.loads(path.read_bytes())
        captions = [(Caption.from_dict(each), "corrected" in each) for each in values["captions"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CuesError(f"no captions: {error}") from error
    if values.get("task") == "translate":
        raise CuesError("a translation, and not what is said")
    from_s, to_s = _times(values) or (0.0, math.inf)
    if values["source"].startswith(f"{Kind.STATION}/") and math.isinf(to_s):
        raise CuesError("a station's, until now: ask for them and for their audio with the same from and the same to")
    return list(_with_margins([_cue(caption, from_s, to_s, says) for caption, says in captions if caption.final]))


def _times(values: dict[str, Any]) -> tuple[float, float] | None:
    """When the audio begins and ends on the source's clock; None, where nobody says."""
    kind = str(values.get("source")).partition("/")[0]
    from_s, to_s = values.get("from_s"), values.get("to_s", math.inf)
    if kind == Kind.STATION and isinstance(from_s, (int, float)) and isinstance(to_s, (int, float)):
        return from_s, to_s
    return (0.0, math.inf) if kind == Kind.JOB else None


def _cue(caption: Caption, from_s: float, to_s: float, says: bool) -> Cue:
    """A caption in the time of its audio; without its text where that has no more than a part of it.

    Args:
        says: whether it tells if somebody has corrected it; of an earlier version it does not.
    """
    is_whole = from_s <= caption.start_s and caption.end_s <= to_s
    text = caption.text if is_whole and caption.content is not Content.GAP else ""
    writer = None if not says else PERSON if caption.corrected else caption.model or _UNNAMED
    start_s, end_s = max(0.0, caption.start_s - from_s), caption.end_s - from_s
    return words_of(Cue(start_s, end_s, text, caption.language or "", writer))


def _with_margins(cues: Sequence[Cue]) -> Iterator[Cue]:
    silences_s = [max(0.0, cue.start_s - before.end_s) for before, cue in pairwise(cues)]
    margins_s = [min(MARGIN_S, silence_s / 2) for silence_s in silences_s]
    first_s = [min(MARGIN_S, cue.start_s) for cue in cues[:1]]
    for cue, before_s, behind_s in zip(cues, [*first_s, *margins_s], [*margins_s, 0.0], strict=True):
        yield replace(cue, start_s=cue.start_s - before_s, end_s=cue.end_s + behind_s)
