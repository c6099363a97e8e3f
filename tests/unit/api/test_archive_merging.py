"""Merging the captions of the archive and of the log."""

from __future__ import annotations

import dataclasses

import pytest

from api.archive.merging import CaptionPage, CaptionsById, Period, merge
from wire.messages import Caption, Content


def caption(id: int, text: str = "storm", *, start_s: float = 0.0, final: bool = True, revision: int = 0) -> Caption:
    start_s = start_s or 1000.0 + 5 * id
    return Caption("stations/p1", id, revision, start_s, start_s + 4, text, final, "sv", event=id)


def gap(id: int) -> Caption:
    return dataclasses.replace(caption(id, ""), content=Content.GAP, reason="away")


def of(*captions: Caption, life: int = 1) -> CaptionsById:
    return {(life, each.id): each for each in captions}


def ids(found: CaptionPage) -> list[int]:
    return [each.id for each in found.captions]


def test_each_caption_is_read_once_across_archive_and_log() -> None:
    kept, fresh = of(*map(caption, (1, 2, 3))), of(caption(3, "orkan", revision=1), caption(4))
    found = merge(kept, fresh, Period(), 4)
    assert [(each.id, each.text) for each in found.captions] == [(1, "storm"), (2, "storm"), (3, "orkan"), (4, "storm")]
    assert found.complete


def test_withdrawn_captions_are_omitted_and_gaps_are_kept() -> None:
    kept, fresh = of(caption(1), gap(2), caption(3)), of(caption(3, ""), gap(4), caption(5, "", final=False))
    assert ids(merge(kept, fresh, Period(), 5)) == [1, 2, 4]


def test_provisional_captions_are_omitted_and_make_only_their_period_incomplete() -> None:
    kept, fresh = of(caption(1)), of(caption(2, final=False))
    assert (ids(found := merge(kept, fresh, Period(), 2)), found.complete) == ([1], False)
    assert merge(kept, fresh, Period(to_s=1009.0), 2).complete
    growing = of(dataclasses.replace(gap(2), final=False))
    assert (ids(found := merge(kept, growing, Period(), 2)), found.complete) == ([1], False)


def test_restarted_log_neither_withdraws_nor_repeats_captions() -> None:
    kept = of(caption(1), caption(2), caption(3))
    again = of(caption(2), caption(3, "orkan", start_s=1016.0), life=2)
    found = merge(kept, again, Period(), 2)
    assert [(each.id, each.text) for each in found.captions] == [(1, "storm"), (2, "storm"), (3, "storm"), (3, "orkan")]
    assert not found.complete


@pytest.mark.parametrize(
    ("from_s", "to_s", "expected"),
    [
        (1009.0, 1010.0, []),
        (1008.9, 1010.1, [1, 2]),
        (1010.0, 1015.0, [2]),
        (1011.0, 1012.0, [2]),
        (0.0, 1000.0, []),
        (1030.0, 1040.0, []),
    ],
)
def test_captions_overlap_the_period(from_s: float, to_s: float, expected: list[int]) -> None:
    found = merge(of(*map(caption, (1, 2, 3))), {}, Period(from_s, to_s), 3)
    assert (ids(found), found.complete) == (expected, True)


def test_pages_contain_each_caption_once_even_if_two_overlap() -> None:
    said = of(caption(1), caption(2), caption(3, start_s=1012.0), caption(4, start_s=1012.0), caption(5))
    seen, period = [], Period(1011.0, limit=1)
    for _ in range(4):
        found = merge(said, {}, period, 5)
        seen.append((ids(found), found.complete))
        if found.next:
            period = Period(found.next.start_s, first=found.next.id, limit=1)
    assert seen == [([2], False), ([3], False), ([4], False), ([5], False)]
    assert found.next is None


def test_page_is_complete_if_ids_are_consecutive_including_neighbours() -> None:
    period = Period(1020.0, 1025.0)
    for said, complete in (((3, 4, 5), True), ((4, 5), False), ((2, 4, 5), False), ((3, 4, 6), False), ((3, 6), False)):
        assert merge(of(*map(caption, said)), {}, period, 6).complete is complete, said
    assert merge({}, {}, period, 0).complete, "nothing was ever said"
    assert not merge({}, {}, period, 9).complete, "what was said is kept no longer"
