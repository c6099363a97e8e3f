"""Train and evaluate models for the experiments: each is a real run of `train` on a corpus of selected clips."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.training.arms import Arm
from trainer.corpus.clips import AUDIO_NAME, CLIPS_NAME, CORPUS_NAME, Clip, Corpus
from trainer.evaluation.evaluate import transcribe_and_score
from trainer.evaluation.recogniser import load
from trainer.evaluation.scoring import Score
from trainer.evaluation.utterances import of_examples
from trainer.examples import Example
from trainer.training.options import Options
from trainer.training.train import train_run

#: Steps of a run, and batch size: enough for the bundled model to learn ten words by unknown speakers.
STEPS, BATCH = 150, 16


@dataclass(frozen=True)
class Trained:
    """Trains and evaluates models; holds the settings that all ways to train share.

    Attributes:
        corpus: of all clips.
        model: the initial model of every run: a checkpoint, or new:SIZE.
        folder: for the runs.
        steps: of BATCH clips, independent of the number of clips.
        join: share of clips that are joined in a window, in training only.
    """

    corpus: Corpus
    model: str
    folder: Path
    steps: int = STEPS
    join: float = 0.0

    def train(self, clips: Sequence[Clip], arm: Arm, seed: int) -> Path:
        """Train on these clips, whatever split they are in; return the model's folder."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        selected = subset(self.corpus, [replace(clip, split="train") for clip in clips], folder / "corpus")
        options = Options(
            selected.folder,
            self.model,
            folder / "run",
            epochs=self.steps * BATCH / len(clips),
            seed=seed,
            batch=BATCH,
            augment=arm.augment,
            balance=arm.balance,
            join=self.join,
            measure_every=0,
        )
        return train_run(options).folder / "best"

    def evaluate(self, model: Path, examples: Sequence[Example]) -> list[Score]:
        """Word errors of each example, at the context that the model was trained for."""
        recogniser = load(str(model))
        return [row.words for row in transcribe_and_score(recogniser, of_examples(examples), recogniser.declared_s)]


def subset(corpus: Corpus, clips: Sequence[Clip], folder: Path) -> Corpus:
    """Make a corpus of some clips of another corpus, linking to its audio."""
    folder.mkdir(parents=True)
    (folder / AUDIO_NAME).symlink_to((corpus.folder / AUDIO_NAME).resolve(), target_is_directory=True)
    (folder / CLIPS_NAME).write_text("".join(f"{clip.line()}\n" for clip in clips), encoding="utf-8")
    (folder / CORPUS_NAME).write_text(json.dumps({"sources": corpus.about.get("sources", [])}), encoding="utf-8")
    return Corpus(folder)
