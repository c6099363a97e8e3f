"""Effect of noise, pitch and speed on a model trained with and without augmentation.

Noise is of the kinds that augmentation uses. Babble, four other clips at once, is not: it shows whether a model is
robust to noise in general, not only to the noise in training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.training.arms import (
    PLAIN,
    SEEDS,
    Arm,
    Evaluate,
    Model,
    PairedCounts,
    Train,
    change_by_seed,
    compare_paired,
    paired_counts,
)
from trainer.augmentation.augment import Augmentation, parse
from trainer.augmentation.loudness import active_rms, at_snr
from trainer.corpus.clips import Clip, Corpus
from trainer.examples import Example
from trainer.training.clip_source import Audio, Augment, example_of

#: The arm that is compared with training on unchanged clips.
AUGMENTED = Arm(augment="speed:0.3:0.85..1.15,pitch:0.3:-2..2,noise:0.6:0..30,gain:0.3:-20..0")
SNR_DB = (20, 10, 5, 0)
SEMITONES = (-2, 2)
SPEEDS = (0.85, 1.15)
#: Voices in babble.
VOICES = 4


@dataclass(frozen=True)
class Condition:
    """A change of the test clips: an effect of `trainer.augmentation`, or babble at an SNR."""

    name: str
    augment: str = ""
    babble_db: float | None = None


def conditions() -> Iterator[Condition]:
    """Unchanged; then one change at a time."""
    yield Condition("as they are")
    for snr_db in SNR_DB:
        yield Condition(f"noise at {snr_db} dB", f"noise:1:{snr_db}..{snr_db}")
    for snr_db in SNR_DB:
        yield Condition(f"babble at {snr_db} dB", babble_db=snr_db)
    for semitones in SEMITONES:
        yield Condition(f"pitch {semitones:+d} semitones", f"pitch:1:{semitones}..{semitones}")
    for speed in SPEEDS:
        yield Condition(f"speed {100 * (speed - 1):+.0f} %", f"speed:1:{speed}..{speed}")


@dataclass(frozen=True)
class Result:
    """Counts of the clips under each condition, for every seed."""

    conditions: Sequence[tuple[Condition, Sequence[PairedCounts]]]

    def rows(self) -> list[dict[str, object]]:
        return [_row(condition, judged) for condition, judged in self.conditions]


def robustness(
    corpus: Corpus,
    train: Train[Model],
    evaluate: Evaluate[Model],
    arm: Arm = AUGMENTED,
    at_most: int = 500,
    seeds: Sequence[int] = SEEDS,
    progress: Callable[[], object] = lambda: None,
) -> Result:
    """Train with and without augmentation on the train split, and evaluate both on test under each condition.

    Args:
        at_most: maximum number of test clips.
        seeds: of the training runs; each gives two models. The clips are disturbed in the same way for all.
        progress: called after each trained model and each condition.
    """
    clips = [clip for clip in corpus.split("train") if clip.text]
    models = []
    for seed in seeds:
        for which in (PLAIN, arm):
            models.append(train(clips, which, seed))
            progress()
    spoken = [clip for clip in corpus.split("test") if clip.text]
    chosen = [spoken[i] for i in sorted(np.random.default_rng(1).permutation(len(spoken))[:at_most].tolist())]
    results = []
    for condition in conditions():
        examples = list(disturbed(corpus, chosen, condition))
        counts = [evaluate(model, examples) for model in models]
        pairs = zip(seeds, counts[::2], counts[1::2], strict=True)
        results.append((condition, [one for pair in pairs for one in paired_counts(pair[0], chosen, *pair[1:])]))
        progress()
    return Result(results)


def _row(condition: Condition, judged: Sequence[PairedCounts]) -> dict[str, object]:
    comparison = compare_paired(judged)
    return {
        "clips": condition.name,
        "plain WER %": str(comparison.plain),
        "augmented WER %": str(comparison.other),
        "change": str(comparison.change),
        "verdict": comparison.verdict,
        "change, by seed": ", ".join(f"{change:.1f}" for change in change_by_seed(judged)),
    }


def disturbed(corpus: Corpus, clips: Sequence[Clip], condition: Condition) -> Iterator[Example]:
    """Clips under a condition; deterministic, so all models get the same samples."""
    effect: Augment | None = Augmentation(parse(condition.augment)) if condition.augment else None
    for number, clip in enumerate(clips):
        # Different from the random streams of training, which are (seed, index, 1).
        state = [1, number, 99]
        audio, lengthening = corpus.audio(clip), 1.0
        if effect:
            lengthening = effect.lengthening(np.random.default_rng(state))
            audio = effect(audio, np.random.default_rng(state))
        if condition.babble_db is not None:
            noise = babble(corpus, clips, clip, np.random.default_rng(state))
            audio = at_snr(audio, noise, condition.babble_db)
            audio = audio / np.float32(max(1.0, float(np.abs(audio).max(initial=0.0))))
        yield example_of(clip, audio, lengthening)


def babble(corpus: Corpus, clips: Sequence[Clip], under: Clip, rng: np.random.Generator) -> Audio:
    """Several other clips at once, equally loud, each repeated from a random position."""
    mixed = np.zeros(under.n_samples, np.float32)
    others = [clip for clip in clips if clip.id != under.id and clip.text != under.text] or [under]
    for place in rng.integers(0, len(others), VOICES).tolist():
        voice = corpus.audio(others[place])
        voice = np.resize(np.roll(voice, int(rng.integers(0, max(1, len(voice))))), under.n_samples)
        mixed += voice / np.float32(active_rms(voice) or 1.0)
    return mixed
