from __future__ import annotations

from api.captions import language_of
from wire.messages import Caption


def _caption(start_s: float, end_s: float, text: str, language: str | None) -> Caption:
    return Caption("jobs/x", 1, 0, start_s, end_s, text, True, language)


def test_a_recording_is_in_the_language_that_is_spoken_longest() -> None:
    found = [
        _caption(0, 2, "Hej.", "sv"),
        _caption(2, 4, "Bye.", "en"),
        _caption(4, 5, "Hej då.", "sv"),
        _caption(5, 60, "", "en"),
    ]
    assert language_of(found) == "sv"


def test_where_nothing_is_said_there_is_no_language() -> None:
    assert language_of([]) is None
    assert language_of([_caption(0, 9, "", "sv"), _caption(9, 12, "Hm.", None)]) is None
