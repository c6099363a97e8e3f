"""`python -m trainer train CORPUS --model MODEL --run NAME`: fine-tune a Whisper model, or train one from scratch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from trainer.corpus.sources.languages import language_code

HELP = "fine-tune a Whisper model, or train one from scratch"
EXAMPLES = """\
MODEL is any Whisper checkpoint (a folder, a run, or a hub id), or new:SIZE to train from scratch:
new:tiny-demo (the bundled model's), new:tiny, new:base, new:small, new:medium, new:large-v3, new:large-v3-turbo.

examples

  small on Swedish Common Voice, on one GPU; half precision and a learning rate for this size are the defaults
    python -m trainer prepare --source cv-corpus/sv-SE --out corpora/sv
    python -m trainer train corpora/sv --model openai/whisper-small --run sv-small --epochs 4 --patience 5 \\
        --batch-s 960 --dropout 0.1 --bpe-dropout 0.1 --spec-augment 0.5 --timestamps 0.5

  large-v3 with LoRA adapters, on all GPUs of the machine; --recompute saves memory
    torchrun --nproc-per-node gpu -m -- trainer train corpora/sv --model openai/whisper-large-v3 --run sv-large \\
        --lora 32 --batch-s 240 --accumulate 4 --recompute

  for windows of 5 to 7 s, on which Whisper's own checkpoints fail, at a fraction of the cost of 30 s
    python -m trainer train corpora/sv --model openai/whisper-small --run sv-short --context-s 7 --acft 0.5

  from scratch on a CPU, in minutes: ten digits by six speakers
    python -m trainer prepare --source digits-common-voice/en --language en --splits release --out corpora/digits
    python -m trainer train corpora/digits --model new:tiny-demo --run digits --epochs 40

  show what a run would do and the memory that its largest step needs; no GPU is required
    python -m trainer train corpora/sv --model openai/whisper-small --run sv-small --batch-s 960 --dry-run

Ctrl-C and SIGTERM stop a run after the current step, with a checkpoint; the same command resumes it. A killed run
resumes from its last checkpoint (--checkpoint-every-s). Resuming with other options is refused, and the message names
them; only --device, --recompute, --threads, --workers, --log-every and --checkpoint-every-s may change. runs/NAME
contains

  report.html                   the run on one page, with curves (`report --help`)
  metrics.jsonl, events.out.*   losses and metrics, as JSON Lines and for TensorBoard (tensorboard --logdir runs)
  best/, last/                  the checkpoint with the lowest word error rate on dev, and the last one
  train.log                     the log, with timestamps
  command.txt, plan.json        the command and settings that reproduce the run; on a CPU, bit for bit

Then: python -m trainer evaluate NAME CORPUS; python -m trainer publish NAME OUT
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--run", dest="name", required=True, metavar="NAME", help="the run's folder: runs/NAME, or a path"
    )
    add_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="show what a run would do and the memory that it needs")


def add_options(parser: argparse.ArgumentParser, trial: bool = False) -> None:
    """Add the options of a run, or of a `trial` of `tune`; all trials are evaluated equally often."""
    parser.add_argument("corpus", metavar="CORPUS", type=Path, help="folder written by `prepare`")
    parser.add_argument("--model", required=True, help="a checkpoint's folder, a run, a hub id, or new:SIZE")
    parser.add_argument(
        "--language", type=language_code, metavar="CODE", help="language of all clips (default: that of each clip)"
    )
    parser.add_argument(
        "--token",
        type=_names,
        metavar="CODE=CODE",
        help="train a language that the model lacks with the token of another, preferably a similar one: ga=cy",
    )
    _add_length(parser.add_argument_group("duration and evaluation"), trial)
    _add_batches(parser.add_argument_group("batches and steps"))
    _add_regularisation(
        parser.add_argument_group("regularisation (shares and probabilities from 0 to 1; 0 by default)")
    )
    _add_examples(parser.add_argument_group("sampling and augmentation of clips"))
    _add_texts(parser.add_argument_group("targets and context"))
    _add_parts(parser.add_argument_group("trained parameters"))
    _add_machine(parser.add_argument_group("machine"))


def run(options: argparse.Namespace) -> int:
    from transformers.utils import logging

    from trainer.names import run_path
    from trainer.run_log import logging_to
    from trainer.stopping import on_signals
    from trainer.training.dry_run import dry_run
    from trainer.training.options import Options
    from trainer.training.team import is_first
    from trainer.training.train import locked_run_folder, train_run

    logging.disable_progress_bar()
    not_options = ("run", "name", "dry_run")
    values = {key: value for key, value in vars(options).items() if value is not None and key not in not_options}
    requested = Options(run=run_path(options.name), **values)
    if options.dry_run:
        with logging_to():
            for name, value in dry_run(requested):
                print(f"{name:<14}{value}", flush=True)
        return 0
    with on_signals(shown=is_first()) as stop, locked_run_folder(requested):
        outcome = train_run(requested, stop=stop)
    if is_first():
        print(outcome)
    return 0


def _add_length(group: Any, trial: bool) -> None:
    group.add_argument("--epochs", type=float, help="passes over all clips (default: 10)")
    group.add_argument(
        "--patience",
        type=int,
        metavar="N",
        help="stop after N evaluations in a row without a lower WER or CER (default: never)",
    )
    every, measures = (
        "steps between evaluations on dev (default: 200, or five evaluations in a short run); 0: never",
        "number of evaluations, evenly spread, in place of --measure-every",
    )
    if trial:
        every, measures = argparse.SUPPRESS, "number of evaluations on dev, evenly spread (default: 8)"
    group.add_argument("--measure-every", type=int, metavar="STEPS", help=every)
    group.add_argument("--measures", type=int, metavar="N", help=measures)
    group.add_argument("--dev-clips", type=int, metavar="N", help="clips drawn from dev to evaluate on (default: 500)")
    group.add_argument("--seed", type=int, help="seed of all random draws (default: 1)")


def _add_batches(group: Any) -> None:
    group.add_argument(
        "--batch",
        type=int,
        metavar="CLIPS",
        help="maximum number of clips in a batch (default: 64; 32, 16 or 8 if a run would have fewer than 100 steps)",
    )
    group.add_argument(
        "--batch-s", type=float, metavar="S", help="maximum seconds of padded audio in a batch (default: 240)"
    )
    group.add_argument(
        "--accumulate", type=int, metavar="N", help="batches per step; the loss is that of one large batch (default: 1)"
    )
    group.add_argument(
        "--learning-rate", type=float, help="peak learning rate (default: depends on the size of the model)"
    )
    group.add_argument(
        "--warm-up",
        type=int,
        metavar="STEPS",
        help="steps until the learning rate peaks (default: a tenth of all, at most 500)",
    )
    group.add_argument("--weight-decay", type=float, help="weight decay, except for biases and norms (default: 0.01)")
    group.add_argument("--clip-norm", type=float, help="maximum norm of the gradient (default: 1)")
    group.add_argument(
        "--average", type=float, metavar="DECAY", help="decay of the moving average of the weights (default: 0.998)"
    )


def _add_regularisation(group: Any) -> None:
    group.add_argument("--dropout", type=float, help="dropout on the residual branches of all layers")
    group.add_argument("--activation-dropout", type=float, help="dropout inside the feed-forward layers")
    group.add_argument("--attention-dropout", type=float, help="dropout on the attention weights")
    group.add_argument(
        "--label-smoothing", type=float, help="share of each label's probability spread over all other tokens"
    )
    group.add_argument(
        "--bpe-dropout",
        type=float,
        help="probability of skipping a BPE merge, so that words are split into unusual tokens",
    )
    group.add_argument("--spec-augment", type=float, help="share of clips with bands of time and frequency masked")
    group.add_argument(
        "--misled", type=float, help="share of the decoder's input tokens replaced, so that it relies on the audio"
    )


def _add_examples(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--augment",
        metavar="SETTINGS",
        help="effects on clips, such as radio,noise:0.5:0..20 (default: none; see `listen --help`)",
    )
    group.add_argument(
        "--balance",
        metavar="COLUMNS",
        help="draw rare groups more often: accent:3 (by the cube root of their size), accent,gender:inf (all evenly). "
        "Clips without a value keep their share; a clip with several accents counts as the rarest",
    )
    group.add_argument(
        "--join",
        type=float,
        metavar="SHARE",
        help="share of clips that are followed by others in the same window, as on air (default: 0.5)",
    )
    group.add_argument(
        "--leave-out", metavar="FILE", help="clips not to train on: one id per line, or lines written by `evaluate`"
    )
    group.add_argument(
        "--without-speech",
        metavar="SHARE",
        help="share of examples without speech: 0.05, or 0.05:FOLDER for its sounds (default: 0)",
    )


def _add_texts(group: Any) -> None:
    group.add_argument(
        "--timestamps",
        type=float,
        metavar="SHARE",
        help="share of examples with timestamps of segments or clips (default: 0)",
    )
    group.add_argument(
        "--prompts",
        type=float,
        metavar="SHARE",
        help="share of examples prompted with the text before them (default: 0)",
    )
    group.add_argument(
        "--ctc",
        type=float,
        metavar="WEIGHT",
        help="weight of a CTC loss on the encoder (default: 0.3 from scratch, else 0)",
    )
    group.add_argument(
        "--context-s",
        type=float,
        metavar="S",
        help="acoustic context to train for, in seconds (default: see --full-context)",
    )
    group.add_argument(
        "--acft",
        type=float,
        metavar="SHARE",
        help="weight of matching, at the short context, the checkpoint's outputs at its full one; 1: no other loss",
    )
    group.add_argument(
        "--full-context",
        action="store_true",
        default=None,
        help="pad all windows to the full context; the default for checkpoints not trained by us, without --context-s",
    )


def _add_parts(group: Any) -> None:
    group.add_argument("--lora", type=int, metavar="RANK", help="train low-rank adapters instead of all weights")
    group.add_argument("--lora-alpha", type=int, help="scale of the adapters (default: twice the rank)")
    group.add_argument(
        "--lora-targets",
        type=_names,
        metavar="A,B",
        help="layers with adapters (default: all attention projections, fc1, fc2)",
    )
    group.add_argument("--freeze-encoder", action="store_true", default=None, help="train only the decoder")


def _add_machine(group: Any) -> None:
    group.add_argument("--device", help="cpu, cuda, cuda:1 (default: a GPU if there is one)")
    group.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16", "fp16"),
        help="numeric precision (default: bf16, or fp16 on a GPU that lacks it; fp32 on a CPU)",
    )
    group.add_argument(
        "--recompute", action="store_true", default=None, help="gradient checkpointing: saves memory, costs time"
    )
    group.add_argument("--threads", type=int, help="CPU threads (default: 1; two are slower on a busy machine)")
    group.add_argument(
        "--workers", type=int, help="processes that prepare batches (default: 1; with a GPU, one per core, up to 16)"
    )
    group.add_argument("--log-every", type=int, metavar="STEPS", help="steps between logged losses (default: 10)")
    group.add_argument(
        "--checkpoint-every-s",
        type=float,
        metavar="S",
        help="seconds between checkpoints; 0: every step (default: 180, or ten times what writing the last checkpoint "
        "took if that is longer, up to an hour; a value given here is used as is)",
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)
