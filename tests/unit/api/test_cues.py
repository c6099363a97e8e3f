"""Cues: every word once, on screens that fit, for as long as they need where there is time."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from api.cues import LONGEST_MS, MOST_SHIFTED_MS, SHORTEST_MS, Cue, Piece, clean, cues
from wire.breaks import LINE_CHARACTERS, LINES, fits
from wire.messages import Caption, Content, Word

WORDS = st.sampled_from(
    ["och", "det", "är", "en", "ny", "dag", "i", "Sundsvall,", "som", "ja.", "slut.", "Riksdagsledamöterna"]
)


def caption(text: str, start_s: float, end_s: float, id: int = 1) -> Caption:
    return Caption("jobs/x", id, 0, start_s, end_s, text, True, "sv")


def shown(*captions: Caption) -> list[tuple[int, int, tuple[str, ...]]]:
    return [(cue.start_ms, cue.end_ms, cue.text) for cue in cues(captions)]


@st.composite
def programmes(draw: st.DrawFn) -> list[Caption]:
    """Captions as a transcriber makes them, with their words' times, some of them hasty or short."""
    found: list[Caption] = []
    at_s = 0.0
    for id in range(1, draw(st.integers(0, 15)) + 1):
        at_s += draw(st.sampled_from([0.0, 0.05, 0.3, 1.0, 6.0]))
        each_s = draw(st.sampled_from([0.05, 0.15, 0.3, 0.6]))
        words = []
        for text in draw(st.lists(WORDS, min_size=1, max_size=10)):
            words.append(Word(text, round(at_s, 3), round(at_s + each_s, 3), 0.9))
            at_s += each_s
        text = " ".join(word.text for word in words)
        found.append(Caption("jobs/x", id, 0, words[0].start_s, words[-1].end_s, text, True, "sv", words=tuple(words)))
    return found


@given(programmes())
def test_every_word_is_shown_once_and_in_order(found: list[Caption]) -> None:
    pieces = [piece for cue in cues(found) for piece in cue.pieces]
    assert [piece.text for piece in pieces] == [word.text for caption in found for word in caption.words]
    assert [piece.start_ms for piece in pieces] == [round(w.start_s * 1000) for c in found for w in c.words]


@given(programmes())
def test_screens_fit_and_follow_one_another(found: list[Caption]) -> None:
    made = cues(found)
    assert all(cue.start_ms < cue.end_ms for cue in made)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(made))
    for cue in made:
        assert 1 <= len(cue.text) <= LINES
        assert all(len(line) <= LINE_CHARACTERS for line in cue.text)


def lasts(cue: Cue) -> int:
    return cue.end_ms - cue.start_ms


@given(programmes())
def test_a_cue_is_hasty_only_where_there_is_no_time(found: list[Caption]) -> None:
    made = cues(found)
    for before, cue, after in zip([None, *made], made, [*made[1:], None], strict=False):
        if lasts(cue) >= cue.needed_ms:
            continue
        assert after is not None, "behind the last one there is time"
        assert cue.end_ms == after.start_ms, "no silence is left behind it"
        put_off_ms = after.start_ms - after.pieces[0].start_ms
        assert lasts(after) <= after.needed_ms or put_off_ms == MOST_SHIFTED_MS, "the next one has given what it can"
        if before:
            assert lasts(before) <= before.needed_ms or cue.start_ms <= cue.pieces[0].start_ms, "so has the one before"


@given(programmes())
def test_what_is_shorter_than_a_second_fits_beside_neither_neighbour(found: list[Caption]) -> None:
    made = cues(found)
    for cue, after in pairwise(made):
        if lasts(cue) < SHORTEST_MS:
            together = [piece.text for piece in (*cue.pieces, *after.pieces)]
            assert not fits(together) or after.end_ms - cue.start_ms > LONGEST_MS - 2 * MOST_SHIFTED_MS


@given(programmes())
def test_a_cue_stays_near_its_speech(found: list[Caption]) -> None:
    for cue in cues(found):
        assert abs(cue.start_ms - cue.pieces[0].start_ms) <= 2 * MOST_SHIFTED_MS


def test_a_short_cue_is_shown_for_a_second() -> None:
    assert shown(caption("Ja.", 1.0, 1.3), caption("Nej.", 4.0, 5.5, 2)) == [
        (1000, 2000, ("Ja.",)),
        (4000, 5500, ("Nej.",)),
    ]


def test_a_short_cue_is_joined_with_the_next_or_else_with_the_one_before() -> None:
    assert shown(caption("Ja.", 1.0, 1.3), caption("Det är klart.", 1.5, 3.0, 2)) == [
        (1000, 3000, ("Ja. Det är klart.",))
    ]
    full = "a" * 42 + " " + "b" * 42
    assert shown(caption("Nej.", 0.0, 1.5), caption("Ja.", 1.6, 1.9, 2), caption(full, 2.0, 8.0, 3))[0] == (
        0,
        1900,
        ("Nej. Ja.",),
    )


def test_hasty_text_stays_in_the_silence_behind_it_but_not_over_the_next() -> None:
    text = "Polisen söker en man i en röd bil."  # 34 characters: two seconds
    assert shown(caption(text, 0.0, 1.2)) == [(0, 2000, (text,))]
    hasty = [caption(text, float(n), n + 1.0, n) for n in range(2, 6)]
    assert shown(caption(text, 0.0, 1.2), *hasty)[0] == (0, 2000, (text,))
    assert shown(caption(text, 0.0, 1.2), caption(text, 1.8, 2.0, 1), *hasty)[0] == (0, 1800, (text,))


def test_neighbours_share_their_time() -> None:
    hasty = "Polisen söker en man i en röd bil."
    after = shown(caption(hasty, 0.0, 1.5), caption("Han är efterlyst.", 1.5, 5.0, 2))
    assert [(start, end) for start, end, _ in after] == [(0, 2000), (2000, 5000)]
    before = shown(caption("Han är efterlyst.", 0.0, 4.0), *(caption(hasty, 4.0 + n, 5.0 + n, n + 2) for n in range(5)))
    assert [(start, end) for start, end, _ in before][:2] == [(0, 3000), (3000, 5000)]


def test_silence_behind_several_hasty_cues_is_for_all_of_them() -> None:
    hasty = "Polisen söker en man i en röd bil."
    found = shown(*(caption(hasty, 1.5 * n, 1.5 * n + 1.5, n) for n in range(3)))
    assert [(start, end) for start, end, _ in found] == [(0, 2000), (2000, 4000), (4000, 6000)]
    found = shown(*(caption(hasty, 1.5 * n, 1.5 * n + 1.5, n) for n in range(4)))
    starts = [start for start, _, _ in found]
    assert starts == [0, 1500, 3500, 5500], "none comes more than a second late, so the first is hasty"


def test_times_count_from_the_origin() -> None:
    found = [Caption("stations/x", 1, 0, 1_795_345_200.0, 1_795_345_202.5, "Ekot", True)]
    assert cues(found, 1_795_345_200.0) == [Cue(0, 2500, (Piece("Ekot", 0),), exact=False)]


def test_a_long_caption_is_shown_in_parts() -> None:
    made = cues([caption(" ".join(f"ord{n}" for n in range(60)), 0.0, 30.0)])
    assert len(made) > 2
    assert (made[0].start_ms, made[-1].end_ms) == (0, 30_000)
    assert all(a.end_ms == b.start_ms for a, b in pairwise(made))


def test_scripts_without_spaces_stay_without() -> None:
    words = tuple(Word(text, n * 0.3, n * 0.3 + 0.3) for n, text in enumerate(["今日", "は", "雨。"]))
    [cue] = cues([Caption("jobs/x", 1, 0, 0.0, 0.9, "今日は雨。", True, "ja", words=words)])
    assert (cue.text, len(cue.pieces), cue.exact) == (("今日は雨。",), 3, True)


def test_the_text_counts_where_the_words_are_others() -> None:
    [cue] = cues([Caption("jobs/x", 1, 0, 0.0, 2.0, "rättad text", True, words=(Word("fel", 0.0, 1.0),))])
    assert (cue.text, cue.exact) == (("rättad text",), False)


def test_lost_audio_and_empty_captions_make_no_cue() -> None:
    gap = Caption("jobs/x", 1, 0, 0.0, 5.0, "", True, content=Content.GAP, reason="shed")
    assert cues([gap, caption(" \n ", 5.0, 6.0, 2)]) == []
    assert clean("a\x00b") == "a b"
