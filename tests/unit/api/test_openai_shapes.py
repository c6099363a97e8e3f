"""Captions in OpenAI's formats."""

from __future__ import annotations

from dataclasses import replace

from api.openai.shapes import joined_text
from wire.messages import Caption, Word


def caption(id: int, text: str, *words: str) -> Caption:
    """A final caption of 2 s."""
    times = tuple(Word(word, 2.0 * id, 2.0 * id + 1) for word in words)
    return Caption("jobs/j", id, 0, 2.0 * id, 2.0 * id + 2, text, final=True, words=times)


def test_captions_are_joined_by_a_space_unless_their_script_has_none() -> None:
    assert (
        joined_text([caption(1, "God kväll."), caption(2, ""), caption(3, "Hej då.", "Hej", "då.")])
        == "God kväll. Hej då."
    )
    assert (
        joined_text([caption(1, "今日は晴れ", "今日は", "晴れ"), caption(2, "明日は雨", "明日は", "雨")])
        == "今日は晴れ明日は雨"
    )
    assert joined_text([]) == ""


def test_captions_are_separated_by_a_space_in_scripts_with_spaced_phrases() -> None:
    thai = [caption(1, "ฝนตกหนัก", "ฝนตก", "หนัก"), caption(2, "น้ำท่วม", "น้ำ", "ท่วม")]
    assert joined_text([replace(each, language="th") for each in thai]) == "ฝนตกหนัก น้ำท่วม"
