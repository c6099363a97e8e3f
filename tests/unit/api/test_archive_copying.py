"""Which captions are copied from a log next."""

from __future__ import annotations

from api.archive.copying import read_next
from api.archive.store import LogPosition
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
