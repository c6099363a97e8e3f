"""Votes on a source's language: stable, but able to change."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcriber.language import DOUBT, LEAD, MAX_CANDIDATES, WHOLE_VOTE_S, Votes, candidates

SV, EN = {"sv": 0.95, "en": 0.05}, {"sv": 0.05, "en": 0.95}


def after(*votes: dict[str, float], speech_s: float = 4.0) -> Votes:
    result = Votes()
    for vote in votes:
        result = result.after(vote, speech_s)
    return result


def test_first_vote_sets_the_language() -> None:
    assert after(SV).language == "sv"
    assert after({"fi": 0.4, "et": 0.35, "sv": 0.25}).language == "fi"
    assert after(EN, speech_s=0.3).language == "en", "whatever its length"


def test_one_vote_never_changes_the_language() -> None:
    assert after(SV, SV, SV, {"sv": 0.0, "en": 1.0}).language == "sv"
    assert after(SV, SV, EN, SV, EN, SV).language == "sv"
    assert after(SV, SV, {"sv": 0.0, "en": 1.0}, speech_s=25.0).language == "sv", "however long it is"
    sure = {"sv": 0.999}
    assert after(*[sure] * 8, {"en": 1.0}).language == "sv", "if the other one is too unlikely to be listed"


def test_new_programme_changes_the_language_within_three_chunks() -> None:
    assert after(*[SV] * 50, EN, EN).language == "en"
    unsure = {"sv": 0.3, "en": 0.7}
    assert after(*[SV] * 50, unsure, unsure, unsure).language == "en"


def test_doubtful_chunks_do_not_change_the_language() -> None:
    doubt = {"sv": 0.45, "en": 0.55}
    assert after(SV, *[doubt] * 20).language == "sv"


def test_few_words_of_another_language_do_not_change_the_language_in_any_number_of_chunks() -> None:
    votes = after(*[SV] * 50)
    for speech_s in (0.9, 0.3, 0.4, 0.2):  # less than a whole vote together
        votes = votes.after({"sv": 0.0, "en": 1.0}, speech_s)
        assert votes.language == "sv"


def test_chunk_without_speech_does_not_vote() -> None:
    votes = after(SV, SV)
    assert votes.after(EN, 0.0) is votes
    assert votes.after({}, 4.0) is votes


def test_first_word_does_not_fix_the_language() -> None:
    votes = Votes().after(EN, 0.3)
    assert votes.after(SV, 4.0).language == "sv"


def test_language_that_the_model_no_longer_supports_is_replaced() -> None:
    assert after({"fi": 1.0}, *[{"sv": 0.6, "en": 0.4}] * 2).language == "sv"


def test_configured_language_is_contradicted_only_with_certainty() -> None:
    sure = {"sv": 0.99, "en": 0.01}
    assert [after(*[sure] * chunks).contradiction("en") for chunks in (1, 2, 3, 4)] == [None, None, None, "sv"]
    assert after(*[sure] * 9).contradiction("sv") is None
    assert after(*[sure] * 9, {"sv": 0.4, "en": 0.6}).contradiction("en") is None, "the language may have changed"
    assert after(*[{"sv": 0.8, "no": 0.2}] * 9).contradiction("no") is None, "it may be either"


@pytest.mark.parametrize(("told", "heard"), [("nn", "no"), ("sr", "hr"), ("ms", "id"), ("ur", "hi")])
def test_similar_languages_do_not_contradict_each_other(told: str, heard: str) -> None:
    votes = after(*[{heard: 1.0}] * 9)
    assert (votes.contradiction(told), votes.contradiction("de")) == (None, heard)


def test_votes_survive_a_round_trip() -> None:
    votes = after(SV, EN, SV)
    assert Votes.from_dict(json.loads(json.dumps(votes.as_dict()))) == votes


def test_faded_votes_are_forgotten() -> None:
    assert set(after({"fi": 0.2, "sv": 0.8, "en": 0.0}, *[SV] * 20).shares) == {"sv", "en"}


@given(
    before=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=10),
    bits_s=st.lists(st.floats(0.0, 2.0), max_size=8),
)
def test_less_than_two_seconds_of_another_language_never_change_the_language(
    before: list[float], bits_s: list[float]
) -> None:
    """With any history: once one language leads clearly, a little of another changes nothing."""
    votes = Votes()
    for p in before:
        votes = votes.after({"sv": p, "en": 1.0 - p}, WHOLE_VOTE_S)
    lead = votes.shares.get("sv", 0.0) - votes.shares.get("en", 0.0)
    language = votes.language
    if abs(lead) < 1.0 - LEAD or sum(bits_s) > 1.0:
        return
    for bit_s in bits_s:
        votes = votes.after({language: 0.0, {"sv": "en", "en": "sv"}[language or ""]: 1.0}, bit_s)  # type: ignore[dict-item]
        assert votes.language == language


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 6.0)), max_size=20))
def test_votes_are_shares(history: list[tuple[float, float]]) -> None:
    votes = Votes()
    for p, speech_s in history:
        votes = votes.after({"sv": p, "en": 1.0 - p}, speech_s)
        assert sum(votes.shares.values()) <= 1.0 + 1e-3


# --- candidates -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ({"sv": 1.0}, ["sv"]),
        ({"en": 0.04, "sv": 0.96}, ["sv"]),
        ({"en": 0.06, "sv": 0.94}, ["sv", "en"]),
        ({"da": 0.3, "en": 0.01, "no": 0.39, "sv": 0.3}, ["no", "da", "sv"]),
        ({"da": 0.2, "nn": 0.2, "no": 0.2, "sv": 0.4}, ["sv", "da", "nn"]),
        (dict.fromkeys(("da", "en", "no", "sv"), 0.01), ["da"]),
        ({}, []),
    ],
)
def test_doubtful_language_has_several_candidates(probabilities: dict[str, float], expected: list[str]) -> None:
    assert candidates(probabilities) == expected


@given(st.dictionaries(st.sampled_from(["sv", "en", "da", "no", "fi"]), st.floats(0.0, 1.0), min_size=1))
def test_candidates_are_the_likeliest(probabilities: dict[str, float]) -> None:
    found = candidates(probabilities)
    assert 1 <= len(found) <= MAX_CANDIDATES
    assert probabilities[found[0]] == max(probabilities.values())
    assert all(probabilities[language] >= DOUBT for language in found[1:])
