"""The training experiments, with made-up models: what is held out, comparisons, and confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.training.arms import Arm, compare
from benchmarks.training.robustness import VOICES, Condition, babble, conditions, disturbed, robustness
from benchmarks.training.trained import subset
from benchmarks.training.unseen_accent import leave_out, unseen_accent
from trainer.augmentation.loudness import active_rms, rms
from trainer.corpus.clips import Clip, Corpus, Writer
from trainer.examples import SAMPLE_RATE, Example


@dataclass(frozen=True)
class Count:
    words: int
    errors: int


@dataclass(frozen=True)
class Model:
    """Records how it was trained."""

    accents: frozenset[str]
    balanced: bool
    augmented: bool
    seed: int


def train(clips: Sequence[Clip], arm: Arm, seed: int) -> Model:
    return Model(frozenset(clip.accent for clip in clips), bool(arm.balance), arm.augment != "none", seed)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Uncorrelated tones: 40 of each of three accents, and some without an accent."""
    with Writer(tmp_path_factory.mktemp("corpus")) as writer:
        for n in range(130):
            accent = ("a", "b", "c")[n % 3] if n < 120 else ""
            time_s = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
            audio = (4000 * np.sin(2 * np.pi * (200 + 53 * n) * time_s)).astype(np.int16)
            writer.add(
                audio,
                id=str(n),
                text=f"{n % 7} {n % 5}",
                language="en",
                split="test" if n % 4 == 0 else "train",
                accent=accent,
                speaker=f"{accent}{n % 4}" if n < 125 else "a1",
            )
        return writer.finish({})


def test_accent_is_left_out_with_its_speakers_and_with_unlabelled_clips() -> None:
    clips = [
        Clip("1", 0, 0, 1, "x", "en", "train", accent="a", speaker="s"),
        Clip("2", 0, 0, 1, "x", "en", "test", accent="a", speaker="t"),
        Clip("3", 0, 0, 1, "x", "en", "train", accent="b", speaker="s"),
        Clip("4", 0, 0, 1, "x", "en", "train", accent="b", speaker="u"),
        Clip("5", 0, 0, 1, "x", "en", "train", accent="", speaker="v"),
        Clip("6", 0, 0, 1, "", "en", "train", accent="b", speaker="w"),
        Clip("7", 0, 0, 1, "x", "en", "dev", accent="b"),
    ]
    others, unseen = leave_out(clips, "accent", "a", 10, 1)
    assert [clip.id for clip in others] == ["4", "7"]
    assert [clip.id for clip in unseen] == ["1", "2"]
    assert len(leave_out(clips, "accent", "a", 1, 1)[1]) == 1


def test_each_accent_is_evaluated_with_models_not_trained_on_it(corpus: Corpus) -> None:
    judged: list[tuple[Model, set[str]]] = []

    def evaluate(model: Model, examples: Sequence[Example]) -> list[Count]:
        accents = {corpus.clips[int(example.id)].accent for example in examples}
        judged.append((model, accents))
        # Plain models make an error in one of two words, the others only in every fourth clip.
        return [Count(2, 1 if not model.augmented or int(e.id) % 4 == 0 else 0) for e in examples]

    models: list[int] = []
    found = unseen_accent(corpus, train, evaluate, progress=lambda: models.append(1))
    assert len(models) == 18
    assert {model.seed for model, _ in judged} == {1, 2, 3}
    for model, accents in judged:
        assert not model.accents & accents
        assert model.accents | accents == {"a", "b", "c"}
        assert model.balanced == model.augmented
    assert found.figures() == {
        "unseen_accent_wer_percent_plain": 50.0,
        "unseen_accent_wer_percent_balanced_augmented": pytest.approx(12.5),
    }
    assert found.accents.keys() == {"a", "b", "c"}
    assert {each.by_clip.verdict for each in found.accents.values()} == {"better"}
    rows = found.rows()
    assert [row["unseen accent"] for row in rows] == ["a", "b", "c", "all"]
    assert [row["speakers"] for row in rows] == [4, 4, 4, 12]
    # The other models make errors for only one speaker in four: without that one, the change is -50 points.
    first = found.accents["a"]
    assert first.by_speaker
    assert first.by_speaker.change.low_percent == -50 < first.by_clip.change.low_percent
    assert first.by_seed == [first.by_clip.change.percent] * 3
    assert rows[0]["clips"] == first.clips == len([clip for clip in corpus.clips if clip.accent == "a" and clip.text])


def test_one_speaker_gives_no_interval_over_speakers(corpus: Corpus, tmp_path: Path) -> None:
    clips = [replace(clip, speaker=clip.accent or "someone") for clip in corpus.clips]
    one_each = subset(corpus, clips, tmp_path / "corpus")
    found = unseen_accent(one_each, train, lambda model, examples: [Count(2, 1) for _ in examples])
    assert [bool(each.by_speaker) for each in (*found.accents.values(), found.together)] == [False] * 3 + [True]
    assert [bool(row["change, speakers resampled"]) for row in found.rows()] == [False, False, False, True]


def test_one_accent_cannot_be_left_out(corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="takes two"):
        unseen_accent(corpus, train, lambda model, examples: [], column="age")


def test_paired_difference_has_a_narrower_interval_than_its_parts() -> None:
    # Hard utterances are hard for both models; the other one makes one error fewer in each.
    plain = [Count(10, 6 if n % 2 else 1) for n in range(100)]
    other = [Count(10, 5 if n % 2 else 0) for n in range(100)]
    found = compare(plain, other)
    assert found.plain.percent == 35
    assert found.plain.low_percent < 32 < 38 < found.plain.high_percent
    assert (found.change.percent, found.change.low_percent, found.change.high_percent) == pytest.approx((-10, -10, -10))
    assert found.verdict == "better"
    assert compare(other, plain).verdict == "worse"
    assert compare(plain, plain).verdict == "no difference shown"


def test_an_interval_over_speakers_is_wider_where_they_differ() -> None:
    plain = [Count(10, 8 if n < 50 else 1) for n in range(100)]
    by_speaker = compare(plain, plain, units=[str(n // 25) for n in range(100)])
    by_clip = compare(plain, plain)
    assert by_speaker.plain.percent == by_clip.plain.percent
    assert by_speaker.plain.high_percent - by_speaker.plain.low_percent > 2 * (
        by_clip.plain.high_percent - by_clip.plain.low_percent
    )


def test_interval_contains_the_true_rate_in_about_19_of_20_cases() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(100):
        counts = [Count(5, int(errors)) for errors in rng.binomial(5, 0.2, 120)]
        rate = compare(counts, counts).plain
        held += rate.low_percent <= 20 <= rate.high_percent
    assert held >= 88


@pytest.mark.parametrize("other", [[], [Count(2, 0)], [Count(3, 0), Count(2, 0)]])
def test_arms_are_judged_on_the_same_utterances(other: list[Count]) -> None:
    with pytest.raises(ValueError, match="same utterances"):
        compare([Count(2, 0), Count(2, 0)], other)


def test_robustness_trains_on_train_and_judges_test_under_each_condition(corpus: Corpus) -> None:
    def evaluate(model: Model, examples: Sequence[Example]) -> list[Count]:
        assert all(corpus.clips[int(example.id)].split == "test" for example in examples)
        # A plain model fails on clips with a changed length or with noise.
        hurt = [len(e.audio) != SAMPLE_RATE // 2 or np.abs(e.audio).min() > 0 for e in examples]
        return [Count(2, 2 * int(h and not (model.augmented and model.seed > 1))) for h in hurt]

    found = robustness(corpus, train, evaluate, at_most=10)
    rows = {row["clips"]: row for row in found.rows()}
    assert list(rows) == [condition.name for condition in conditions()]
    assert len(rows) == 1 + 4 + 4 + 2 + 2
    assert rows["speed -15 %"]["plain WER %"] == "100.0 (100.0 to 100.0)"
    assert rows["speed -15 %"]["augmented WER %"] == "33.3 (33.3 to 33.3)", "the first seed's model learnt nothing"
    assert rows["speed -15 %"]["change, by seed"] == "0.0, -100.0, -100.0"
    assert rows["speed -15 %"]["verdict"] == "better"
    assert rows["as they are"]["verdict"] == "no difference shown"


@pytest.mark.parametrize("snr_db", [20, 0])
@pytest.mark.parametrize("kind", ["noise", "babble"])
def test_condition_has_the_stated_snr(corpus: Corpus, snr_db: float, kind: str) -> None:
    augment, babble_db = (f"noise:1:{snr_db}..{snr_db}", None) if kind == "noise" else ("", snr_db)
    condition = Condition(kind, augment, babble_db)
    clips = corpus.clips[:8]
    once, again = (list(disturbed(corpus, clips, condition)) for _ in range(2))
    for clip, example, same in zip(clips, once, again, strict=True):
        np.testing.assert_array_equal(example.audio, same.audio)
        clean = corpus.audio(clip)
        assert 20 * np.log10(rms(clean) / rms(example.audio - clean)) == pytest.approx(snr_db, abs=0.5)


def test_babble_consists_of_other_clips_with_other_text(tmp_path: Path) -> None:
    with Writer(tmp_path) as writer:
        for n, text in enumerate(["one", "one", "two"]):
            audio = np.full(100, 100 * (n + 1) * (-1) ** n, np.int16)
            writer.add(audio, id=str(n), text=text, language="en", split="test")
        corpus = writer.finish({})
    mixed = babble(corpus, corpus.clips, corpus.clips[0], np.random.default_rng(1))
    np.testing.assert_allclose(mixed, VOICES, rtol=1e-5)
    assert active_rms(mixed) == pytest.approx(VOICES)


def test_speed_lengthens_and_pitch_does_not(corpus: Corpus) -> None:
    by_name = {condition.name: condition for condition in conditions()}
    for name, samples in (
        ("speed -15 %", round(8000 / 0.85)),
        ("speed +15 %", round(8000 / 1.15)),
        ("pitch +2 semitones", 8000),
    ):
        (example,) = disturbed(corpus, corpus.clips[:1], by_name[name])
        assert len(example.audio) == samples
        assert example.words[-1].end_s == pytest.approx(len(example.audio) / SAMPLE_RATE, abs=1e-4)
