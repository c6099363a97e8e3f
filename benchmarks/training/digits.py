"""Train on a release of digits: word errors afterwards, and whether killing and resuming a run changes its losses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from trainer.corpus.clips import Corpus
from trainer.corpus.prepare import Plan, prepare
from trainer.corpus.sources.candidate import Source
from trainer.evaluation.evaluate import word_errors
from trainer.evaluation.recogniser import load
from trainer.evaluation.utterances import of_clips
from trainer.training.options import Options
from trainer.training.train import train_run

#: A model with random weights, of the bundled model's size.
NOTHING = "new:tiny-demo"
#: Epochs, from random weights and from a trained model.
EPOCHS = {NOTHING: 20.0, "demo/model": 4.0}
#: With a few thousand clips, training is fastest with batches this small.
BATCH = 16
#: Steps of the run that is killed, and the step after which it is killed.
STEPS, KILLED_AFTER = 12, 5


def digits_wer_percent(corpus: Corpus, model: str, folder: Path, epochs: float | None = None) -> tuple[float, float]:
    """Train on a release's train and dev splits; return the error rate on test in percent, and minutes of training.

    Args:
        model: a checkpoint, or new:SIZE.
        folder: for the run.
    """
    run = folder / model.strip("/").replace("/", "-").replace(":", "-")
    epochs = epochs or EPOCHS.get(model, 4.0)
    # Test clips are not joined either.
    options = Options(corpus.folder, model, run, epochs=epochs, batch=BATCH, measure_every=500, join=0.0)
    began_s = time.monotonic()
    train_run(options)
    minutes = (time.monotonic() - began_s) / 60
    recogniser = load(str(run / "best"))
    return word_errors(recogniser, of_clips(corpus, corpus.split("test")), recogniser.declared_s).wer_percent, minutes


def resume_loss_difference(corpus: Corpus, model: str, folder: Path) -> float:
    """The largest difference between the losses of a run and those of the same run killed (SIGKILL) and resumed.

    Both use dropout, BPE dropout, SpecAugment and gradient accumulation.
    """
    unbroken, killed = (_command(corpus, model, folder / name) for name in ("unbroken", "killed"))
    subprocess.run(unbroken, check=True, capture_output=True)
    process = subprocess.Popen(killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(losses(folder / "killed")) < KILLED_AFTER:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        raise RuntimeError("the run ended before it could be killed")
    subprocess.run(killed, check=True, capture_output=True)
    ours, theirs = losses(folder / "unbroken"), losses(folder / "killed")
    if ours.keys() != theirs.keys() or not ours:
        raise RuntimeError(f"the runs logged different steps: {sorted(ours)} and {sorted(theirs)}")
    return max(abs(loss - theirs[step]) for step, loss in ours.items())


def corpus_of(release: Path, folder: Path) -> Corpus:
    """Prepare a release of Common Voice, in its own splits."""
    return prepare(Plan((Source(str(release)),), folder, language="en", splits="release", progress=False)).corpus


def losses(run: Path) -> dict[int, float]:
    """Loss by step, so far."""
    path = run / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return {row["step"]: row["loss"] for row in map(json.loads, lines) if "loss" in row}


def _command(corpus: Corpus, model: str, run: Path) -> list[str]:
    epochs = STEPS * 2 * BATCH / len(corpus.split("train"))
    return [
        *(sys.executable, "-m", "trainer", "train", str(corpus.folder), "--model", model, "--run", str(run)),
        *("--epochs", f"{epochs:.6f}", "--batch", str(BATCH), "--accumulate", "2", "--measure-every", "0"),
        *("--dropout", "0.1", "--attention-dropout", "0.1", "--bpe-dropout", "0.1", "--spec-augment", "0.5"),
        *("--log-every", "1", "--checkpoint-every-s", "0"),
    ]
