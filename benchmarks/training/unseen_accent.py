"""Whether balancing with augmentation helps on an accent that is not trained on. Each accent is left out once.

For each accent, models are trained on all clips of the others, unchanged or balanced and augmented, with several seeds
each, and evaluated on the accent that was left out. The corpus's own splits are ignored: the accent is held out, with
all of its speakers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from benchmarks.training.arms import (
    PLAIN,
    SEEDS,
    Arm,
    Comparison,
    Evaluate,
    Model,
    PairedCounts,
    Train,
    change_by_seed,
    compare_paired,
    paired_counts,
)
from trainer.corpus.clips import Clip, Corpus
from trainer.training.clip_source import example_of

#: The arm that is compared with training on unchanged clips.
BALANCED_AUGMENTED = Arm(balance="accent:inf", augment="radio")
#: All accents together.
ALL = "all"


@dataclass(frozen=True)
class AccentComparison:
    """A comparison that resamples clips, and if there are several speakers, one that resamples speakers, whose interval
    is valid for other speakers as well. `by_seed` is the change in points for each seed.
    """

    clips: int
    speakers: int
    by_clip: Comparison
    by_speaker: Comparison | None
    by_seed: Sequence[float]

    @classmethod
    def of(cls, judged: Sequence[PairedCounts]) -> Self:
        speakers = {one.speaker for one in judged}
        return cls(
            len({one.clip.id for one in judged}),
            len(speakers),
            compare_paired(judged),
            compare_paired(judged, lambda one: one.speaker) if len(speakers) > 1 else None,
            change_by_seed(judged),
        )

    def row(self) -> dict[str, object]:
        return {
            "speakers": self.speakers,
            "clips": self.clips,
            "plain WER %": str(self.by_clip.plain),
            "balanced, augmented WER %": str(self.by_clip.other),
            "change": str(self.by_clip.change),
            "verdict": self.by_clip.verdict,
            "change, speakers resampled": str(self.by_speaker.change) if self.by_speaker else "",
            "change, by seed": ", ".join(f"{change:.1f}" for change in self.by_seed),
        }


@dataclass(frozen=True)
class Result:
    """One comparison for each accent, and one for all accents together."""

    accents: Mapping[str, AccentComparison]
    together: AccentComparison

    def rows(self) -> list[dict[str, object]]:
        return [{"unseen accent": a, **found.row()} for a, found in {**self.accents, ALL: self.together}.items()]

    def figures(self) -> dict[str, float]:
        return {
            "unseen_accent_wer_percent_plain": self.together.by_clip.plain.percent,
            "unseen_accent_wer_percent_balanced_augmented": self.together.by_clip.other.percent,
        }


def unseen_accent(
    corpus: Corpus,
    train: Train[Model],
    evaluate: Evaluate[Model],
    arm: Arm = BALANCED_AUGMENTED,
    column: str = "accent",
    at_most: int = 500,
    seeds: Sequence[int] = SEEDS,
    progress: Callable[[], object] = lambda: None,
) -> Result:
    """Leave out each value of a column in turn.

    Args:
        at_most: maximum number of test clips per accent, drawn at random.
        seeds: of the training runs; each gives two models for each accent.
        progress: called after each trained model.

    Raises:
        ValueError: there are fewer than two accents.
    """
    accents = sorted({clip.column(column) for clip in corpus.clips if clip.column(column) and clip.text})
    if len(accents) < 2:
        raise ValueError(f"to leave one {column} out takes two; the corpus has {accents or 'none'}")
    judged: dict[str, list[PairedCounts]] = {}
    for accent in accents:
        others, unseen = leave_out(corpus.clips, column, accent, at_most)
        examples = [example_of(clip, corpus.audio(clip)) for clip in unseen]
        judged[accent] = []
        for seed in seeds:
            counts = []
            for each in (PLAIN, arm):
                counts.append(evaluate(train(others, each, seed), examples))
                progress()
            judged[accent] += paired_counts(seed, unseen, *counts)
    everything = [one for some in judged.values() for one in some]
    return Result(
        {accent: AccentComparison.of(some) for accent, some in judged.items()}, AccentComparison.of(everything)
    )


def leave_out(
    clips: Sequence[Clip], column: str, value: str, at_most: int, seed: int = 1
) -> tuple[list[Clip], list[Clip]]:
    """Training clips and test clips.

    Clips without an accent, and clips of a speaker who has others in the accent that is left out, might have that
    accent: neither are used in training.
    """
    spoken = [clip for clip in clips if clip.text]
    speakers = {clip.speaker for clip in spoken if clip.column(column) == value and clip.speaker}
    others = [c for c in spoken if c.column(column) not in ("", value) and c.speaker not in speakers]
    unseen = [clip for clip in spoken if clip.column(column) == value]
    chosen = sorted(np.random.default_rng(seed).permutation(len(unseen))[:at_most].tolist())
    return others, [unseen[i] for i in chosen]
