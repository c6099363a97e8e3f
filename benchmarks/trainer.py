"""`python -m benchmarks.trainer`: accuracy, speed and memory use of the trainer.

planted_causes_caught         number of 4 known training faults, planted in tiny Whispers, that the alarm identifies
evaluate_samples_per_s        5 s clips per second, with the architecture of Whisper small at full context, here
short_context_penalty_points  increase of a model's WER at a context of 5 s, on clips that fit into it
prepare_hours_per_minute      hours of MP3 prepared per minute; peers' decoding speed is in the table
digits_wer_percent            on a release of spoken digits' test split, after fine-tuning the model on it (--digits)
..._from_nothing              the same for a model trained from random weights
windows_wer_percent_join_*    on the test split with several clips in a window, as on air, by the share of joined clips
                              in training (--digits)
resume_loss_difference        between a run that is killed and resumed, and an uninterrupted one (--digits)
unseen_accent_wer_percent_plain, unseen_accent_wer_percent_balanced_augmented
                              on each accent of the release, for models trained on the others (--digits)
search_wer_percent_grid, ..._random, ..._tpe
                              on dev, for the best of 12 short trials, by search method (--digits)
repair_wer_percent_*          in short windows: for a model that fails there, and after each repair

Three tables have no figures: `sizes`, the memory needed to train each of Whisper's sizes, and on a GPU the speed;
`robustness`, the effect of noise, pitch and speed with and without augmentation; and `regularisation`, how to avoid
overfitting on few clips (both --digits). Measures that train take minutes each; --quick skips them.

Whisper small has random weights and generates 24 tokens per clip: its cost does not depend on its weights. For
comparison, 1.48 samples per second were measured on an RTX A6000.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.report import Row, arguments, show
from benchmarks.training import proofs
from benchmarks.training.architecture import whisper
from benchmarks.training.measurement import Measurement
from benchmarks.training.planted import STEPS, planted_causes
from benchmarks.training.preparing import preparing
from benchmarks.training.short_context import repair
from benchmarks.training.sizes import sizes
from demo import exam
from demo.bulletins import LANGUAGES
from trainer.evaluation.decoding import TOKENS_AT_LEAST, DecodingOptions, decode
from trainer.evaluation.evaluate import Plan, evaluate
from trainer.evaluation.recogniser import Recogniser, load
from trainer.evaluation.utterances import Audio, Utterance, of_examples
from trainer.examples import SAMPLE_RATE
from trainer.models.device import device_of

#: Duration of a clip in the speed test, and tokens generated for it.
CLIP_S, CLIP_TOKENS = 5.0, 24
#: Whisper's context, and that of live captions.
FULL_S, LIVE_S = 30.0, 7.0
#: The short context of the penalty; the bundled model was trained for 1 to 7 s.
SHORT_S = 5.0


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=MEASURES, help="run only this measure")
    parser.add_argument(
        "--model",
        default="demo/model",
        help="checkpoint to measure and fine-tune: a folder or a hub id (default: %(default)s)",
    )
    parser.add_argument(
        "--digits", type=Path, metavar="FOLDER", help="a release of digits to train on, in Common Voice's layout"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto: a GPU if there is one (default)")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    tables: list[tuple[str, Sequence[Row]]] = []
    rows: list[Row] = []
    figures: dict[str, float] = {}
    for name in [options.only] if options.only else MEASURES:
        measured = MEASURES[name](options)
        if measured.rows:
            tables.append((name, measured.rows))
        rows += [{"measure": name, **row} for row in measured.rows]
        figures |= measured.figures
    show(tables, rows, figures, options.json)
    return 0


def planted(options: argparse.Namespace) -> Measurement:
    """Evaluate the alarm on a model with each fault, and on one without."""
    with tqdm(total=STEPS, unit="model", desc="plant faults", leave=False) as bar:
        faults = planted_causes(bar.update)
    rows: list[dict[str, object]] = [
        {
            "of": fault.name,
            "WER %": fault.wer_percent,
            "loss": fault.loss,
            "alarm": fault.alarm.causes[0].name if fault.alarm.causes else "raised" if fault.alarm.raised else "quiet",
        }
        for fault in faults
    ]
    causes = {fault.cause for fault in faults if fault.cause}
    caught = [cause for cause in causes if all(fault.caught for fault in faults if fault.cause == cause)]
    false_alarms = sum(not fault.caught for fault in faults if fault.cause is None)
    return Measurement(rows, {"planted_causes_caught": len(caught), "false_alarms": false_alarms})


def speed(options: argparse.Namespace) -> Measurement:
    """Speed of Whisper small's architecture at Whisper's context and at that of live captions."""
    recogniser = small(options.device)
    gpu = recogniser.device.type == "cuda"
    measurement = Measurement()
    for context_s in (FULL_S, LIVE_S):
        clips = 2048 if gpu else (1 if options.quick else 16)
        decoding = DecodingOptions(context_s, tokens_per_s=(CLIP_TOKENS - TOKENS_AT_LEAST) / CLIP_S)
        if gpu:  # warm up
            decode(recogniser, noises(256), decoding)
        began_s = time.perf_counter()
        with tqdm(total=clips, unit="clip", desc=f"small at {context_s:g} s", leave=False) as bar:
            decode(recogniser, noises(clips), decoding, bar.update)
        samples_per_s = clips / (time.perf_counter() - began_s)
        of = f"small, {context_s:g} s, {recogniser.device.type}"
        measurement.rows.append({"of": of, "samples/s": samples_per_s})
        if context_s == FULL_S:
            measurement.figures["evaluate_samples_per_s"] = samples_per_s
    return measurement


def short_context(options: argparse.Namespace) -> Measurement:
    """Penalty of the short context on held-out sentences of the demo that fit into it."""
    recogniser = load(options.model, options.device)
    examples = [
        example
        for language in LANGUAGES
        for example in exam.sentences(language, 30 if options.quick else 400, exam.PROMISED_SNR_DB)
        if example.duration_s <= SHORT_S
    ]
    plan = Plan(short_s=SHORT_S)
    with tqdm(total=len(examples) * len(plan.contexts), unit="clip", desc="short context", leave=False) as bar:
        evaluation = evaluate(recogniser, of_examples(examples), plan, bar.update)
    rows: list[dict[str, object]] = [
        {"of": f"{options.model}, {condition.context_s:g} s", "WER %": condition.summary.wer_percent}
        for condition in evaluation.conditions
    ]
    points = evaluation.penalty_points
    return Measurement(rows, {} if points is None else {"short_context_penalty_points": points})


#: All measures by name.
MEASURES: dict[str, Callable[[argparse.Namespace], Measurement]] = {
    "planted": planted,
    "speed": speed,
    "sizes": sizes,
    "short-context": short_context,
    "prepare": preparing,
    "digits": proofs.digits,
    "resume": proofs.resume,
    "windows": proofs.joined,
    "unseen-accent": proofs.accents,
    "robustness": proofs.disturbed,
    "regularisation": proofs.few_clips,
    "search": proofs.searches,
    "repair": repair,
}


def small(device: str) -> Recogniser:
    """Whisper small with random weights, and a suppressed end token."""
    known = load("demo/model", "cpu")
    place = device_of(device)
    dtype = torch.bfloat16 if place.type == "cuda" else torch.float32
    with place:
        model = whisper("small")
    torch.nn.Module.to(model, dtype)
    model.eval().requires_grad_(False)
    return replace(known, name="small", model=model, suppressed=(known.end,), declared_s=None)


def noises(count: int) -> list[Utterance]:
    """Utterances of noise."""
    audio = np.random.default_rng(1).standard_normal(round(CLIP_S * SAMPLE_RATE), np.float32)

    def load() -> Audio:
        return audio

    return [Utterance(str(number), "", "sv", CLIP_S, load) for number in range(count)]


if __name__ == "__main__":
    sys.exit(main())
