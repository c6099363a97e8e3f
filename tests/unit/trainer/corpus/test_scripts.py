"""The scripts of a language are learnt from the corpus."""

from __future__ import annotations

import pytest

from trainer.corpus import scripts as scripts_module
from trainer.corpus.scripts import Scripts, script

RUSSIAN, SWEDISH, JAPANESE = "Съешь ещё этих мягких булок ", "Flygande bäckasiner söka hwila ", "今日は良いデータです"


@pytest.mark.parametrize(
    ("char", "name"),
    [("å", "LATIN"), ("ж", "CYRILLIC"), ("語", "CJK"), ("データ"[0], "KATAKANA"), ("1", ""), ("!", "")],
)
def test_the_script_of_a_letter(char: str, name: str) -> None:
    assert script(char) == name


def test_another_script_is_foreign() -> None:
    texts = [("sv", SWEDISH)] * 60 + [("ru", RUSSIAN)] * 60 + [("ja", JAPANESE)] * 100 + [("sv", RUSSIAN)]
    scripts = Scripts(texts)
    assert scripts.strange("sv", RUSSIAN)
    assert scripts.strange("ru", SWEDISH)
    assert not scripts.strange("sv", SWEDISH + "ж")
    assert not scripts.strange("ja", "データ")
    assert not scripts.strange("sv", "123 ...")


def test_a_language_may_have_two_scripts() -> None:
    scripts = Scripts([("sr", "Добар дан свима")] * 50 + [("sr", "Dobar dan svima")] * 50)
    assert not scripts.strange("sr", "Добар")
    assert not scripts.strange("sr", "Dobar")


def test_too_little_text_has_no_foreign_scripts() -> None:
    assert not Scripts([("sv", SWEDISH)]).strange("sv", RUSSIAN)
    assert not Scripts([]).strange("sv", RUSSIAN)


def test_a_usual_text_is_not_searched_letter_by_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = Scripts([("sv", SWEDISH)] * 60 + [("sv", "123 ... “å”")])
    monkeypatch.setattr(scripts_module, "script", lambda char: pytest.fail(f"looked at {char}"))
    assert not texts.strange("sv", SWEDISH + "123 “")
