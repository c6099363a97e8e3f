"""What keeps a run on a handful of clips from learning them by heart: dropout, all that there is, and to stop in time.

Every run hears the same few clips over and over. Without anything its loss goes to nothing, and what it makes of other
clips becomes worse again behind its best step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.training.arms import Comparison, compare
from benchmarks.training.trained import BATCH, subset
from trainer.corpus.clips import Clip, Corpus
from trainer.evaluation.evaluate import transcribed
from trainer.evaluation.recogniser import load
from trainer.evaluation.scoring import Score
from trainer.evaluation.utterances import of_clips
from trainer.run_folder import DECISIVE, RunFolder, read_run
from trainer.training.options import Options
from trainer.training.train import train_run

#: Clips that are trained on; steps, and between two measures; clips of dev that are measured.
CLIPS, STEPS, MEASURE_EVERY, DEV_CLIPS = 32, 200, 20, 150
#: Clips of test that the best and the last model of each run are judged on.
TEST_CLIPS = 300

#: The run that others are compared with.
NONE = "none"
#: Nothing that keeps a model from learning by heart, not even what a run has unless it is told otherwise.
NOTHING: Mapping[str, Any] = {"average": 0.0, "weight_decay": 0.0}
#: The runs that are compared, each by what it asks of `train`.
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
class Found:
    """One run, and its models of the best and the last step on test, each beside that of the run without anything."""

    run: RunFolder
    best: Comparison
    last: Comparison

    def row(self, name: str) -> dict[str, object]:
        step, percent = self.run.best or (0, 0.0)
        return {
            "run": name,
            "steps": self.run.steps,
            "last loss": self.run.last("loss"),
            "best step": step,
            "dev WER %: best": percent,
            "dev: last": self.run.last(DECISIVE),
            "test WER %: best": str(self.best.other),
            "test: last": str(self.last.other),
            **({"last, change over none": str(self.last.change), "verdict": self.last.verdict} if name != NONE else {}),
        }


def regularisation(
    corpus: Corpus,
    model: str,
    folder: Path,
    runs: Mapping[str, Mapping[str, Any]] = RUNS,
    steps: int = STEPS,
    measure_every: int = MEASURE_EVERY,
    seed: int = 1,
    progress: Callable[[], object] = lambda: None,
) -> dict[str, Found]:
    """Every run by its name.

    Args:
        model: what they begin with: a checkpoint, or new:SIZE.
        folder: for the runs.
        runs: what each asks of `train`; NONE comes first.
        progress: called behind each run.
    """
    few = _drawn(corpus.split("train"), CLIPS, seed)
    heard = subset(corpus, [*few, *_drawn(corpus.split("dev"), DEV_CLIPS, seed)], folder / "corpus")
    test = _drawn(corpus.split("test"), TEST_CLIPS, seed)
    usual = Options(
        heard.folder,
        model,
        folder,
        epochs=steps * BATCH / len(few),
        seed=seed,
        batch=BATCH,
        join=0.0,
        measure_every=measure_every,
        log_every=1,
    )
    counts: dict[str, tuple[Sequence[Score], Sequence[Score]]] = {}
    found: dict[str, Found] = {}
    for name, asked in runs.items():
        run = train_run(replace(usual, run=folder / name.replace(" ", "-"), **asked)).folder
        best, last = (_judge(run / which, corpus, test) for which in ("best", "last"))
        counts[name] = (best, last)
        found[name] = Found(read_run(run), compare(counts[NONE][0], best), compare(counts[NONE][1], last))
        progress()
    return found


def _judge(model: Path, corpus: Corpus, clips: Sequence[Clip]) -> list[Score]:
    recogniser = load(str(model))
    return [row.words for row in transcribed(recogniser, of_clips(corpus, clips), recogniser.declared_s)]


def _drawn(clips: Sequence[Clip], count: int, seed: int) -> list[Clip]:
    spoken = [clip for clip in clips if clip.text]
    chosen = sorted(np.random.default_rng(seed).permutation(len(spoken))[:count].tolist())
    return [spoken[i] for i in chosen]
