"""Captions of a recording as Undertext's API gives them as JSON, which somebody has read and corrected, as cues."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from trainer.corpus.sources.cues import Cue, CuesError, spoken
from wire.messages import Caption, Content, Kind

#: Their times are those of words, which may be a tenth of a second early or late: so much of the silence around is
#: theirs, in seconds, or the half of it.
MARGIN_S = 0.2


def is_captions(path: Path) -> bool:
    """Whether a .json file holds those of a recording: others may lie there, such as what a downloader has written."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and "captions" in values and str(values.get("source")).startswith(f"{Kind.JOB}/")


def read_captions(path: Path) -> list[Cue]:
    """What is said, each caption with its own language; where audio was lost, or a text was taken away, no text.

    Raises:
        CuesError: they are none, not in UTF-8, or a translation.
    """
    try:
        values = json.loads(path.read_bytes())
        captions = [Caption.from_dict(each) for each in values["captions"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CuesError(f"no captions: {error}") from error
    if values.get("task") == "translate":
        raise CuesError("a translation, and not what is said")
    return list(_with_margins([_cue(caption) for caption in captions if caption.final]))


def _cue(caption: Caption) -> Cue:
    text = "" if caption.content is Content.GAP else spoken(caption.text)
    return Cue(caption.start_s, caption.end_s, text, caption.language or "")


def _with_margins(cues: Sequence[Cue]) -> Iterator[Cue]:
    silences_s = [max(0.0, cue.start_s - before.end_s) for before, cue in pairwise(cues)]
    margins_s = [min(MARGIN_S, silence_s / 2) for silence_s in silences_s]
    first_s = [min(MARGIN_S, cue.start_s) for cue in cues[:1]]
    for cue, before_s, behind_s in zip(cues, [*first_s, *margins_s], [*margins_s, 0.0], strict=True):
        yield replace(cue, start_s=cue.start_s - before_s, end_s=cue.end_s + behind_s)
