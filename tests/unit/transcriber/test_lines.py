"""Lines: where they break, when they close, and what is shown of them meanwhile."""

from __future__ import annotations

import pytest

from transcriber.lines import LINE_CHARACTERS, LINE_S, Lines, Origin
from transcriber.orthography import ends_sentence, joined, normalised
from wire.messages import Caption, Word

ORIGIN = Origin("stations/demo", 1, "sv", 1000.0)
NEVER = float("inf")


def said(text: str, start_s: float = 0.0, each_s: float = 0.4) -> list[Word]:
    return [Word(w, start_s + n * each_s, start_s + n * each_s + 0.3, 0.9) for n, w in enumerate(text.split())]


def closed(words: list[Word], origin: Origin = ORIGIN) -> list[Caption]:
    lines = Lines()
    lines.settle(words, origin, quiet_until_s=0.0)
    lines.flush(origin)
    return list(lines.emit((), origin, live=True))


def test_a_line_ends_with_its_sentence() -> None:
    captions = closed(said("God morgon! Klockan är åtta. Och nu”"))
    assert [c.text for c in captions] == ["God morgon!", "Klockan är åtta.", "Och nu”"]
    assert all(c.final and c.language == "sv" for c in captions)
    assert [len(c.words) for c in captions] == [2, 3, 2]


def test_a_line_ends_at_a_pause() -> None:
    assert [c.text for c in closed([*said("ett två"), *said("tre fyra", 3.0)])] == ["ett två", "tre fyra"]


def test_a_line_is_not_longer_than_can_be_read() -> None:
    captions = closed(said("ordentligt " * 60, each_s=0.31))
    assert all(len(c.text) <= LINE_CHARACTERS and c.end_s - c.start_s <= LINE_S for c in captions)
    assert sum(len(c.words) for c in captions) == 60
    assert [c.id for c in captions] == list(range(1, len(captions) + 1))


def test_one_word_that_is_too_long_is_a_line_nevertheless() -> None:
    word = Word("å" * 100, 0.0, 9.0)
    assert [c.text for c in closed([word, Word("slut", 9.1, 9.4)])] == ["å" * 100, "slut"]


def test_languages_without_spaces_are_written_without() -> None:
    words = [Word(w, n * 0.3, n * 0.3 + 0.3) for n, w in enumerate(["今日", "は", "雨。"])]
    assert [c.text for c in closed(words, Origin("jobs/1", 1, "ja"))] == ["今日は雨。"]


def test_a_line_is_open_until_something_follows() -> None:
    lines = Lines()
    lines.settle(said("ett två"), ORIGIN, quiet_until_s=1.0)
    assert [(c.text, c.final, c.revision) for c in lines.emit((), ORIGIN, live=True)] == [("ett två", False, 0)]
    lines.settle((), ORIGIN, quiet_until_s=1.5)
    assert lines.emit((), ORIGIN, live=True) == ()
    lines.settle((), ORIGIN, quiet_until_s=1.8)
    assert [(c.text, c.final, c.revision) for c in lines.emit((), ORIGIN, live=True)] == [("ett två", True, 1)]


def test_only_changes_are_shown_again() -> None:
    lines = Lines()
    first = lines.emit(said("ett två"), ORIGIN, live=True)
    assert [(c.id, c.revision, c.text) for c in first] == [(1, 0, "ett två")]
    assert lines.emit(said("ett två"), ORIGIN, live=True) == ()
    assert [(c.id, c.revision, c.text) for c in lines.emit(said("ett tre"), ORIGIN, live=True)] == [(1, 1, "ett tre")]


def test_what_was_shown_and_is_not_there_is_withdrawn_and_its_id_comes_back() -> None:
    lines = Lines()
    lines.emit(said("Ett. Två."), ORIGIN, live=True)
    [gone] = lines.emit(said("Ett."), ORIGIN, live=True)
    assert (gone.id, gone.revision, gone.text, gone.final) == (2, 1, "", False)
    assert lines.emit(said("Ett."), ORIGIN, live=True) == ()
    [back] = lines.emit(said("Ett. Tre."), ORIGIN, live=True)
    assert (back.id, back.revision, back.text) == (2, 2, "Tre.")
    lines.emit((), ORIGIN, live=True)
    lines.withdraw(ORIGIN)
    assert lines.emit((), ORIGIN, live=True) == (), "empty ones need no end"


def test_at_the_end_no_provisional_caption_is_left() -> None:
    lines = Lines()
    lines.emit(said("eh"), ORIGIN, live=True)
    lines.withdraw(ORIGIN)
    [caption] = lines.emit((), ORIGIN, live=True)
    assert (caption.id, caption.revision, caption.text, caption.final) == (1, 1, "", True)


def test_the_state_survives_json() -> None:
    import json

    lines = Lines()
    lines.settle(said("Ett. Två"), ORIGIN, quiet_until_s=0.0)
    lines.emit(said("tre", 0.8), ORIGIN, live=True)
    again = Lines.from_dict(json.loads(json.dumps(lines.as_dict())))
    assert again == lines
    lines.lose(5.0, 10.0, "shed", ORIGIN)
    lines.emit((), ORIGIN, live=True)
    assert Lines.from_dict(json.loads(json.dumps(lines.as_dict()))) == lines


# --- how words are written --------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["slut.", "va?", "ja!", "nej…", 'så."', "här.)", "雨。", "क्या।"])
def test_these_end_a_sentence(word: str) -> None:
    assert ends_sentence(word)


@pytest.mark.parametrize("word", ["slut", "ja,", "12.30", "–", "", '"', "S:t"])
def test_these_do_not(word: str) -> None:
    assert not ends_sentence(word)


def test_words_are_compared_without_case_and_punctuation() -> None:
    assert normalised("Klockan,") == normalised("klockan") == "klockan"
    assert normalised("–") == ""
    assert normalised("År") != normalised("ar")
    assert normalised("12.30") == "1230"
    assert joined(["a", "b"], None) == "a b"
