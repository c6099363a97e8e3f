from __future__ import annotations

import random

import numpy as np
import pytest

from demo.bulletins import LANGUAGES, Language, bulletin
from demo.voices import SAMPLE_RATE, Speech, SynthesisError, Voice, draw_voice, speak, speak_all, voice_names


def _rms(speech: Speech, start_s: float, end_s: float) -> float:
    part = speech.audio[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)].astype(np.float64)
    return float(np.sqrt(np.mean(part**2)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_voice_works_and_none_is_in_both_splits(language: Language) -> None:
    train, held_out = voice_names(language, "train"), voice_names(language, "held-out")
    assert not {name.partition("+")[2] for name in train} & {name.partition("+")[2] for name in held_out}
    for name in random.Random(1).sample(train, 20) + list(held_out):
        assert 0.1 < speak("Hej.", Voice(name, language)).duration_s < 1.5


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_are_consecutive_and_fill_the_audio(language: Language) -> None:
    rng = random.Random(2)
    for _ in range(8):
        texts = bulletin(language, rng, "held-out", 6)
        speech = speak_all(texts, draw_voice(language, rng, "held-out"), rng, (0.2, 1.0))
        assert [word.text for word in speech.words] == " ".join(texts).split()
        for word, following in zip(speech.words, speech.words[1:], strict=False):
            assert 0.03 < word.end_s - word.start_s < 1.6
            assert word.end_s <= following.start_s + 1e-6
        assert speech.words[-1].end_s <= speech.duration_s - 0.2 + 0.001


def test_time_of_a_word_matches_its_sound() -> None:
    speech = speak("Och nu, vädret.", Voice("sv", "sv", rate_wpm=120))
    och, nu, vadret = speech.words
    assert och.start_s == pytest.approx(0, abs=0.02)
    assert nu.end_s < vadret.start_s - 0.05, "espeak-ng pauses at a comma, and the pause does not belong to the word"
    assert _rms(speech, nu.end_s + 0.01, vadret.start_s - 0.01) < 0.05 * _rms(speech, nu.start_s, nu.end_s)


def test_words_spoken_as_one_share_its_time() -> None:
    speech = speak("The price of the house is in the news.", Voice("en-us", "en"))
    assert [word.text for word in speech.words] == ["The", "price", "of", "the", "house", "is", "in", "the", "news."]
    starts_s = [word.start_s for word in speech.words]
    assert starts_s == sorted(starts_s)
    assert len(set(starts_s)) == len(starts_s)


def test_faster_voice_takes_less_time() -> None:
    slow, fast = (speak("Klockan är sex.", Voice("sv", "sv", rate_wpm=rate)) for rate in (120, 190))
    assert fast.duration_s < 0.8 * slow.duration_s


def test_unknown_voice_is_reported() -> None:
    with pytest.raises(SynthesisError, match="nobody"):
        speak("Hej.", Voice("nobody", "sv"))
