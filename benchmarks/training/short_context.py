"""Repair a model that fails in short windows: by plain training in them, by matching its full context (ACFT), or both.

The model learns a language of tones from random weights, with all clips padded to its full context, like Whisper. It
learns to recognise the end of speech by the silence after it; in a window without that silence it keeps writing. (The
bundled model does not fail like this: it was trained in short windows, and training it only in its full context does
not undo that.)
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm
from transformers import WhisperFeatureExtractor

from benchmarks.training.arms import Comparison, compare
from benchmarks.training.measurement import Measurement
from benchmarks.training.tones import tones
from trainer.corpus.clips import Corpus
from trainer.evaluation.evaluate import Plan, evaluate
from trainer.evaluation.recogniser import load
from trainer.evaluation.result import Condition, Evaluation
from trainer.evaluation.utterances import of_clips
from trainer.models.checkpoints import generation_config, save
from trainer.models.tokenizer import Speller, train_tokenizer
from trainer.models.whisper import Size, new_model
from trainer.run_folder import RECORD_NAME
from trainer.training.options import Options
from trainer.training.train import train_run

#: Its full context is only 6 s, to be fast on a CPU.
SIZE = Size(d_model=48, heads=2, ffn=192, encoder_layers=2, decoder_layers=2, context_s=6, max_tokens=48)
#: The short context, in seconds.
SHORT_S = 2.0
#: Training in the full context; small batches make it learn sooner.
EPOCHS, FIRST_BATCH, LEARNING_RATE, CTC, AVERAGE = 10.0, 8, 2e-3, 0.3, 0.99
#: Steps of a repair, and batch size.
STEPS, BATCH = (10, 50), 16
#: The repairs, and the weight of the loss that matches the full context.
REPAIRS: Mapping[str, float] = {"plain": 0.0, "ACFT alone": 1.0, "both": 0.5}
#: Number of models that `repairs` yields, for the progress bar.
MODELS = 1 + len(STEPS) * len(REPAIRS)


@dataclass(frozen=True)
class RepairedModel:
    """A model and its evaluation: before (`steps` 0) or after a repair."""

    name: str
    steps: int
    minutes: float
    evaluation: Evaluation

    def clean(self, context: str) -> Condition:
        return next(condition for condition in self.evaluation.conditions if condition.context == context)

    def against(self, other: RepairedModel) -> Comparison:
        """Comparison at the short context on the same clips; if `change` is negative, this model is better."""
        theirs, ours = ([row.words for row in each.clean("short").rows if row.reference] for each in (other, self))
        return compare(theirs, ours)


def repair(options: argparse.Namespace) -> Measurement:
    """The measure of `benchmarks.trainer`; it takes minutes, and is empty with --quick."""
    if options.quick:
        return Measurement()
    with (
        tempfile.TemporaryDirectory(prefix="undertext-benchmark-") as folder,
        tqdm(total=MODELS, unit="model", desc="repair", leave=False) as bar,
    ):
        corpus = tones(Path(folder) / "corpus")
        return Measurement(*repair_table(list(repairs(corpus, Path(folder), on_model=bar.update))))


def repairs(
    corpus: Corpus,
    folder: Path,
    epochs: float = EPOCHS,
    step_counts: Sequence[int] = STEPS,
    on_model: Callable[[], object] = lambda: None,
) -> Iterator[RepairedModel]:
    """Train a model that fails in short windows, then repair it in each way and for each number of steps.

    Args:
        folder: for the runs.
        epochs: in the full context.
        step_counts: numbers of steps.
        on_model: called after each model.
    """
    began_s = time.monotonic()
    broken = full_context_only(corpus, folder, epochs)
    yield _judged("broken", 0, began_s, broken, corpus)
    on_model()
    for steps in step_counts:
        for name, share in REPAIRS.items():
            began_s = time.monotonic()
            run = folder / f"{name.replace(' ', '-')}-{steps}"
            epochs = steps * BATCH / len(corpus.split("train"))
            options = Options(corpus.folder, str(broken), run, epochs=epochs, batch=BATCH, measure_every=0, join=0.0)
            train_run(replace(options, context_s=SHORT_S, acft=share))
            yield _judged(name, steps, began_s, run / "last", corpus)
            on_model()


def full_context_only(corpus: Corpus, folder: Path, epochs: float) -> Path:
    """Train a model from random weights only in its full context; return its folder."""
    clips = corpus.split("train")
    languages = sorted({clip.language for clip in clips})
    speller = Speller(train_tokenizer((clip.text for clip in clips), languages))
    beginning, run = folder / "beginning", folder / "full"
    model = new_model(SIZE, speller, 1)
    extractor = WhisperFeatureExtractor(feature_size=SIZE.mels, chunk_length=SIZE.context_s)
    save(beginning, model, speller, extractor, generation_config(model, speller, languages))
    options = Options(corpus.folder, str(beginning), run, epochs=epochs, batch=FIRST_BATCH, measure_every=0, join=0.0)
    train_run(replace(options, full_context=True, learning_rate=LEARNING_RATE, ctc=CTC, average=AVERAGE))
    # The record would identify it as one of ours; an original Whisper checkpoint has none.
    (run / "last" / RECORD_NAME).unlink()
    return run / "last"


def repair_table(models: Sequence[RepairedModel]) -> tuple[list[dict[str, object]], dict[str, float]]:
    """Rows, each compared with plain training for as many steps; and error rates at the short context as figures."""
    plain = {model.steps: model for model in models if model.name == "plain"}
    rows: list[dict[str, object]] = [
        {
            "of": f"{model.name}, {model.steps} steps" if model.steps else model.name,
            "full WER %": _rate(model.clean("full")),
            "short WER %": _rate(model.clean("short")),
            "penalty, points": model.evaluation.penalty_points,
            "short, against plain": str(model.against(plain[model.steps]).change)
            if model.steps in plain and model is not plain[model.steps]
            else "",
            "minutes": model.minutes,
        }
        for model in models
    ]
    return rows, {_figure(model): model.clean("short").summary.wer_percent for model in models}


def _figure(model: RepairedModel) -> str:
    parts = (model.name.lower().replace(" ", "_"), str(model.steps or ""))
    return f"repair_wer_percent_{'_'.join(filter(None, parts))}"


def _rate(condition: Condition) -> str:
    """An error rate with its confidence interval by utterance."""
    ends = condition.summary.by_utterance
    rate = f"{condition.summary.wer_percent:.1f}"
    return f"{rate} ({ends.low_percent:.1f}–{ends.high_percent:.1f})" if ends else rate


def _judged(name: str, steps: int, began_s: float, model: Path, corpus: Corpus) -> RepairedModel:
    minutes = (time.monotonic() - began_s) / 60
    utterances = of_clips(corpus, corpus.split("test"))
    return RepairedModel(name, steps, minutes, evaluate(load(str(model), "cpu"), utterances, Plan(short_s=SHORT_S)))
