"""What counts as speech, given made-up probabilities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.speech.hysteresis import (
    ALERT_FRAMES,
    ALERT_MIN_FRAMES,
    ALERT_SHARE,
    MIN_FRAMES,
    OFF_SHARE,
    PAD_FRAMES,
    Hysteresis,
)

THRESHOLD = 0.5
DOUBT = THRESHOLD * ALERT_SHARE  # only sufficient soon after speech
probabilities = st.lists(st.floats(0, 1), max_size=200)


def calm() -> Hysteresis:
    """A hysteresis without speech for so long that it is no longer alert."""
    heard = Hysteresis(THRESHOLD)
    assert not heard.feed([0.0] * ALERT_FRAMES)
    return heard


@pytest.mark.parametrize(("frames", "speech"), [(MIN_FRAMES - 1, False), (MIN_FRAMES, True)])
def test_blip_in_music_is_not_speech(frames: int, speech: bool) -> None:
    assert calm().feed([0.0, *[THRESHOLD] * frames, 0.0]) is speech


@pytest.mark.parametrize(("frames", "speech"), [(ALERT_MIN_FRAMES - 1, False), (ALERT_MIN_FRAMES, True)])
def test_doubtful_word_soon_after_speech_counts_as_speech(frames: int, speech: bool) -> None:
    heard = calm()
    assert not heard.feed([DOUBT] * ALERT_FRAMES), "there was no speech yet"
    assert heard.feed([1.0] * MIN_FRAMES)
    heard.feed([0.0] * (ALERT_FRAMES - 1))
    assert heard.feed([DOUBT] * frames) is speech


def test_epoch_begins_alert() -> None:
    assert Hysteresis(THRESHOLD).feed([DOUBT] * ALERT_MIN_FRAMES)


def test_alertness_ends() -> None:
    heard = Hysteresis(THRESHOLD)
    assert heard.feed([1.0] * MIN_FRAMES)
    heard.feed([0.0] * (PAD_FRAMES + ALERT_FRAMES))
    assert not heard.feed([DOUBT] * 1000)


@pytest.mark.parametrize(("frames", "speech"), [(PAD_FRAMES - 1, True), (PAD_FRAMES, True), (PAD_FRAMES + 1, False)])
def test_frames_just_after_speech_count_as_speech(frames: int, speech: bool) -> None:
    heard = calm()
    assert heard.feed([*[1.0] * MIN_FRAMES, *[0.0] * frames])
    assert heard.feed([0.0]) is speech


def test_piece_shorter_than_a_frame_is_classified_as_the_previous_one() -> None:
    heard = calm()
    assert not heard.feed([])
    assert heard.feed([1.0] * MIN_FRAMES)
    assert heard.feed([])


def test_fading_voice_stays_speech() -> None:
    low = THRESHOLD * OFF_SHARE
    assert not calm().feed([low] * 100)
    assert calm().feed([THRESHOLD, *[low] * (MIN_FRAMES - 1)])
    assert not calm().feed([THRESHOLD, *[low - 0.01] * (MIN_FRAMES - 1)])


def test_syllables_form_a_run_and_distant_blips_do_not() -> None:
    together = [THRESHOLD, *[0.0] * (PAD_FRAMES - 1)] * MIN_FRAMES
    apart = [THRESHOLD, *[0.0] * (PAD_FRAMES + 1)] * MIN_FRAMES
    assert calm().feed(together)
    assert not calm().feed(apart)


@given(probabilities, st.integers(0, 200))
def test_chunk_borders_do_not_affect_the_result(frames: list[float], border: int) -> None:
    whole, parts = Hysteresis(THRESHOLD), Hysteresis(THRESHOLD)
    first, second = parts.feed(frames[:border]), parts.feed(frames[border:])
    assert whole.feed(frames) is (first or second)


@given(probabilities)
def test_lower_threshold_never_finds_less_speech(frames: list[float]) -> None:
    assert Hysteresis(0.3).feed(frames) or not Hysteresis(0.6).feed(frames)


@given(st.lists(st.floats(0, THRESHOLD * ALERT_SHARE, exclude_max=True)))
def test_probabilities_below_the_threshold_are_not_speech(frames: list[float]) -> None:
    assert not Hysteresis(THRESHOLD).feed(frames)


def test_onset_is_the_first_possible_speech() -> None:
    heard = calm()
    heard.feed([0.0] * 10)
    assert heard.onset_frames == 10, "nothing at all"
    heard.feed([*[0.0] * 7, *[1.0] * MIN_FRAMES])
    assert heard.onset_frames == 7
    heard.feed([0.0] * 5)
    assert heard.onset_frames == 0, "what comes just after speech is speech still"
    heard.feed([0.0] * PAD_FRAMES)
    heard.feed([0.0, DOUBT, 0.0])
    assert heard.onset_frames == 1, "a blip may be speech, too"
