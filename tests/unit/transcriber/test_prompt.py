"""Prompts: their content, order and length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcriber.prompt import Prompt, previous_text, prompt_tokens
from wire.messages import Caption, Content

PREVIOUS, END = 1000, 900


def encode(text: str) -> list[int]:
    """A token for each character; `|` spells a special token."""
    return [END if character == "|" else ord(character) for character in text]


def spelt(tokens: list[int]) -> str:
    assert tokens[:1] in ([], [PREVIOUS])
    return "".join(map(chr, tokens[1:]))


def written(prompt: Prompt, positions: int = 448) -> str:
    return spelt(prompt_tokens(prompt, encode, PREVIOUS, END, positions))


def test_hot_words_precede_previous_text() -> None:
    assert written(Prompt(("Bodil", "Umeå"), "Här är Ekot.")) == " Bodil, Umeå Här är Ekot."
    assert written(Prompt((), "Här är Ekot.")) == " Här är Ekot."
    assert written(Prompt(("Bodil",))) == " Bodil"


def test_empty_prompt_has_no_tokens() -> None:
    assert prompt_tokens(Prompt(), encode, PREVIOUS, END, 448) == []
    assert prompt_tokens(Prompt(("|",)), lambda text: [END], PREVIOUS, END, 448) == []


def test_hot_words_are_dropped_whole_and_previous_text_is_cut_at_its_beginning() -> None:
    assert written(Prompt(("abc", "def", "ghi")), 26) == " abc, def"
    assert written(Prompt(("abc",), "0123456789"), 26) == " abc23456789"
    assert written(Prompt(("abc" * 3,), "0123456789"), 22) == " abcabcabc"


@given(st.lists(st.text(max_size=20), max_size=10), st.text(max_size=300), st.integers(4, 448))
def test_a_prompt_fills_at_most_half_of_the_decoder_with_text(words: list[str], previous: str, positions: int) -> None:
    tokens = prompt_tokens(
        Prompt(tuple(words), previous), lambda text: [ord(c) % 1100 for c in text], PREVIOUS, END, positions
    )
    assert len(tokens) <= positions // 2
    assert all(token < END for token in tokens[1:])


@pytest.mark.parametrize(
    ("trained", "allowed"),
    [(True, Prompt(("a",), "b")), (None, Prompt(("a",))), (False, Prompt())],
)
def test_prompt_is_limited_to_what_the_model_supports(trained: bool | None, allowed: Prompt) -> None:
    assert Prompt(("a",), "b").allowed(trained) == allowed


# --- previous text -----------------------------------------------------------------------------------


def caption(end_s: float, text: str, **changes: object) -> Caption:
    values: dict[str, object] = {"final": True, "language": "sv", **changes}
    return Caption("stations/x", int(end_s), 0, end_s - 2, end_s, text, **values)  # type: ignore[arg-type]


def test_previous_text_is_of_final_captions_before_the_utterance() -> None:
    log = [
        caption(90, "Tidigare."),
        caption(92, "ett", final=False),
        caption(92, "Ett."),
        caption(94, "Två."),
        caption(97, "I fönstret."),
    ]
    assert previous_text(log, 95) == "Tidigare. Ett. Två."
    assert previous_text([], 95) == ""


@pytest.mark.parametrize(
    "border",
    [
        caption(90, "", content=Content.GAP),
        caption(90, "In English.", language="en"),
        caption(60, "För länge sedan."),
    ],
)
def test_previous_text_stops_at_a_gap_another_language_or_a_long_pause(border: Caption) -> None:
    assert previous_text([caption(58, "Först."), border, caption(92, "Sist.")], 95) == "Sist."
    assert previous_text([caption(58, "Först."), border], 95, "sv") == ""


def test_the_language_decides_on_spaces() -> None:
    assert previous_text([caption(92, "東京", language="ja"), caption(94, "雨", language="ja")], 95) == "東京雨"
    assert previous_text([caption(92, "ฝนตก", language="th"), caption(94, "น้ำท่วม", language="th")], 95) == "ฝนตก น้ำท่วม"
