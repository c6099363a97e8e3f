"""Translating search queries into FTS5 expressions."""

from __future__ import annotations

import pytest

from api.archive.query import LIMIT, MAX_TERMS, expression, marks, spaced
from wire.errors import BadRequest


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("storm", '("storm")'),
        ("storm warning", '("storm") AND ("warning")'),
        ('"storm warning" coast', '("storm warning") AND ("coast")'),
        ('"storm warning', '("storm warning")'),
        ("storm*", '("storm"*)'),
        ('"storm warn"*', '("storm warn"*)'),
        ("storm OR gale rain", '("storm" OR "gale") AND ("rain")'),
        ("OR storm OR", '("storm")'),
        ("storm AND rain", '("storm") AND ("rain")'),
        ("storm -rain", '(("storm")) NOT ("rain")'),
        ("storm NOT rain -hail", '(("storm")) NOT ("rain" OR "hail")'),
        ("e-post, R&D!", '("e-post,") AND ("R&D!")'),
        ("天気", '(" 天  気 ")'),
        ("... storm ?", '("storm")'),
        ("storm\0warning", '("storm") AND ("warning")'),
    ],
)
def test_query_becomes_an_fts5_expression(query: str, expected: str) -> None:
    assert expression(query) == expected


@pytest.mark.parametrize("query", ["", "   ", '"', "...", "-storm", "*", "NOT storm"])
def test_query_without_a_word_is_rejected(query: str) -> None:
    with pytest.raises(BadRequest, match="no word to search for"):
        expression(query)


def test_query_that_is_too_long_is_rejected() -> None:
    with pytest.raises(BadRequest, match="longer than"):
        expression("a" * (LIMIT + 1))
    with pytest.raises(BadRequest, match="more than"):
        expression("a " * (MAX_TERMS + 1))


def test_marks_are_offsets_in_the_text() -> None:
    text = "a 天気 b"
    marked = spaced(text).replace("天  気", "[天  気]") + " said [next]"
    assert [text[start:stop] for start, stop in marks(text, marked, "[", "]")] == ["天気"]


def test_mark_that_continues_in_the_next_caption_ends_with_the_text() -> None:
    text = "says the prime"
    assert marks(text, "says the [prime minister]", "[", "]") == [(9, 14)]
