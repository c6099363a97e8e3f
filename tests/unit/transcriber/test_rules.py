"""Rules against invented text, on synthetic hypotheses: what is rejected, and above all what is accepted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from transcriber import phrases
from transcriber.engine import Hypothesis
from transcriber.rules import (
    COMPRESSION_RATIO,
    REMEMBERED,
    Reason,
    SpokenText,
    compression_ratio,
    doubtful,
    judge,
    remember,
    repeats,
    without_loop,
)
from wire.messages import Word


def heard(text: str, *, word_s: float = 0.3, start_s: float = 0.5, **changes: object) -> Hypothesis:
    """A hypothesis with successive words, in which the model is confident unless `changes` say otherwise."""
    spoken = text.split()
    words = tuple(
        Word(word, round(start_s + word_s * n, 3), round(start_s + word_s * (n + 1), 3), 0.95)
        for n, word in enumerate(spoken)
    )
    sure = Hypothesis(words, text, "sv", mean_log_probability=-0.2, no_speech_probability=0.01, tokens=2 * len(spoken))
    return replace(sure, **changes)  # type: ignore[arg-type]


#: Signs of doubt, none of which is sufficient for silence.
DOUBTS: list[dict[str, object]] = [
    {"mean_log_probability": -0.7},
    {"no_speech_probability": 0.88, "mean_log_probability": -0.38},
    {"truncated": True},
]

TALK = [
    "Regeringen lägger fram ett nytt förslag i dag.",
    "No, no, no, no, no, that is wrong.",
    "Och han sade: tack för att ni tittade, och så gick han.",
    "Mål! Mål! Mål! Mål! Mål! säger han.",
    "Numret är noll åtta fem fem fem fem noll noll.",
    "It was very, very, very good, very good, very good.",
    "Undertexter är bra för alla som vill läsa vad som sägs i radio.",
    "ja",
    "[Musik] Välkomna till Ekot.",
    "今日は東京で雨が降っています。",
]


# --- accepted text ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", TALK)
def test_talk_is_accepted(text: str) -> None:
    hypothesis = heard(text)
    assert judge(hypothesis).accepted is hypothesis
    assert judge(hypothesis).reason is None


@pytest.mark.parametrize("text", TALK)
@pytest.mark.parametrize("doubt", DOUBTS[:2])
def test_doubtful_talk_is_accepted(text: str, doubt: dict[str, object]) -> None:
    assert judge(heard(text, **doubt)).reason is None


@pytest.mark.parametrize("text", ["Thanks for watching!", "Tack för att ni tittade.", "Undertexter av Anna Andersson"])
def test_known_phrase_is_accepted_if_the_model_is_sure(text: str) -> None:
    assert judge(heard(text)).reason is None


def test_empty_hypothesis_needs_no_reason() -> None:
    assert judge(Hypothesis(no_speech_probability=1.0, mean_log_probability=-3.0)).reason is None


@given(st.text(max_size=80), st.floats(-0.5, 0), st.floats(0, 0.2))
def test_confident_text_without_repetition_is_accepted(text: str, log_probability: float, silence: float) -> None:
    said = list(dict.fromkeys(filter(str.isalnum, map(phrases.normalised, text.split()))))
    hypothesis = heard(" ".join(said), mean_log_probability=log_probability, no_speech_probability=silence)
    assume(compression_ratio(hypothesis.text) <= COMPRESSION_RATIO)  # a word of one repeated letter compresses well
    assert judge(hypothesis).accepted.words == hypothesis.words


# --- silence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("no_speech", "log_probability", "reason"),
    [(0.61, -1.01, Reason.NO_SPEECH), (0.59, -1.01, None), (0.61, -0.99, None), (1.0, -0.1, None), (0.0, -3.0, None)],
)
def test_silence_needs_both_of_its_signs(no_speech: float, log_probability: float, reason: Reason | None) -> None:
    verdict = judge(heard(TALK[0], no_speech_probability=no_speech, mean_log_probability=log_probability))
    assert verdict.reason is reason
    assert bool(verdict.accepted.words) is (reason is None)


# --- loops --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Vi hörs i morgon. " + "Tack. " * 6, "Vi hörs i morgon. Tack."),
        ("Vi hörs i morgon. " + "thank you so " * 4, "Vi hörs i morgon. thank you so"),
        ("Så var det. " + "I have to think about it. " * 3, "Så var det. I have to think about it."),
        ("Så var det. " + "I have to think about it. " * 3 + "I have", "Så var det. I have to think about it."),
        ("Mål! " * 8 + "Ettan till Malmö.", "Mål! Ettan till Malmö."),
        ("Hej! HEJ, hej. hej hej hej", "Hej!"),
    ],
)
def test_loop_is_cut_after_its_first_round(text: str, left: str) -> None:
    verdict = judge(heard(text))
    assert (verdict.accepted.text, verdict.reason) == (left, Reason.LOOP)
    assert [word.text for word in verdict.accepted.words] == left.split()


@pytest.mark.parametrize(("word_s", "left"), [(0.07, 3), (0.3, 5)])
def test_echo_at_the_end_is_cut_unless_there_was_time_to_say_it(word_s: float, left: int) -> None:
    """An output of the bundled model at the end of its audio."""
    texts = ["energiplanen", "i", "Gävle.", "I", "Gävle"]
    starts_s = [3.5, 4.3, 4.4, 4.5, 4.5 + word_s]
    words = tuple(Word(text, at_s, at_s + word_s, 0.9) for text, at_s in zip(texts, starts_s, strict=True))
    verdict = judge(Hypothesis(words=words, text=" ".join(texts), language="sv", tokens=9))
    assert [word.text for word in verdict.accepted.words] == texts[:left]
    assert (verdict.reason is Reason.LOOP) == (left < len(texts))


@pytest.mark.parametrize("doubt", DOUBTS)
def test_doubtful_text_that_is_one_loop_is_rejected(doubt: dict[str, object]) -> None:
    verdict = judge(heard("Thank you, Mr. President, " * 5, **doubt))
    assert (verdict.accepted.words, verdict.accepted.text, verdict.reason) == ((), "", Reason.LOOP)


def test_text_before_a_truncated_loop_is_kept() -> None:
    text = "Här är nyheterna. " + "och så vidare " * 40
    verdict = judge(heard(text, word_s=0.04, truncated=True))
    assert (verdict.accepted.text, verdict.reason) == ("Här är nyheterna. och så vidare", Reason.LOOP)


@pytest.mark.parametrize(
    ("confidence", "left"), [(0.3, ""), (0.5, "Här är det. och så vidare"), (None, "Här är det. och så vidare")]
)
def test_guess_before_a_loop_is_rejected_with_it(confidence: float | None, left: str) -> None:
    hypothesis = heard("Här är det. " + "och så vidare " * 40, word_s=0.04, truncated=True)
    words = tuple(replace(word, confidence=confidence) for word in hypothesis.words)
    assert judge(replace(hypothesis, words=words)).accepted.text == left


@given(
    st.lists(st.sampled_from("abcdef"), max_size=8),
    st.lists(st.sampled_from("uvw"), min_size=1, max_size=4),
    st.integers(6, 12),
    st.lists(st.sampled_from("xyz"), max_size=4),
)
def test_words_around_a_loop_are_kept_in_order(
    before: list[str], unit: list[str], rounds: int, after: list[str]
) -> None:
    hypothesis = heard(" ".join([*before, *unit * rounds, *after]))
    left = without_loop(hypothesis).words
    assert len(left) < len(hypothesis.words)
    places = [hypothesis.words.index(word) for word in left]
    assert places == sorted(places)
    texts = [word.text for word in left]
    if not before or _plain(before):
        assert texts[: len(before)] == before
    if after and _plain(after):
        assert texts[-len(after) :] == after


def _plain(words: list[str]) -> bool:
    """Whether words contain no loop of their own."""
    return len(set(words)) == len(words)


def test_other_repetition_is_rejected_by_compression_ratio() -> None:
    text = " ".join(f"thank you {n} thank you very much" for n in range(20))
    assert judge(heard(text)).reason is Reason.COMPRESSION


# --- rates --------------------------------------------------------------------------------------------


def test_words_crowded_at_the_end_are_too_fast() -> None:
    pile = heard("Det blir regn i hela landet under kvällen och natten mot fredag", start_s=6.5, word_s=0.02)
    assert judge(pile).reason is Reason.RATE
    assert judge(replace(pile, tokens=12)).reason is None, "a few tokens more than the time allows are accepted"


def test_truncated_text_is_too_fast() -> None:
    assert judge(heard(TALK[0], truncated=True)).reason is Reason.RATE


# --- phrases -------------------------------------------------------------------------------------------


INVENTED = [
    "Undertexter från Amara.org-gemenskapen",
    "Tack till elever och lärare vid Brännkyrka gymnasium",
    "Textning Stina Hedin www.btistudios.com",
    "Svensktextning.nu",
    "Thanks for watching!",
    "THANKS FOR WATCHING! Please subscribe.",
    "Subtitles by the Amara.org community",
    "Субтитры сделал DimaTorzok",
    "Untertitel im Auftrag des ZDF, 2017",
    "ご視聴ありがとうございました",
    "you",
]


@pytest.mark.parametrize("text", INVENTED)
@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_known_phrase_is_rejected_in_doubt(text: str, doubt: dict[str, object]) -> None:
    assert judge(heard(text, **doubt)).reason is Reason.PHRASE


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for watching my back in that fight.",
        "Undertexter av högsta klass kommer nu till alla kanaler i hela landet",
        "Thank you, and now the weather.",
        "",
        "...",
        "Du",
    ],
)
def test_longer_text_that_begins_with_a_phrase_is_not_one(text: str) -> None:
    assert not phrases.is_known(text)


@pytest.mark.parametrize(
    "text", ["[Music]", "(applåder)", " [Musik] (skratt) ", "*suckar*", "♪", "♪ ♪", "[Music].", "..."]
)
def test_descriptions_of_sounds_are_not_speech(text: str) -> None:
    assert phrases.is_description(text)
    assert judge(heard(text)).reason is Reason.DESCRIPTION


@pytest.mark.parametrize("text", ["[Music] Good morning.", "Good (very good) morning", "♪ sjung ♪", "Musik"])
def test_descriptions_next_to_speech_are_kept(text: str) -> None:
    assert not phrases.is_description(text)


# --- previous texts of the source ------------------------------------------------------------------------


def test_doubt() -> None:
    assert not doubtful(heard(TALK[0]))
    assert all(doubtful(heard(TALK[0], **doubt)) for doubt in DOUBTS)


def test_equal_text_at_another_time_is_a_repetition() -> None:
    first, later = heard("Thanks for watching!", start_s=3.0), heard("thanks for watching.", start_s=8.0)
    before = remember(first.words, [])
    assert repeats(later.words, before)
    assert not repeats(heard("Thanks for watching!", start_s=3.2).words, before), "the same utterance, in the overlap"
    assert not repeats(heard("Thanks for watching us!", start_s=8.0).words, before)


def test_only_the_newest_texts_are_remembered_each_once() -> None:
    before: list[SpokenText] = []
    for n, text in enumerate(["a", "b", "c", "b", "d"]):
        before = remember(heard(text, start_s=float(n)).words, before)
    assert [(said.text, said.start_s) for said in before] == [("c", 2.0), ("b", 3.0), ("d", 4.0)]
    assert len(before) == REMEMBERED
