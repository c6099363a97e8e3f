"""Cues: every word once, on screens that fit, for long enough to be read if there is time."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from api.text.cues import EARLY_MS, LATE_MS, LONGEST_MS, SHORTEST_MS, Cue, Piece, clean, cues
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
    """Captions as a transcriber makes them, with word times, some of them fast or short."""
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
def test_screens_fit_and_do_not_overlap(found: list[Caption]) -> None:
    made = cues(found)
    assert all(cue.start_ms < cue.end_ms for cue in made)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(made))
    for cue in made:
        assert 1 <= len(cue.text) <= LINES
        assert all(len(line) <= LINE_CHARACTERS for line in cue.text)


def lasts(cue: Cue) -> int:
    return cue.end_ms - cue.start_ms


def said(cue: Cue) -> int:
    return cue.pieces[0].start_ms


def late(cue: Cue) -> int:
    return cue.start_ms - said(cue)


@given(programmes())
def test_cue_is_too_fast_only_if_there_is_no_time(found: list[Caption]) -> None:
    made = cues(found)
    for before, cue, after in zip([None, *made], made, [*made[1:], None], strict=False):
        if lasts(cue) >= cue.needed_ms:
            continue
        assert after is not None, "behind the last one there is time"
        assert cue.end_ms == after.start_ms, "no silence is left behind it"
        assert lasts(after) <= after.needed_ms or late(after) == LATE_MS, "the next one has given what it can"
        free_ms = before.end_ms if before else 0
        assert cue.start_ms <= max(free_ms, said(cue) - EARLY_MS), "nor before it"


@given(programmes())
def test_fast_cue_fits_with_neither_neighbour(found: list[Caption]) -> None:
    for cue, after in pairwise(cues(found)):
        if lasts(cue) < cue.needed_ms:
            together = [piece.text for piece in (*cue.pieces, *after.pieces)]
            far = said(after) - cue.pieces[-1].start_ms > SHORTEST_MS or after.end_ms - said(cue) > LONGEST_MS
            assert far or not fits(together)


@given(programmes())
def test_cue_is_shown_while_its_words_are_said(found: list[Caption]) -> None:
    for cue in cues(found):
        assert -EARLY_MS <= late(cue) <= LATE_MS
        assert cue.end_ms > cue.pieces[-1].start_ms


def test_a_short_cue_is_shown_for_a_second() -> None:
    assert shown(caption("Ja.", 1.0, 1.3), caption("Nej.", 4.0, 5.5, 2)) == [
        (1000, 2000, ("Ja.",)),
        (4000, 5500, ("Nej.",)),
    ]


def test_short_cue_is_merged_with_the_next_or_else_the_previous() -> None:
    assert shown(caption("Ja.", 1.0, 1.3), caption("Det är klart.", 1.5, 3.0, 2)) == [
        (1000, 3000, ("Ja. Det är klart.",))
    ]
    full = "a" * 42 + " " + "b" * 42
    assert shown(caption("Nej.", 0.0, 1.5), caption("Ja.", 1.6, 1.9, 2), caption(full, 2.0, 8.0, 3))[0] == (
        0,
        1900,
        ("Nej. Ja.",),
    )


def times(*captions: Caption) -> list[tuple[int, int]]:
    return [(cue.start_ms, cue.end_ms) for cue in cues(captions)]


HASTY = "Polisen i Sundsvall söker en man i en stulen bil..."  # 51 characters: three seconds; two do not fit together
SLOW = "Han är efterlyst, och i natt har han synts i Timrå."


def test_fast_text_is_merged_with_its_neighbour_if_both_fit() -> None:
    text = "Polisen söker en man i en röd bil."  # 34 characters: two seconds
    found = shown(caption(text, 0.0, 1.5), caption("Han är efterlyst.", 1.5, 5.0, 2))
    assert found == [(0, 5000, ("Polisen söker en man i en röd bil.", "Han är efterlyst."))]


def test_fast_text_is_extended_into_the_silence_after_it() -> None:
    assert times(caption(HASTY, 0.0, 1.2)) == [(0, 3000)]
    assert times(caption(HASTY, 0.0, 1.2), caption(SLOW, 2.8, 6.0, 2)) == [(0, 3000), (3000, 6000)]


def test_fast_text_starts_early_in_the_remaining_silence_before_it() -> None:
    assert times(caption(SLOW, 1.0, 4.0), caption(HASTY, 5.0, 7.7, 2), caption(SLOW, 7.7, 11.0, 3)) == [
        (1000, 4000),
        (4700, 7700),
        (7700, 11_000),
    ]
    early = times(caption(HASTY, 2.0, 4.0), caption(SLOW, 4.0, 7.0, 2))
    assert early == [(1500, 4250), (4250, 7250)], "half a second early, and what the next one can give"
    assert times(caption(HASTY, 0.2, 3.0), caption(SLOW, 3.0, 6.0, 2))[0] == (0, 3000), "nothing comes before zero"


def test_next_cue_is_delayed_within_its_limit() -> None:
    assert times(caption(HASTY, 0.0, 2.8), caption(SLOW, 2.8, 7.0, 2)) == [(0, 3000), (3000, 7000)]
    assert times(caption(HASTY, 0.0, 2.0), caption(SLOW, 2.0, 7.0, 2)) == [(0, 2250), (2250, 7000)]


def test_silence_after_several_fast_cues_is_shared() -> None:
    found = times(*(caption(HASTY, 2.9 * n, 2.9 * n + 2.9, n) for n in range(3)))
    assert found == [(0, 3000), (3000, 6000), (6000, 9000)]
    found = times(*(caption(HASTY, 2.8 * n, 2.8 * n + 2.8, n) for n in range(3)))
    assert found == [(0, 2850), (2850, 5850), (5850, 8850)], "none falls behind, so the first is hasty"


def test_times_count_from_the_origin() -> None:
    found = [Caption("stations/x", 1, 0, 1_795_345_200.0, 1_795_345_202.5, "Ekot", True)]
    assert cues(found, 1_795_345_200.0) == [Cue(0, 2500, (Piece("Ekot", 0),), exact=False)]


def test_a_long_caption_is_shown_in_parts() -> None:
    made = cues([caption(" ".join(f"ord{n}" for n in range(60)), 0.0, 30.0)])
    assert len(made) > 2
    assert (made[0].start_ms, made[-1].end_ms) == (0, 30_000)
    assert all(a.end_ms == b.start_ms for a, b in pairwise(made))


def test_scripts_without_spaces_get_none() -> None:
    words = tuple(Word(text, n * 0.3, n * 0.3 + 0.3) for n, text in enumerate(["今日", "は", "雨。"]))
    [cue] = cues([Caption("jobs/x", 1, 0, 0.0, 0.9, "今日は雨。", True, "ja", words=words)])
    assert (cue.text, len(cue.pieces), cue.exact) == (("今日は雨。",), 3, True)


def test_text_is_used_if_the_words_differ_from_it() -> None:
    [cue] = cues([Caption("jobs/x", 1, 0, 0.0, 2.0, "rättad text", True, words=(Word("fel", 0.0, 1.0),))])
    assert (cue.text, cue.exact) == (("rättad text",), False)


def test_lost_audio_and_empty_captions_make_no_cue() -> None:
    gap = Caption("jobs/x", 1, 0, 0.0, 5.0, "", True, content=Content.GAP, reason="shed")
    assert cues([gap, caption(" \n ", 5.0, 6.0, 2)]) == []
    assert clean("a\x00b") == "a b"


def test_screens_that_end_before_the_origin_are_omitted() -> None:
    """With the audio of a period, only the speech in it is shown."""
    text = " ".join(["Riksdagsledamöterna"] * 12)
    spoken = caption(text, 1000.0, 1012.0)
    whole, behind = cues([spoken], 1000.0), cues([spoken], 1010.0)
    assert len(whole) > 2
    assert [cue.text for cue in behind] == [cue.text for cue in whole if cue.end_ms > 10_000]
    assert behind[0].start_ms == 0
    assert cues([spoken], 1012.0) == []


def test_written_space_in_a_spaceless_script_is_kept_within_lines_only() -> None:
    heard = ["ฝนตกหนักทางภาคใต้", "และภาคตะวันออก", " กรมอุตุนิยมวิทยา", "เตือนน้ำท่วม", " วันนี้"]
    words = tuple(Word(text, float(n), n + 0.9) for n, text in enumerate(heard))
    [cue] = cues([Caption("jobs/x", 1, 0, 0.0, 4.9, "".join(heard), True, "th", words=words)])
    assert cue.exact, "times are those that were heard"
    assert cue.text == ("ฝนตกหนักทางภาคใต้และภาคตะวันออก", "กรมอุตุนิยมวิทยาเตือนน้ำท่วม วันนี้")


def test_captions_merged_into_one_cue_are_separated_like_phrases() -> None:
    def hasty(id: int, language: str, *texts: str) -> Caption:
        words = tuple(Word(text, id + n * 0.2, id + n * 0.2 + 0.2) for n, text in enumerate(texts))
        return Caption("jobs/x", id, 0, id, id + 0.4, "".join(texts), True, language, words=words)

    [thai] = cues([hasty(1, "th", "ฝนตกหนักทางภาคใต้", "ของไทย"), hasty(2, "th", "น้ำ", "ท่วม")])
    assert thai.text == ("ฝนตกหนักทางภาคใต้ของไทย น้ำท่วม",)
    [chinese] = cues([hasty(1, "zh", "预计未来华北南部", "有大"), hasty(2, "zh", "暴", "雨")])
    assert chinese.text == ("预计未来华北南部有大暴雨",)
