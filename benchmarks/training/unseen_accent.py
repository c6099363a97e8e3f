"""Does balance with augmentation help an accent that was not trained on? Each accent is left out once.

For each accent, two models are trained on all clips of the others: as they are, and balanced and augmented. Both are
judged on the accent that neither heard. The corpus' own splits are put aside: what is held out is the accent, and with
it every one of its speakers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.training.arms import PLAIN, Arm, Comparison, Evaluate, Model, Train, compare
from trainer.clip_source import example_of
from trainer.clips import Clip, Corpus
from trainer.intervals import Counted

#: What is compared with training on clips as they are.
BALANCED_AUGMENTED = Arm(balance="accent:inf", augment="radio")
#: All accents together.
ALL = "all"


@dataclass(frozen=True)
class Result:
    """One comparison for each accent, and all accents together.

    `speakers` says how many there are; where there are several, `by_speaker` has the same comparison with whole
    speakers drawn: how sure it is of other people, and not of these very ones.
    """

    accents: Mapping[str, Comparison]
    together: Comparison
    speakers: Mapping[str, int]
    by_speaker: Mapping[str, Comparison]

    def rows(self) -> list[dict[str, object]]:
        return [
            {
                "unseen accent": accent,
                "speakers": self.speakers[accent],
                "clips": found.utterances,
                "plain WER %": str(found.plain),
                "balanced, augmented WER %": str(found.other),
                "change": str(found.change),
                "verdict": found.verdict,
                "change, by speaker": str(self.by_speaker[accent].change) if accent in self.by_speaker else "",
            }
            for accent, found in {**self.accents, ALL: self.together}.items()
        ]

    def figures(self) -> dict[str, float]:
        return {
            "unseen_accent_wer_percent_plain": self.together.plain.percent,
            "unseen_accent_wer_percent_balanced_augmented": self.together.other.percent,
        }


def unseen_accent(
    corpus: Corpus,
    train: Train[Model],
    evaluate: Evaluate[Model],
    arm: Arm = BALANCED_AUGMENTED,
    column: str = "accent",
    at_most: int = 500,
    seed: int = 1,
    progress: Callable[[], object] = lambda: None,
) -> Result:
    """Leave out each value of a column in turn.

    Args:
        at_most: clips of each accent that are judged, drawn by the seed.
        progress: called behind each trained model; there are two for each accent.

    Raises:
        ValueError: there are fewer than two accents.
    """
    accents = sorted({clip.column(column) for clip in corpus.clips if clip.column(column) and clip.text})
    if len(accents) < 2:
        raise ValueError(f"to leave one {column} out takes two; the corpus has {accents or 'none'}")
    counts: dict[str, tuple[Sequence[Counted], Sequence[Counted]]] = {}
    voices: dict[str, list[str]] = {}
    for accent in accents:
        others, unseen = leave_out(corpus.clips, column, accent, at_most, seed)
        examples = [example_of(clip, corpus.audio(clip)) for clip in unseen]
        found = []
        for each in (PLAIN, arm):
            found.append(evaluate(train(others, each, seed), examples))
            progress()
        counts[accent] = (found[0], found[1])
        # Whoever does not say who they are may be anyone.
        voices[accent] = [clip.speaker or clip.id for clip in unseen]
    plain = [count for one, _ in counts.values() for count in one]
    other = [count for _, two in counts.values() for count in two]
    together = {ALL: (plain, other)}
    voices[ALL] = [voice for some in voices.values() for voice in some]
    speakers = {accent: len(set(some)) for accent, some in voices.items()}
    return Result(
        {accent: compare(*pair) for accent, pair in counts.items()},
        compare(plain, other),
        speakers,
        {a: compare(*pair, voices[a]) for a, pair in {**counts, **together}.items() if speakers[a] > 1},
    )


def leave_out(clips: Sequence[Clip], column: str, value: str, at_most: int, seed: int) -> tuple[list[Clip], list[Clip]]:
    """Clips to train on, and clips to judge on.

    Clips that do not say their accent might have the one that is left out, and so might another clip of one of its
    speakers: neither is trained on.
    """
    spoken = [clip for clip in clips if clip.text]
    speakers = {clip.speaker for clip in spoken if clip.column(column) == value and clip.speaker}
    others = [c for c in spoken if c.column(column) not in ("", value) and c.speaker not in speakers]
    unseen = [clip for clip in spoken if clip.column(column) == value]
    chosen = sorted(np.random.default_rng(seed).permutation(len(unseen))[:at_most].tolist())
    return others, [unseen[i] for i in chosen]
