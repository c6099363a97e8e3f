"""The measures of `benchmarks.trainer` that train on a release of digits; empty without one, or with --quick.

They take minutes each. All use the corpus that `prepare` makes from the release, in its own splits.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from tqdm import tqdm

from benchmarks.training.arms import PLAIN, SEEDS
from benchmarks.training.digits import NOTHING, corpus_of, digits_wer_percent, resume_loss_difference
from benchmarks.training.measurement import Measurement
from benchmarks.training.regularisation import RUNS, regularisation
from benchmarks.training.robustness import conditions, robustness
from benchmarks.training.search import SEARCHES, compare_searches, measure_table
from benchmarks.training.search import SEEDS as SEARCH_SEEDS
from benchmarks.training.trained import Trained
from benchmarks.training.unseen_accent import unseen_accent
from trainer.corpus.clips import Corpus
from trainer.evaluation.evaluate import Plan, evaluate
from trainer.evaluation.recogniser import load
from trainer.evaluation.utterances import of_clips

#: Number of test clips: for each accent, and under each condition.
ACCENT_CLIPS, CONDITION_CLIPS = 500, 300
#: Shares of clips that are joined with others, in training.
JOINED = (0.0, 0.25, 0.5, 0.75)


def _on_a_release(
    proof: Callable[[Corpus, str, Path], Measurement],
) -> Callable[[argparse.Namespace], Measurement]:
    """Turn an experiment into a measure. It gets a corpus, the initial model, and a folder for its runs."""

    @wraps(proof)
    def measure(options: argparse.Namespace) -> Measurement:
        if options.digits is None or options.quick:
            return Measurement()
        with tempfile.TemporaryDirectory(prefix="undertext-benchmark-") as folder:
            return proof(corpus_of(options.digits, Path(folder) / "corpus"), options.model, Path(folder))

    return measure


@_on_a_release
def digits(corpus: Corpus, model: str, folder: Path) -> Measurement:
    """Word errors after training, from a trained model and from random weights."""
    measurement = Measurement()
    for begun_from, figure in ((model, "digits_wer_percent"), (NOTHING, "digits_wer_percent_from_nothing")):
        wer_percent, minutes = digits_wer_percent(corpus, begun_from, folder)
        measurement.rows.append({"of": f"digits, from {begun_from}", "WER %": wer_percent, "minutes": minutes})
        measurement.figures[figure] = wer_percent
    return measurement


@_on_a_release
def resume(corpus: Corpus, model: str, folder: Path) -> Measurement:
    """A run that is killed and resumed, compared with an uninterrupted one."""
    difference = resume_loss_difference(corpus, model, folder)
    return Measurement(
        [{"of": "killed and resumed", "loss difference": difference}], {"resume_loss_difference": difference}
    )


@_on_a_release
def accents(corpus: Corpus, model: str, folder: Path) -> Measurement:
    """Each accent left out of training once, with and without balance and augmentation."""
    trained = Trained(corpus, model, folder)
    count = len({clip.accent for clip in corpus.clips if clip.accent and clip.text})
    with tqdm(total=2 * count * len(SEEDS), unit="model", desc="unseen accent") as bar:
        comparison = unseen_accent(corpus, trained.train, trained.evaluate, at_most=ACCENT_CLIPS, progress=bar.update)
    return Measurement(comparison.rows(), comparison.figures())


@_on_a_release
def joined(corpus: Corpus, model: str, folder: Path) -> Measurement:
    """Errors with several clips in a window, as on air, for models trained on single clips and on both."""
    measurement = Measurement()
    for share in tqdm(JOINED, unit="model", desc="windows"):
        trained = Trained(corpus, model, folder, join=share)
        recogniser = load(str(trained.train(corpus.split("train"), PLAIN, seed=1)))
        plan = Plan(contexts=("full",))
        windows = evaluate(recogniser, of_clips(corpus, corpus.split("test")), plan).windows
        assert windows, "several one-word clips fit into a window"
        ends = windows.summary.by_utterance
        measurement.rows.append(
            {
                "trained with": f"--join {share:g}",
                "alone, WER %": windows.alone_wer_percent,
                "several in a window, WER %": windows.summary.wer_percent,
                "95 %": f"{ends.low_percent:.1f} to {ends.high_percent:.1f}" if ends else "",
            }
        )
        measurement.figures[f"windows_wer_percent_join_{share:g}"] = windows.summary.wer_percent
    return measurement


@_on_a_release
def disturbed(corpus: Corpus, model: str, folder: Path) -> Measurement:
    """Effect of noise, babble, pitch and speed, with and without augmentation."""
    trained = Trained(corpus, model, folder)
    with tqdm(total=2 * len(SEEDS) + len(list(conditions())), unit="step", desc="robustness") as bar:
        result = robustness(corpus, trained.train, trained.evaluate, at_most=CONDITION_CLIPS, progress=bar.update)
    return Measurement(result.rows())


@_on_a_release
def few_clips(corpus: Corpus, model: str, folder: Path) -> Measurement:
    """Regularisation against overfitting on few clips."""
    with tqdm(total=len(RUNS) * len(SEEDS), unit="run", desc="regularisation") as bar:
        groups = regularisation(corpus, model, folder / "runs", progress=bar.update)
    return Measurement([one.row(name) for name, one in groups.items()])


@_on_a_release
def searches(corpus: Corpus, model: str, folder: Path) -> Measurement:
    """Grid search, random search and TPE with the same number of trials."""
    table = measure_table(corpus, model, folder / "search")
    with tqdm(total=len(SEARCHES) * SEARCH_SEEDS, unit="search", desc="search") as bar:
        comparison = compare_searches(table, progress=bar.update)
    return Measurement(comparison.rows(), comparison.figures())
