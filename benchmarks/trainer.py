"""`python -m benchmarks.trainer`: what the trainer does, in figures.

planted_causes_caught         of 4 known faults of training, planted in tiny Whispers, that the alarm names
evaluate_samples_per_s        5 s clips a second, by the architecture of Whisper small at full context on this device
short_context_penalty_points  what a model's WER rises by at a context of 5 s, on clips that fit it
prepare_hours_per_minute      hours of MP3 that become a corpus in a minute, beside what peers decode in it
digits_wer_percent            of a release of spoken digits' test split, after training the model on it (--digits)
..._from_nothing              the same of a model of random weights that heard nothing else
windows_wer_percent_join_*    of the test split with several clips in a window, as on air, by what follows clips in
                              training (--digits)
resume_loss_difference        between a run that is killed and gone on with, and an unbroken one (--digits)
unseen_accent_wer_percent_plain, unseen_accent_wer_percent_balanced_augmented
                              of each accent of the release, by models that were trained on the others (--digits)
search_wer_percent_grid, ..._random, ..._tpe
                              on dev of the best of 12 short trials, by three ways to choose them (--digits)
repair_wer_percent_*          in short windows: of a model that breaks there, and behind each repair of it

Three tables without a figure: `sizes`, the memory that training takes at each of Whisper's sizes, and on a GPU its
speed; `robustness`, what noise, pitch and speed cost with and without augmentation; and
`regularisation`, what keeps a run on few clips from learning them by heart (both --digits). Measures that train take
minutes each; --quick leaves them out.

Weights of small are random and write 24 tokens a clip: what it costs does not depend on what it learnt. The lab
measured 1.48 samples a second on an RTX A6000.
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
from benchmarks.training.measured import Measured
from benchmarks.training.planted import STEPS, planted_causes
from benchmarks.training.preparing import preparing
from benchmarks.training.short_context import repair
from benchmarks.training.sizes import sizes
from demo import exam
from demo.bulletins import LANGUAGES
from trainer.evaluation.decoding import TOKENS_AT_LEAST, Listening, decode
from trainer.evaluation.evaluate import Plan, evaluate
from trainer.evaluation.recogniser import Recogniser, load
from trainer.evaluation.utterances import Audio, Utterance, of_examples
from trainer.examples import SAMPLE_RATE
from trainer.models.device import device_of

#: Of a clip for the speed, and tokens that are written of it.
CLIP_S, CLIP_TOKENS = 5.0, 24
#: Contexts of Whisper, and of live captions.
FULL_S, LIVE_S = 30.0, 7.0
#: The short context that the penalty is taken at; the bundled model was trained for 1 to 7 s.
SHORT_S = 5.0


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", choices=MEASURES, help="one of the measures")
    parser.add_argument("--model", default="demo/model", help="for the short context: a folder or a name on the hub")
    parser.add_argument(
        "--digits", type=Path, metavar="FOLDER", help="a release of digits to train on, as Common Voice's"
    )
    parser.add_argument("--device", default="auto")
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


def planted(options: argparse.Namespace) -> Measured:
    """Each fault in a model of its own, and one model without."""
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
    return Measured(rows, {"planted_causes_caught": len(caught), "false_alarms": false_alarms})


def speed(options: argparse.Namespace) -> Measured:
    """Small's architecture at Whisper's context and at that of live captions."""
    recogniser = small(options.device)
    gpu = recogniser.device.type == "cuda"
    found = Measured()
    for context_s in (FULL_S, LIVE_S):
        clips = 2048 if gpu else (1 if options.quick else 16)
        listening = Listening(context_s, tokens_per_s=(CLIP_TOKENS - TOKENS_AT_LEAST) / CLIP_S)
        if gpu:  # what the first batch costs once is not what a batch costs
            decode(recogniser, noises(256), listening)
        began_s = time.perf_counter()
        with tqdm(total=clips, unit="clip", desc=f"small at {context_s:g} s", leave=False) as bar:
            decode(recogniser, noises(clips), listening, bar.update)
        samples_per_s = clips / (time.perf_counter() - began_s)
        of = f"small, {context_s:g} s, {recogniser.device.type}"
        found.rows.append({"of": of, "samples/s": samples_per_s})
        if context_s == FULL_S:
            found.figures["evaluate_samples_per_s"] = samples_per_s
    return found


def short_context(options: argparse.Namespace) -> Measured:
    """Held-out sentences of the demo that fit the short context."""
    recogniser = load(options.model, options.device)
    examples = [
        example
        for language in LANGUAGES
        for example in exam.sentences(language, 30 if options.quick else 400, exam.PROMISED_SNR_DB)
        if example.duration_s <= SHORT_S
    ]
    plan = Plan(short_s=SHORT_S)
    with tqdm(total=len(examples) * len(plan.contexts), unit="clip", desc="short context", leave=False) as bar:
        found = evaluate(recogniser, of_examples(examples), plan, bar.update)
    rows: list[dict[str, object]] = [
        {"of": f"{options.model}, {condition.context_s:g} s", "WER %": condition.summary.wer_percent}
        for condition in found.conditions
    ]
    points = found.penalty_points
    return Measured(rows, {} if points is None else {"short_context_penalty_points": points})


#: Each measure by its name; a new one is a line here.
MEASURES: dict[str, Callable[[argparse.Namespace], Measured]] = {
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
    """Whisper small with random weights, and an end token that it never writes."""
    known = load("demo/model", "cpu")
    place = device_of(device)
    dtype = torch.bfloat16 if place.type == "cuda" else torch.float32
    with place:
        model = whisper("small")
    torch.nn.Module.to(model, dtype)
    model.eval().requires_grad_(False)
    return replace(known, name="small", model=model, suppressed=(known.end,), declared_s=None)


def noises(count: int) -> list[Utterance]:
    """Clips of noise."""
    audio = np.random.default_rng(1).standard_normal(round(CLIP_S * SAMPLE_RATE), np.float32)

    def heard() -> Audio:
        return audio

    return [Utterance(str(number), "", "sv", CLIP_S, heard) for number in range(count)]


if __name__ == "__main__":
    sys.exit(main())
