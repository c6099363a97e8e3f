"""Gaps as files note them: within the period, and successive ones as one."""

from __future__ import annotations

from api.text.formats import txt, vtt
from api.text.gaps import within
from wire.messages import Caption, Content


def gap(start_s: float, end_s: float, reason: str = "shed") -> Caption:
    return Caption("stations/x", 2, 0, start_s, end_s, "", True, content=Content.GAP, reason=reason)


def said(start_s: float) -> Caption:
    return Caption("stations/x", 1, 0, start_s, start_s + 1, "Hej.", True)


def test_gaps_are_clipped_to_the_period() -> None:
    assert within([gap(1000, 8200), said(8250), gap(8300, 200_000)], 8000, 8400) == [
        gap(8000, 8200),
        said(8250),
        gap(8300, 8400),
    ]
    assert within([gap(10, 20)], 20, 30) == []


def test_successive_gaps_are_one() -> None:
    found = within([said(1), gap(4.5, 6), gap(2, 4.5, "failed"), gap(6, 8, "lost"), said(8), gap(9, 12)])
    assert found == [said(1), gap(2, 8, "failed"), said(8), gap(9, 12)]
    assert txt(found) == "Hej.\n\n[0:00:06 not captioned]\n\nHej.\n\n[0:00:03 not captioned]\n"
    assert "NOTE Not captioned:\n00:00:02.000 to 00:00:08.000\n00:00:09.000 to 00:00:12.000\n\n" in vtt(found)
