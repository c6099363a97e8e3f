"""Lines: where they break, when they close, and which captions are shown meanwhile."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from transcriber.joining.lines import LINE_S, PAUSE_S, SHORTEST_S, Lines, Origin
from transcriber.orthography import join_words, normalised
from wire.breaks import LINE_CHARACTERS, LINES, fits
from wire.messages import Caption, Word

ORIGIN = Origin("stations/demo", 1, "sv", 1000.0, "demo/model")
NEVER = float("inf")


def said(text: str, start_s: float = 0.0, each_s: float = 0.4) -> list[Word]:
    return [Word(w, start_s + n * each_s, start_s + n * each_s + 0.3, 0.9) for n, w in enumerate(text.split())]


def closed(words: list[Word], origin: Origin = ORIGIN) -> list[Caption]:
    lines = Lines()
    lines.settle(words, origin, quiet_until_s=0.0)
    lines.flush(origin)
    return list(lines.emit((), origin, live=True))


def test_a_line_ends_with_its_sentence() -> None:
    captions = closed(said("God morgon allihop! Klockan är åtta. Och nu”"))
    assert [c.text for c in captions] == ["God morgon allihop!", "Klockan är åtta.", "Och nu”"]
    assert all(c.final and c.language == "sv" and c.model == "demo/model" for c in captions)
    assert [len(c.words) for c in captions] == [3, 3, 2]


def test_sentence_shorter_than_a_second_shares_its_line() -> None:
    assert [c.text for c in closed(said("Ja. Det är klart. Men"))] == ["Ja. Det är klart.", "Men"]
    assert [c.text for c in closed([*said("Ja."), *said("Det är klart.", 1.0)])] == ["Ja.", "Det är klart."]


def test_full_line_is_broken_at_the_best_place_in_its_second_half() -> None:
    text = (
        "Regeringen föreslår att skatten på arbete sänks nästa år, men oppositionen vill att pengarna går till vården."
    )
    assert [c.text for c in closed(said(text, each_s=0.31))] == [
        "Regeringen föreslår att skatten på arbete sänks nästa år,",
        "men oppositionen vill att pengarna går till vården.",
    ]


def test_a_line_ends_at_a_pause() -> None:
    assert [c.text for c in closed([*said("ett två"), *said("tre fyra", 3.0)])] == ["ett två", "tre fyra"]


def test_a_line_is_not_longer_than_can_be_read() -> None:
    captions = closed(said("ordentligt " * 60, each_s=0.31))
    assert all(len(c.text) <= LINES * LINE_CHARACTERS and c.end_s - c.start_s <= LINE_S for c in captions)
    assert sum(len(c.words) for c in captions) == 60
    assert [c.id for c in captions] == list(range(1, len(captions) + 1))


def test_overlong_word_is_a_line_by_itself() -> None:
    word = Word("å" * 100, 0.0, 9.0)
    assert [c.text for c in closed([word, Word("slut", 9.1, 9.4)])] == ["å" * 100, "slut"]


def test_languages_without_spaces_are_written_without() -> None:
    words = [Word(w, n * 0.3, n * 0.3 + 0.3) for n, w in enumerate(["今日", "は", "雨。"])]
    assert [c.text for c in closed(words, Origin("jobs/1", 1, "ja"))] == ["今日は雨。"]


def test_written_space_is_kept_except_at_the_beginning() -> None:
    heard = ["我", "见", "到", " Steve", "Jobs", "。", " 他", "打", " 电", "话"]  # two windows met before Jobs
    words = [Word(w, n * 0.3, n * 0.3 + 0.3) for n, w in enumerate(heard)]
    captions = closed(words, Origin("jobs/1", 1, "zh"))
    assert [c.text for c in captions] == ["我见到 Steve Jobs。", "他打 电话"]
    assert all("".join(word.text for word in c.words) == c.text for c in captions)


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


def test_withdrawn_caption_is_emptied_and_its_id_is_used_again() -> None:
    lines = Lines()
    lines.emit(said("Ett. Två.", each_s=1.1), ORIGIN, live=True)
    [gone] = lines.emit(said("Ett."), ORIGIN, live=True)
    assert (gone.id, gone.revision, gone.text, gone.final) == (2, 1, "", False)
    assert lines.emit(said("Ett."), ORIGIN, live=True) == ()
    [back] = lines.emit(said("Ett. Tre.", each_s=1.1), ORIGIN, live=True)
    assert (back.id, back.revision, back.text) == (2, 2, "Tre.")
    lines.emit((), ORIGIN, live=True)
    lines.withdraw(ORIGIN)
    assert lines.emit((), ORIGIN, live=True) == (), "empty captions need not be closed"


def test_at_the_end_no_provisional_caption_is_left() -> None:
    lines = Lines()
    lines.emit(said("eh"), ORIGIN, live=True)
    lines.withdraw(ORIGIN)
    [caption] = lines.emit((), ORIGIN, live=True)
    assert (caption.id, caption.revision, caption.text, caption.final) == (1, 1, "", True)


def test_unlogged_caption_is_emitted_again_until_logged() -> None:
    lines = Lines()
    words = said("Ett är sagt. Två")
    lines.emit(words, ORIGIN, live=True, logged=False)
    assert [c.text for c in lines.emit(said("Ett är sagt. Två nu"), ORIGIN, live=True, logged=False)] == [
        "Ett är sagt.",
        "Två nu",
    ]
    lines = Lines.from_dict(lines.as_dict())
    assert [c.text for c in lines.emit(words, ORIGIN, live=True)] == ["Ett är sagt.", "Två"]
    assert lines.emit(words, ORIGIN, live=True) == ()


def test_unlogged_withdrawal_is_emitted_again() -> None:
    for ended in (False, True):
        lines = Lines()
        lines.emit(said("brus"), ORIGIN, live=True)
        assert [c.text for c in lines.emit((), ORIGIN, live=True, logged=False)] == [""]
        if ended:
            lines.withdraw(ORIGIN)
        assert [(c.text, c.revision, c.final) for c in lines.emit((), ORIGIN, live=True)] == [("", 2, ended)]


def test_the_state_survives_json() -> None:
    import json

    lines = Lines()
    lines.settle(said("Ett. Två"), ORIGIN, quiet_until_s=0.0)
    lines.emit(said("tre", 0.8), ORIGIN, live=True)
    again = Lines.from_dict(json.loads(json.dumps(lines.as_dict())))
    assert again == lines
    lines.add_gap(5.0, 10.0, "shed", ORIGIN)
    lines.emit((), ORIGIN, live=True)
    assert Lines.from_dict(json.loads(json.dumps(lines.as_dict()))) == lines


# --- arbitrary words --------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        "och",
        "det",
        "är",
        "en",
        "ny",
        "dag",
        "i",
        "Sundsvall,",
        "som",
        "ja.",
        "slut.",
        "nej!",
        "Riksdagsledamöterna",
        "undersökningskommissionen",
        "1914",
        "–",
    ]
) | st.text("aå.,", min_size=1, max_size=60)


@st.composite
def speech(draw: st.DrawFn) -> list[Word]:
    """Words in order, some of them hasty, with pauses."""
    words, at_s = [], 0.0
    for text in draw(st.lists(WORDS, max_size=80)):
        at_s += draw(st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.7, 0.999, 1.0, 3.0]))
        length_s = draw(st.sampled_from([0.05, 0.2, 0.4, 0.8, 7.0]))
        words.append(Word(text, round(at_s, 3), round(at_s + length_s, 3), 0.9))
        at_s += length_s
    return words


@given(speech())
def test_every_word_appears_once_and_in_order_on_screens_that_fit(words: list[Word]) -> None:
    captions = closed(words)
    assert [w.text for c in captions for w in c.words] == [w.text for w in words]
    assert all(c.text == " ".join(w.text for w in c.words) for c in captions)
    assert all(fits([w.text for w in c.words]) for c in captions)
    assert all(c.end_s - c.start_s <= LINE_S + 0.001 or len(c.words) == 1 for c in captions)
    assert all(a.end_s <= b.start_s for a, b in pairwise(captions))


@given(speech())
def test_line_ends_early_only_if_the_next_word_requires_it(words: list[Word]) -> None:
    captions = closed(words)
    for before, after in pairwise(captions):
        room = [w.text for w in (*before.words, *after.words)]
        crowded = not fits(room) or after.end_s - before.start_s > LINE_S - 0.001
        paused = after.start_s - before.end_s >= PAUSE_S - 0.001
        assert crowded or paused or after.start_s - before.start_s >= SHORTEST_S - 0.001


@given(speech(), st.data())
def test_final_caption_never_changes(words: list[Word], data: st.DataObject) -> None:
    lines, shown, at = Lines(), {}, 0
    while at < len(words):
        step = data.draw(st.integers(1, 12))
        ahead = data.draw(st.integers(0, 6))
        settled, provisional = words[at : at + step], words[at + step : at + step + ahead]
        if data.draw(st.booleans()):
            provisional = [replace(word, text="annat") for word in provisional]
        at += step
        lines.settle(settled, ORIGIN, quiet_until_s=words[at].start_s if at < len(words) else settled[-1].end_s)
        for caption in lines.emit(provisional, ORIGIN, live=True):
            before = shown.get(caption.id)
            assert before is None or (not before.final and caption.revision > before.revision)
            shown[caption.id] = caption
        lines = Lines.from_dict(lines.as_dict())
    lines.flush(ORIGIN)
    lines.withdraw(ORIGIN)
    shown.update((caption.id, caption) for caption in lines.emit((), ORIGIN, live=True))
    kept = [shown[id].text for id in sorted(shown) if shown[id].text]
    assert kept == [c.text for c in closed(words)], "whatever the grouping of the words"
    assert all(caption.final for caption in shown.values() if caption.text)


def test_words_are_compared_without_case_and_punctuation() -> None:
    assert normalised("Klockan,") == normalised("klockan") == "klockan"
    assert normalised("–") == ""
    assert normalised("År") != normalised("ar")
    assert normalised("12.30") == "1230"
    assert join_words(["a", "b"], None) == "a b"
