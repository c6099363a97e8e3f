"""Several clips in one window: sampling, and the alignment of audio, words and times."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.corpus.clips import Clip
from trainer.evaluation.utterances import PAUSE_S as WINDOW_PAUSE_S
from trainer.evaluation.utterances import Utterance, in_windows, window
from trainer.examples import SAMPLE_RATE
from trainer.training.joining import PAUSE_S, Joiner, Placed, audio_of, example_of


def clip(id: str, duration_s: float = 1.0, language: str = "sv", speaker: str = "", text: str = "ett två") -> Clip:
    return Clip(id, 0, 0, round(duration_s * SAMPLE_RATE), text, language, "train", speaker=speaker)


CLIPS = [clip(str(n), 1.0 + n / 10, "sv" if n % 3 else "en", f"s{n % 4}") for n in range(24)]


def joiner(clips: list[Clip] = CLIPS, share: float = 1.0, most_s: float = 7.0, most_tokens: int = 99) -> Joiner:
    return Joiner(clips, np.ones(len(clips)), share, most_s, lambda clip: len(clip.text.split()), most_tokens)


@given(st.integers(0, 23), st.integers(0, 2**32), st.floats(1.0, 30.0), st.integers(2, 30))
def test_a_window_holds_what_fits_of_one_language(first: int, seed: int, most_s: float, most_tokens: int) -> None:
    placed = joiner(most_s=most_s, most_tokens=most_tokens).window(CLIPS[first], np.random.default_rng(seed))
    assert placed[0] == Placed(CLIPS[first], 0)
    assert len({each.clip.id for each in placed}) == len(placed)
    assert {each.clip.language for each in placed} == {CLIPS[first].language}
    for before, after in itertools.pairwise(placed):
        assert PAUSE_S[0] <= (after.first - before.end) / SAMPLE_RATE <= PAUSE_S[1] + 1e-4
    if len(placed) > 1:
        assert placed[-1].end <= most_s * SAMPLE_RATE
        assert 2 * len(placed) <= most_tokens


def test_the_given_share_is_joined_often_by_one_speaker() -> None:
    rng = np.random.default_rng(1)
    windows = [joiner(share=0.3).window(CLIPS[n % 24], rng) for n in range(2000)]
    several = [w for w in windows if len(w) > 1]
    assert len(several) / len(windows) == pytest.approx(0.3, abs=0.04)
    same = sum(w[0].clip.speaker == w[1].clip.speaker for w in several) / len(several)
    assert 0.5 < same < 0.8
    assert max(map(len, several)) > 3


def test_clips_with_larger_shares_follow_more_often() -> None:
    rare = Joiner(CLIPS, np.array([9.0 if c.speaker == "s1" else 1.0 for c in CLIPS]), 1.0, 30.0, lambda c: 1, 99)
    rng = np.random.default_rng(2)
    behind = [each.clip.speaker for n in range(500) for each in rare.window(CLIPS[2], rng)[1:2]]
    assert behind.count("s1") > 3 * behind.count("s3")


def test_silence_is_joined_to_nothing() -> None:
    silent = replace(CLIPS[0], text="")
    rng = np.random.default_rng(3)
    assert [p.clip for p in joiner([silent, *CLIPS]).window(silent, rng)] == [silent]
    for _ in range(200):
        assert silent not in [p.clip for p in joiner([silent, *CLIPS[1:]]).window(CLIPS[3], rng)]


def test_audio_words_and_segments_stay_aligned() -> None:
    first = replace(clip("a", 1.0, text="Hej då."), previous="Förut.", segments=((0.1, 0.9, "Hej då."),))
    second = clip("b", 2.0, text="God kväll.")
    placed = [Placed(first, 0), Placed(second, round(1.5 * SAMPLE_RATE))]
    sound = audio_of(placed, lambda clip: np.full(clip.n_samples, 1.0 if clip is first else 2.0, np.float32))
    at = [sound[round(time_s * SAMPLE_RATE)] for time_s in (0.5, 1.25, 1.75, 3.4)]
    assert at == [1.0, 0.0, 2.0, 2.0]
    assert len(sound) == 3.5 * SAMPLE_RATE
    found = example_of(placed, np.zeros(7 * SAMPLE_RATE, np.float32), 2.0)
    assert found.text == "Hej då. God kväll."
    assert [(w.start_s, w.end_s) for w in found.words] == [(0, 2), (0, 2), (3, 7), (3, 7)]
    assert found.segments == ((0.2, 1.8, "Hej då."), (3.0, 7.0, "God kväll."))
    assert (found.previous, found.id, found.timed, found.speech) == ("Förut.", "a", False, True)


@pytest.mark.parametrize(
    ("language", "texts", "joined"),
    [
        ("zh", ("大家 好。", "今天。"), "大家 好。今天。"),
        ("ja", ("iPhone", "Apple"), "iPhone Apple"),
        ("th", ("สวัสดี", "ครับ"), "สวัสดี ครับ"),
        ("sv", ("Hej.", "Då."), "Hej. Då."),
    ],
)
def test_clips_are_separated_as_their_language_requires(language: str, texts: tuple[str, str], joined: str) -> None:
    placed = [Placed(clip(text, language=language, text=text), n * SAMPLE_RATE) for n, text in enumerate(texts)]
    assert example_of(placed, np.zeros(2 * SAMPLE_RATE, np.float32)).text == joined


def test_a_single_clip_is_unchanged() -> None:
    audio = np.zeros(SAMPLE_RATE, np.float32)
    assert example_of([Placed(clip("a"), 0)], audio).segments == (), "a clip without segments has none"
    assert audio_of([Placed(clip("a"), 0)], lambda _: audio) is audio


# --- for evaluation -----------------------------------------------------------------------------------


def utterance(id: str, duration_s: float, language: str = "sv", speaker: str = "") -> Utterance:
    audio = np.full(round(duration_s * SAMPLE_RATE), float(id), np.float32)
    return Utterance(id, f"ord{id}", language, duration_s, lambda: audio, {"speaker": speaker})


def test_evaluation_windows_are_of_one_speaker_if_there_are_enough() -> None:
    said = [utterance(str(n), 2.0, "sv" if n < 9 else "en", "abc"[n % 3]) for n in range(15)]
    found = in_windows(said, 7.0, seed=1)
    assert sorted(one.id for row in found for one in row) == sorted(one.id for one in said)
    assert {len(row) for row in found} == {2, 3}
    assert all(len({(one.language, one.columns["speaker"]) for one in row}) == 1 for row in found)
    assert found == in_windows(said, 7.0, seed=1)


def test_different_speakers_share_a_window_if_necessary() -> None:
    said = [utterance("1", 3.0, speaker="a"), utterance("2", 3.0, speaker="b"), utterance("3", 6.9, speaker="c")]
    [row] = in_windows(said, 7.0, seed=1)
    assert {one.id for one in row} == {"1", "2"}
    assert in_windows(said, 6.0, seed=1) == []
    assert in_windows([replace(said[0], language="en"), said[1]], 7.0, seed=1) == []


def test_a_window_has_the_text_and_audio_of_its_parts() -> None:
    one = window([utterance("1", 1.0), utterance("2", 2.0)])
    assert (one.text, one.duration_s) == ("ord1 ord2", 3.0 + WINDOW_PAUSE_S)
    sound = one.audio()
    assert len(sound) == round(one.duration_s * SAMPLE_RATE)
    assert [float(sound[round(t * SAMPLE_RATE)]) for t in (0.5, 1.1, 2.0)] == [1.0, 0.0, 2.0]
