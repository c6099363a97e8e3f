"""Votes on a source's language: steady, and yet not stubborn."""

from __future__ import annotations

import pytest

from transcriber.language import Votes

SV, EN = {"sv": 0.95, "en": 0.05}, {"sv": 0.05, "en": 0.95}


def after(*votes: dict[str, float]) -> Votes:
    result = Votes()
    for vote in votes:
        result = result.after(vote)
    return result


def test_the_first_vote_decides() -> None:
    assert after(SV).language == "sv"
    assert after({"fi": 0.4, "et": 0.35, "sv": 0.25}).language == "fi"


def test_one_vote_turns_nothing_however_sure_it_is() -> None:
    assert after(SV, SV, SV, {"sv": 0.0, "en": 1.0}).language == "sv"
    assert after(SV, SV, EN, SV, EN, SV).language == "sv"


def test_a_new_programme_is_followed_within_three_chunks() -> None:
    assert after(*[SV] * 50, EN, EN).language == "en"
    unsure = {"sv": 0.3, "en": 0.7}
    assert after(*[SV] * 50, unsure, unsure, unsure).language == "en"


def test_doubt_keeps_what_there_is() -> None:
    doubt = {"sv": 0.45, "en": 0.55}
    assert after(SV, *[doubt] * 20).language == "sv"


def test_a_language_that_the_model_does_not_know_any_more_is_given_up() -> None:
    assert after({"fi": 1.0}, {"sv": 0.6, "en": 0.4}).language == "sv"


def test_votes_are_kept_and_read() -> None:
    votes = after(SV, EN, SV)
    assert Votes.decode(votes.encode()) == votes


@pytest.mark.parametrize("data", [None, b"", b"[]", b"{", b'{"scores": {"sv": "much"}}'])
def test_what_cannot_be_read_is_no_vote(data: bytes | None) -> None:
    assert Votes.decode(data) == Votes()


def test_faded_votes_are_forgotten() -> None:
    assert set(after({"fi": 0.2, "sv": 0.8}, *[SV] * 20).scores) == {"sv", "en"}
