"""Augmentation: settings, determinism, lengths, and unusual inputs."""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.augmentation.augment import KINDS, PRESETS, Augmentation, Setting, parse, text_of
from trainer.errors import PlanError, SourceError
from trainer.examples import SAMPLE_RATE
from trainer.training.clip_source import Audio

EVERYTHING = ",".join(KINDS)


def voice(seconds: float = 1.0) -> Audio:
    """Return a pulsed buzz with pauses."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * 130 * n * t) / n for n in range(1, 20))
    return (0.1 * buzz * (np.sin(2 * np.pi * 3 * t) > -0.3)).astype(np.float32)


def rng(index: int = 0) -> np.random.Generator:
    return np.random.default_rng([1, index])


def digest_of_everything(index: int) -> str:
    return hashlib.sha256(Augmentation(parse(EVERYTHING))(voice(), rng(index)).tobytes()).hexdigest()


def test_presets_and_effects_are_combined_and_the_last_setting_counts() -> None:
    names = [setting.name for setting in parse("radio")]
    assert names == [name for name in KINDS if name in names]
    found = parse("light, noise:0.9:0..5, speed:0, pitch")
    assert found == (
        Setting("pitch", 1.0, -2, 2),
        Setting("noise", 0.9, 0, 5),
        Setting("gain", 0.5, -20, 0),
    )
    assert parse("none") == ()
    assert parse("") == ()


def test_a_folder_name_may_contain_a_colon() -> None:
    assert parse("noise:0.5:5..20:a:b/c")[0].folder == "a:b/c"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("noize", "'noize'"),
        ("noise:often", "NAME:PROBABILITY"),
        ("noise:0.5:5-20", r"5\.\.30"),
        ("noise:1.5", "probability"),
        ("speed:1:0..1", "from 0.5 to 2 times"),
        ("speed:1:1.1..0.9", "speed"),
        ("pitch:1:-2..2:folder", "takes no folder"),
    ],
)
def test_invalid_settings_are_named(text: str, told: str) -> None:
    with pytest.raises(PlanError, match=told):
        parse(text)


@st.composite
def some_settings(draw: st.DrawFn) -> tuple[Setting, ...]:
    found = []
    for name in sorted(draw(st.sets(st.sampled_from(sorted(KINDS)))), key=list(KINDS).index):
        low, high = sorted(draw(st.tuples(*[st.floats(*KINDS[name].allowed)] * 2)))
        folder = draw(st.sampled_from(["", "some/folder"])) if KINDS[name].takes_folder else ""
        found.append(Setting(name, draw(st.floats(0, 1, exclude_min=True)), low, high, folder))
    return tuple(found)


@given(some_settings())
def test_written_values_are_read_back(found: tuple[Setting, ...]) -> None:
    assert parse(text_of(found)) == found


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "none"])
def test_the_same_seed_and_index_give_the_same_samples(preset: str) -> None:
    one, again = Augmentation(parse(preset)), Augmentation(parse(preset))
    made = [one(voice(), rng(index)) for index in range(20)]
    assert len({audio.tobytes() for audio in made}) > 10
    for index in reversed(range(20)):
        np.testing.assert_array_equal(again(voice(), rng(index)), made[index])


def test_another_process_makes_the_same_samples() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(digest_of_everything, [3, 4]) == [digest_of_everything(3), digest_of_everything(4)]


@settings(max_examples=40)
@given(index=st.integers(0, 2**40), samples=st.sampled_from([0, 1, 2, 15, 16, 17, 159, 400, 1600, 4801]))
def test_the_length_is_known_in_advance(index: int, samples: int) -> None:
    augment = Augmentation(parse(f"{EVERYTHING},speed:0.7:0.5..2,tempo:0.7:0.5..2"))
    made = augment(voice()[:samples], rng(index))
    assert len(made) == round(samples * augment.lengthening(rng(index)))
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert np.abs(made).max(initial=0) <= 1


def test_other_effects_do_not_change_the_length() -> None:
    assert Augmentation(parse("noise,mp3")).lengthening(rng()) == 1.0


def test_another_effect_does_not_change_the_draws_of_the_others() -> None:
    alone, beside = Augmentation(parse("gain:0.5:-20..-10")), Augmentation(parse("gain:0.5:-20..-10,band:0.000001"))
    for index in range(30):
        np.testing.assert_array_equal(alone(voice(), rng(index)), beside(voice(), rng(index)))


def test_drawn_effects_are_reported_and_can_be_applied_alone() -> None:
    augment = Augmentation(parse("speed:0.5:0.9..1.1,gain:0.5:-20..-10,band:0.5:3000..4000"))
    for index in range(30):
        drawn = augment.drawn(rng(index))
        assert augment.lengthening(rng(index)) == pytest.approx(1 / drawn.get("speed", 1.0))
        changed = (augment(voice(), rng(index)) != voice()).any() if "speed" not in drawn else True
        assert changed == bool(drawn)
    gain = augment.only(augment.settings[1], -6)
    assert gain.drawn(rng()) == {augment.settings[1].name: -6}
    assert len(augment.settings) == 3


def test_probabilities_are_kept() -> None:
    augment = Augmentation(parse("gain:0.3:-6..-6"))
    came = sum(bool((augment(voice(0.01), rng(index)) != voice(0.01)).any()) for index in range(1000))
    assert 250 < came < 350


@pytest.mark.parametrize("name", KINDS)
def test_silence_stays_silence(name: str) -> None:
    made = Augmentation(parse(name))(np.zeros(8000, np.float32), rng())
    assert np.abs(made).max() < 1e-3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_samples_are_refused(bad: float) -> None:
    audio = voice()
    audio[5] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        Augmentation(parse("gain"))(audio, rng())


def test_a_folder_without_audio_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("no audio")
    with pytest.raises(SourceError, match="no recordings"):
        Augmentation(parse(f"noise:0.5:5..20:{tmp_path}"))
    with pytest.raises(SourceError, match="not a folder"):
        Augmentation(parse(f"noise:0.5:5..20:{tmp_path}/none"))


def test_an_augmentation_can_be_pickled(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "hiss.wav", 0.1 * np.random.default_rng(1).standard_normal(8000), 8000)
    augment = Augmentation(parse(f"noise:1:5..5:{tmp_path}"), tmp_path / "cache")
    made = augment(voice(), rng())
    assert (made != voice()).any()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(augment))(voice(), rng()), made)
