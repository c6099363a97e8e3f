"""Merges what the archive and the log have of a station into one list of captions. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

from wire.messages import Caption, Content

#: Most captions at once: somewhat more than a day's.
LIMIT = 20_000

#: Captions by the life of their source, and their id.
CaptionsById = dict[tuple[int, int], Caption]


@dataclass(frozen=True, slots=True)
class Period:
    """A period to read captions of.

    Attributes:
        from_s, to_s: on the source's clock; captions overlap the period.
        first: lowest id of those that begin at `from_s`; earlier ones are then omitted: how a next page starts.
        limit: most captions.
    """

    from_s: float = -math.inf
    to_s: float = math.inf
    first: int = 0
    limit: int = LIMIT


@dataclass(frozen=True, slots=True)
class CaptionPage:
    """Captions in order.

    Attributes:
        next: the first caption of the next page; None if there is none.
        complete: these are all captions of that time so far: the ids are consecutive, from the caption before the
            period, or the station's first, to the next one after it.
        event: the newest of the station's log.
    """

    captions: list[Caption]
    next: Caption | None
    complete: bool
    event: int


def merge(kept: CaptionsById, fresh: CaptionsById, period: Period, event: int) -> CaptionPage:
    """The final captions and the gaps of a period, each once.

    Args:
        kept: from the archive: those of the period, and their neighbours.
        fresh: from the log, in their newest revision, also provisional ones; they replace those in `kept`.
        event: the newest of the log.
    """
    begin, end = (period.from_s, period.first), (period.to_s, 0)
    final = {key: caption for key, caption in fresh.items() if caption.final}
    # The same caption is in two lives if Redis had lost what followed it.
    known = {_position(caption): caption for _, caption in sorted((kept | final).items()) if _exists(caption)}
    ordered = sorted(known.values(), key=_position)
    start = bisect_left(ordered, begin, key=_position)
    if not period.first:
        while start and ordered[start - 1].end_s > period.from_s:
            start -= 1
    stop = bisect_left(ordered, end, lo=start, key=_position)
    page_stop = min(stop, start + period.limit)
    run = [caption.id for caption in ordered[max(0, start - 1) : page_stop + 1]]
    whole = (run[0] == 1 or start > 0) if run else not event
    pending = any(not caption.final and _exists(caption) and _overlaps(caption, period) for caption in fresh.values())
    complete = whole and all(id + 1 == next_id for id, next_id in pairwise(run)) and not pending
    return CaptionPage(
        ordered[start:page_stop],
        ordered[page_stop] if page_stop < stop else None,
        complete and not period.first and page_stop == stop,
        event,
    )


def _position(caption: Caption) -> tuple[float, int]:
    return caption.start_s, caption.id


def _exists(caption: Caption) -> bool:
    """Return True if a caption exists: without a text it was withdrawn, unless it is a gap."""
    return bool(caption.text) or caption.content is Content.GAP


def _overlaps(caption: Caption, period: Period) -> bool:
    return caption.start_s < period.to_s and caption.end_s > period.from_s
