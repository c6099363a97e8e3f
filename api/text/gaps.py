"""The gaps among the captions of a period, as files note them. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from wire.messages import Caption, Content

#: Gaps this close to each other are noted as one, in seconds.
_NEAR_S = 0.5


def within(captions: Iterable[Caption], from_s: float = -math.inf, to_s: float = math.inf) -> list[Caption]:
    """Captions in order, with gaps clipped to the period; successive gaps, which differ in their reasons, are one."""
    result: list[Caption] = []
    for caption in sorted(captions, key=lambda c: (c.start_s, c.id)):
        if caption.content is not Content.GAP:
            result.append(caption)
            continue
        gap = replace(caption, start_s=max(caption.start_s, from_s), end_s=min(caption.end_s, to_s))
        last = result[-1] if result else None
        if last and last.content is Content.GAP and gap.start_s - last.end_s < _NEAR_S:
            result[-1] = replace(last, end_s=max(last.end_s, gap.end_s))
        elif gap.end_s > gap.start_s:
            result.append(gap)
    return result
