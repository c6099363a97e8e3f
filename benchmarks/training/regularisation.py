"""Regularisation against overfitting on a handful of clips: dropout, all methods combined, and early stopping.

Every run trains on the same few clips over and over. Without regularisation its loss goes to zero, and its error rate
on other clips rises again after its best step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.training.arms import SEEDS, PairedCounts, change_by_seed, compare_paired, paired_counts
from benchmarks.training.trained import BATCH, subset
from trainer.corpus.clips import Clip, Corpus
from trainer.evaluation.evaluate import transcribe_and_score
from trainer.evaluation.recogniser import load
from trainer.evaluation.scoring import Score
from trainer.evaluation.utterances import of_clips
from trainer.run_folder import DEV_WER, RunFolder, read_run
from trainer.training.options import Options
from trainer.training.train import train_run

#: Training clips; steps; steps between two measurements; dev clips.
CLIPS, STEPS, MEASURE_EVERY, DEV_CLIPS = 32, 200, 20, 150
#: Test clips for the best and the last model of each run.
TEST_CLIPS = 300

#: The baseline run.
NONE = "none"
#: Options that disable all regularisation, including the defaults.
NOTHING: Mapping[str, Any] = {"average": 0.0, "weight_decay": 0.0}
#: Options of `train` for each run.
RUNS: Mapping[str, Mapping[str, Any]] = {
    NONE: NOTHING,
    "dropout": {**NOTHING, "dropout": 0.2, "attention_dropout": 0.1, "activation_dropout": 0.1},
    "all": {
        **{"dropout": 0.2, "attention_dropout": 0.1, "activation_dropout": 0.1, "weight_decay": 0.1},
        **{"label_smoothing": 0.1, "bpe_dropout": 0.1, "spec_augment": 0.5, "augment": "light"},
    },
    "stop early": {**NOTHING, "patience": 3},
}


@dataclass(frozen=True)
class RunGroup:
    """The runs of one kind, one per seed; counts of their best and last models on test, next to the baseline's."""

    runs: list[RunFolder]
    best: list[PairedCounts]
    last: list[PairedCounts]

    def row(self, name: str) -> dict[str, object]:
        best, last = compare_paired(self.best), compare_paired(self.last)
        steps, percents = zip(*((run.best or (0, 0.0)) for run in self.runs), strict=True)
        compared = {
            "last, change over none": str(last.change),
            "verdict": last.verdict,
            "change, by seed": ", ".join(f"{change:.1f}" for change in change_by_seed(self.last)),
        }
        return {
            "run": name,
            "steps": ", ".join(str(run.steps) for run in self.runs),
            "last loss": float(np.median([run.last("loss") for run in self.runs])),
            "best step": ", ".join(map(str, steps)),
            "dev WER %: best": float(np.mean(percents)),
            "dev: last": float(np.mean([run.last(DEV_WER) for run in self.runs])),
            "test WER %: best": str(best.other),
            "test: last": str(last.other),
            **(compared if name != NONE else {}),
        }


def regularisation(
    corpus: Corpus,
    model: str,
    folder: Path,
    runs: Mapping[str, Mapping[str, Any]] = RUNS,
    steps: int = STEPS,
    measure_every: int = MEASURE_EVERY,
    seeds: Sequence[int] = SEEDS,
    progress: Callable[[], object] = lambda: None,
) -> dict[str, RunGroup]:
    """Train and evaluate every kind of run; results by name.

    Args:
        model: the initial model: a checkpoint, or new:SIZE.
        folder: for the runs.
        runs: options of `train` for each run; NONE must be the first.
        seeds: of the training runs; each draws its own training clips.
        progress: called after each run.
    """
    dev, test = _drawn(corpus.split("dev"), DEV_CLIPS, 1), _drawn(corpus.split("test"), TEST_CLIPS, 1)
    groups = {name: RunGroup([], [], []) for name in runs}
    for seed in seeds:
        few = _drawn(corpus.split("train"), CLIPS, seed)
        drawn = subset(corpus, [*few, *dev], folder / f"corpus-{seed}")
        usual = Options(
            drawn.folder,
            model,
            folder,
            epochs=steps * BATCH / len(few),
            seed=seed,
            batch=BATCH,
            join=0.0,
            measure_every=measure_every,
            log_every=1,
        )
        without: list[list[Score]] = []
        for name, options in runs.items():
            run = train_run(replace(usual, run=folder / f"{name.replace(' ', '-')}-{seed}", **options)).folder
            counts = [_judge(run / which, corpus, test) for which in ("best", "last")]
            without = without or counts
            groups[name].runs.append(read_run(run))
            for judged, plain, other in zip((groups[name].best, groups[name].last), without, counts, strict=True):
                judged += paired_counts(seed, test, plain, other)
            progress()
    return groups


def _judge(model: Path, corpus: Corpus, clips: Sequence[Clip]) -> list[Score]:
    recogniser = load(str(model))
    return [row.words for row in transcribe_and_score(recogniser, of_clips(corpus, clips), recogniser.declared_s)]


def _drawn(clips: Sequence[Clip], count: int, seed: int) -> list[Clip]:
    spoken = [clip for clip in clips if clip.text]
    chosen = sorted(np.random.default_rng(seed).permutation(len(spoken))[:count].tolist())
    return [spoken[i] for i in chosen]
