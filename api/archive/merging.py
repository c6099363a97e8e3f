"""What the archive has of a station, and what its log has beside, as one stretch of captions. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

from wire.messages import Caption, Content

#: Most captions at once: somewhat more than are said in a day.
LIMIT = 20_000

#: Captions by the life of their source, and their id.
Kept = dict[tuple[int, int], Caption]


@dataclass(frozen=True, slots=True)
class Period:
    """The time in which captions are looked for.

    Attributes:
        from_s, to_s: on the source's clock; captions overlap it.
        first: of those that begin at `from_s`, those of this id or a higher one, and none that began before: how the
            next page begins.
        limit: most captions.
    """

    from_s: float = -math.inf
    to_s: float = math.inf
    first: int = 0
    limit: int = LIMIT


@dataclass(frozen=True, slots=True)
class Stretch:
    """Captions in their order.

    Attributes:
        next: the first one of the next page; None, if there is none.
        complete: they are all there were in that time so far: ids run on without a break from the caption before
            it, or the station's first, to the next behind it.
        event: the newest of the station's log.
    """

    captions: list[Caption]
    next: Caption | None
    complete: bool
    event: int


def stretch(kept: Kept, fresh: Kept, period: Period, event: int) -> Stretch:
    """The final captions and the gaps of a period, each once.

    Args:
        kept: of the archive: those of the period, and their neighbours.
        fresh: of the log, in their newest revision, provisional ones too: they replace those that are kept.
        event: the newest of the log.
    """
    begin, end = (period.from_s, period.first), (period.to_s, 0)
    final = {key: caption for key, caption in fresh.items() if caption.final}
    # The same caption is in two lives where Redis had lost what came behind it.
    known = {_place(caption): caption for _, caption in sorted((kept | final).items()) if _says(caption)}
    ordered = sorted(known.values(), key=_place)
    start = bisect_left(ordered, begin, key=_place)
    if not period.first:
        while start and ordered[start - 1].end_s > period.from_s:
            start -= 1
    stop = bisect_left(ordered, end, lo=start, key=_place)
    page_stop = min(stop, start + period.limit)
    run = [caption.id for caption in ordered[max(0, start - 1) : page_stop + 1]]
    whole = (run[0] == 1 or start > 0) if run else not event
    pending = any(not caption.final and _says(caption) and _overlaps(caption, period) for caption in fresh.values())
    complete = whole and all(id + 1 == next_id for id, next_id in pairwise(run)) and not pending
    return Stretch(
        ordered[start:page_stop],
        ordered[page_stop] if page_stop < stop else None,
        complete and not period.first and page_stop == stop,
        event,
    )


def _place(caption: Caption) -> tuple[float, int]:
    return caption.start_s, caption.id


def _says(caption: Caption) -> bool:
    """Whether it is there at all: one without a text was withdrawn, unless it says that audio was lost."""
    return bool(caption.text) or caption.content is Content.GAP


def _overlaps(caption: Caption, period: Period) -> bool:
    return caption.start_s < period.to_s and caption.end_s > period.from_s
