"""Which captions are copied from a log next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.archive import copying
from api.archive.copying import SEARCHES, Archivist, read_next
from api.archive.query import expression
from api.archive.store import ArchiveError, LogPosition, Search
from wire.captions import CaptionLog
from wire.messages import Caption


def caption(id: int) -> Caption:
    return Caption("stations/p1", id, 0, 5.0 * id, 5.0 * id + 4, "storm", True, event=id)


class Growing(CaptionLog):
    """A log that has grown since its newest event was read."""

    def __init__(self, *captions: Caption) -> None:
        self.captions = captions

    def read(self, source: str, after: int = 0, limit: int = 1000) -> list[Caption]:
        return [each for each in self.captions if each.event > after][:limit]


def test_captions_committed_while_the_log_is_read_are_copied_next_time() -> None:
    log = Growing(*map(caption, (1, 2, 3)))
    assert read_next(log, "stations/p1", LogPosition(), 2) == (1, [caption(1), caption(2)])
    assert read_next(log, "stations/p1", LogPosition(1, 2), 3) == (1, [caption(3)])
    assert read_next(log, "stations/p1", LogPosition(1, 9), 2) == (2, [caption(1), caption(2)]), "it began anew"


def test_search_waits_only_so_long_for_slow_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "SEARCH_TIMEOUT_S", 0.0)
    unused: Any = None
    archivist = Archivist(tmp_path / "captions.sqlite", unused, unused, unused, keep_s=60.0)
    opened = archivist._open()
    wanted = Search(expression("storm"))
    for _ in range(SEARCHES - 1):
        archivist._searches.acquire()
    assert [archivist.search(wanted) for _ in range(2)] == [[], []], "each makes room for the next"
    archivist._searches.acquire()
    with pytest.raises(ArchiveError, match="other searches are slow"):
        archivist.search(wanted)
    opened.close()
