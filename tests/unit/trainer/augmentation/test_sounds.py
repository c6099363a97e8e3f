"""Banks of sounds, and examples without speech made from them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from trainer.augmentation import sounds as module
from trainer.augmentation.non_speech import NonSpeechSounds, non_speech_sounds
from trainer.augmentation.sounds import Sounds
from trainer.errors import PlanError, SourceError
from trainer.examples import SAMPLE_RATE


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def write(path: Path, level: float, seconds: float, rate: int = 48_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full((round(seconds * rate), 2), level), rate)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "in" / "long.flac", 0.25, 3.0)
    write(tmp_path / "in" / "deeper" / "short.wav", 0.5, 1.0, 8000)
    (tmp_path / "in" / "broken.mp3").write_bytes(b"no audio at all")
    return tmp_path / "in"


def test_recordings_are_decoded_once_and_resampled(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Sounds(folder, tmp_path / "cache")
    assert len(first) == 2
    assert first.samples == pytest.approx(4 * SAMPLE_RATE, abs=2)
    monkeypatch.setattr(module, "decode", None)  # a call would fail
    again = Sounds(folder, tmp_path / "cache")
    np.testing.assert_array_equal(again.piece(100, rng(1)), first.piece(100, rng(1)))


def test_a_changed_folder_is_decoded_again(folder: Path, tmp_path: Path) -> None:
    Sounds(folder, tmp_path / "cache")
    write(folder / "another.wav", 0.1, 2.0)
    assert len(Sounds(folder, tmp_path / "cache")) == 3


def test_pieces_are_drawn_in_proportion_to_duration(folder: Path, tmp_path: Path) -> None:
    bank = Sounds(folder, tmp_path / "cache")
    drawn = Counter(round(float(bank.piece(1000, rng(seed))[500]), 2) for seed in range(400))
    assert drawn.keys() == {0.25, 0.5}
    assert 0.65 < drawn[0.25] / 400 < 0.85


def test_a_short_recording_is_repeated(folder: Path, tmp_path: Path) -> None:
    bank = Sounds(folder, tmp_path / "cache")
    assert all(len(bank.piece(10 * SAMPLE_RATE, rng(seed))) == 10 * SAMPLE_RATE for seed in range(5))


def test_silent_pieces_are_drawn_again(tmp_path: Path) -> None:
    write(tmp_path / "in" / "silence.wav", 0.0, 1.0)
    write(tmp_path / "in" / "sound.wav", 0.3, 1.0)
    bank = Sounds(tmp_path / "in", tmp_path / "cache")
    heard = sum(bool(bank.piece(100, rng(seed)).any()) for seed in range(100))
    assert heard > 90


def test_a_folder_without_decodable_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "broken.mp3").write_bytes(b"no audio at all")
    with pytest.raises(SourceError, match="no file in"):
        Sounds(tmp_path / "in", tmp_path / "cache")


def test_banks_are_in_the_users_cache(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    Sounds(folder)
    assert list((tmp_path / "home" / "undertext" / "sounds").glob("*.pcm"))


def test_sounds_without_speech_are_deterministic_and_varied() -> None:
    quiet = NonSpeechSounds(0.1, longest_s=4.0)
    made = [quiet(rng(seed)) for seed in range(60)]
    for seed, audio in enumerate(made):
        np.testing.assert_array_equal(audio, quiet(rng(seed)))
        assert len(audio) / SAMPLE_RATE == quiet.duration_s(rng(seed))
        assert 1.0 <= len(audio) / SAMPLE_RATE <= 4.0
        assert np.abs(audio).max() <= 1.0001
    silent = sum(not audio.any() for audio in made)
    assert 2 < silent < 20
    peaks = [20 * np.log10(np.abs(audio).max()) for audio in made if audio.any()]
    assert min(peaks) < -40 < -15 < max(peaks)


def test_recordings_without_speech_are_used(folder: Path, tmp_path: Path) -> None:
    quiet = NonSpeechSounds(0.1, 0.01, (Sounds(folder, tmp_path / "cache"),))
    # The recordings are constant, unlike synthesized sounds.
    recorded = sum(bool(np.ptp(quiet(rng(seed))) < 1e-6) for seed in range(200))
    assert 110 < recorded < 180  # 15 % silence, and 70 % of the rest


def test_the_option_is_parsed() -> None:
    assert non_speech_sounds("0") is None
    made = non_speech_sounds("0.05", 7.0)
    assert made is not None
    assert (made.share, made.longest_s) == (0.05, 7.0)
    for text, told in (("much", "'much'"), ("1", "less than 1")):
        with pytest.raises(PlanError, match=told):
            non_speech_sounds(text)
    with pytest.raises(SourceError):
        non_speech_sounds("0.1:/nonexistent")
