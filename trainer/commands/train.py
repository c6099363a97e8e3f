"""`python -m trainer train CORPUS --model MODEL --run NAME`: fine-tune any Whisper, or train one from nothing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from trainer.corpus.sources.languages import language_code

HELP = "fine-tune any Whisper, or train one from nothing"
EXAMPLES = """\
MODEL is any Whisper checkpoint: a folder, a run, or its name on the hub; or new:SIZE, to begin from nothing:
new:tiny-demo (the bundled model's), new:tiny, new:base, new:small, new:medium, new:large-v3, new:large-v3-turbo.

examples

  small on Swedish of Common Voice, with one GPU: half precision and the learning rate of its size come by themselves
    python -m trainer prepare --source cv-corpus/sv-SE --out corpora/sv
    python -m trainer train corpora/sv --model openai/whisper-small --run sv-small --epochs 4 --patience 5 \\
        --batch-s 960 --dropout 0.1 --bpe-dropout 0.1 --spec-augment 0.5 --timestamps 0.5

  large-v3 by adapters of low rank, on as many GPUs as there are; one that is short of memory takes --recompute
    torchrun --nproc-per-node gpu -m -- trainer train corpora/sv --model openai/whisper-large-v3 --run sv-large \\
        --lora 32 --batch-s 240 --accumulate 4 --recompute

  windows of 5 to 7 s, in which a checkpoint of Whisper's own breaks, at a fraction of the cost of 30 s
    python -m trainer train corpora/sv --model openai/whisper-small --run sv-short --context-s 7 --acft 0.5

  from nothing on a CPU, in minutes: ten digits by six voices
    python -m trainer prepare --source digits-common-voice/en --language en --splits release --out corpora/digits
    python -m trainer train corpora/digits --model new:tiny-demo --run digits --epochs 40

  what a run would do, and the memory of its largest step; GPU or not
    python -m trainer train corpora/sv --model openai/whisper-small --run sv-small --batch-s 960 --dry-run

Ctrl-C and SIGTERM end a run behind its step, with a checkpoint; the same command goes on. A killed one goes on from its
last checkpoint (--checkpoint-every-s). Another plan is refused, and the options that differ are named. runs/NAME has

  report.html                   all of it on one page, with curves (`report --help`)
  metrics.jsonl, events.out.*   losses and measures, for you and for TensorBoard (tensorboard --logdir runs)
  best/, last/                  whole checkpoints: lowest word error rate on dev, and the last one
  train.log                     what it said, with times
  command.txt, plan.json        what repeats the run; on a CPU, bit for bit

Then: python -m trainer evaluate NAME CORPUS; python -m trainer publish NAME OUT
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", dest="name", required=True, metavar="NAME", help="kept in runs/NAME; or a path")
    add_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, and what memory it takes")


def add_options(parser: argparse.ArgumentParser, trial: bool = False) -> None:
    """All that decides what a run does, or a trial of `tune`, which is measured as often as any other."""
    parser.add_argument("corpus", metavar="CORPUS", type=Path, help="what `prepare` wrote")
    parser.add_argument("--model", required=True, help="a checkpoint's folder, a run, a name on the hub, or new:SIZE")
    parser.add_argument(
        "--language", type=language_code, metavar="CODE", help="of all clips, in place of what they say"
    )
    parser.add_argument(
        "--token",
        type=_names,
        metavar="CODE=CODE",
        help="a language that the model lacks, and whose token teaches it, best of one that is like it: ga=cy",
    )
    _add_length(parser.add_argument_group("how long"), trial)
    _add_batches(parser.add_argument_group("batches and steps"))
    _add_regularisation(parser.add_argument_group("regularisation: all shares and chances from 0 to 1, 0 by default"))
    _add_examples(parser.add_argument_group("which clips are heard, and how they sound"))
    _add_texts(parser.add_argument_group("what is taught"))
    _add_parts(parser.add_argument_group("which part of the model"))
    _add_machine(parser.add_argument_group("the machine"))


def run(options: argparse.Namespace) -> int:
    from transformers.utils import logging

    from trainer.names import run_path
    from trainer.notes import noting
    from trainer.stopping import on_signals
    from trainer.training.dry_run import dry_run
    from trainer.training.options import Options
    from trainer.training.team import is_first
    from trainer.training.train import alone, train_run

    logging.disable_progress_bar()
    own = ("run", "name", "dry_run")
    values = {key: value for key, value in vars(options).items() if value is not None and key not in own}
    asked = Options(run=run_path(options.name), **values)
    if options.dry_run:
        with noting():
            for name, told in dry_run(asked):
                print(f"{name:<14}{told}", flush=True)
        return 0
    with on_signals(shown=is_first()) as stop, alone(asked):
        found = train_run(asked, stop=stop)
    if is_first():
        print(found)
    return 0


def _add_length(group: Any, trial: bool) -> None:
    group.add_argument("--epochs", type=float, help="times that every clip is heard (default 10)")
    group.add_argument("--patience", type=int, metavar="N", help="stop after N measures that lower neither WER nor CER")
    every, measures = (
        "WER on dev (default 200, or five times in a short run); 0: never",
        "so many, evenly spread, in place of --measure-every",
    )
    if trial:
        every, measures = argparse.SUPPRESS, "of WER on dev, evenly spread (default 8)"
    group.add_argument("--measure-every", type=int, metavar="STEPS", help=every)
    group.add_argument("--measures", type=int, metavar="N", help=measures)
    group.add_argument("--dev-clips", type=int, metavar="N", help="drawn from dev to measure on (default 500)")
    group.add_argument("--seed", type=int, help="of everything that is drawn (default 1)")


def _add_batches(group: Any) -> None:
    group.add_argument(
        "--batch",
        type=int,
        metavar="CLIPS",
        help="the most in a batch (default 64; in a run of fewer than 100 steps a half, quarter or eighth)",
    )
    group.add_argument("--batch-s", type=float, metavar="S", help="the most padded audio in a batch (default 240)")
    group.add_argument("--accumulate", type=int, metavar="N", help="batches a step; the loss is that of one large one")
    group.add_argument("--learning-rate", type=float, help="default: what suits the size")
    group.add_argument("--warm-up", type=int, metavar="STEPS", help="default: a tenth of all, at most 500")
    group.add_argument("--weight-decay", type=float, help="but of biases and norms (default 0.01)")
    group.add_argument("--clip-norm", type=float, help="of the gradient (default 1)")
    group.add_argument("--average", type=float, metavar="DECAY", help="of the average of weights (default 0.998)")


def _add_regularisation(group: Any) -> None:
    group.add_argument("--dropout", type=float, help="of what layers add to the stream")
    group.add_argument("--activation-dropout", type=float, help="inside feed-forward layers")
    group.add_argument("--attention-dropout", type=float, help="of attention")
    group.add_argument("--label-smoothing", type=float, help="share of a label given to all others")
    group.add_argument("--bpe-dropout", type=float, help="merges that fail: words in other tokens than usual")
    group.add_argument("--spec-augment", type=float, help="clips with bands of time and frequency taken out")
    group.add_argument("--misled", type=float, help="tokens that the decoder reads wrong: it must listen")


def _add_examples(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--augment", metavar="WORDS", help="disturb clips: radio,noise:0.5:0..20 (`listen --help`)")
    group.add_argument(
        "--balance",
        metavar="COLUMNS",
        help="draw rare groups more often: accent:3 (by the cube root of their size), accent,gender:inf (all evenly); "
        "clips that do not say theirs keep their share; one of several accents is drawn for the rarest",
    )
    group.add_argument(
        "--join",
        type=float,
        metavar="SHARE",
        help="of clips that others follow in their window, as on air (default 0.5)",
    )
    group.add_argument("--leave-out", metavar="FILE", help="clips that are not: ids, or lines that `evaluate` wrote")
    group.add_argument(
        "--without-speech", metavar="SHARE", help="of examples in which nobody speaks: 0.05, 0.05:FOLDER"
    )


def _add_texts(group: Any) -> None:
    group.add_argument("--timestamps", type=float, metavar="SHARE", help="of examples with times of segments, or clips")
    group.add_argument("--prompts", type=float, metavar="SHARE", help="of examples with what was said before")
    group.add_argument("--ctc", type=float, metavar="WEIGHT", help="of CTC on the encoder (0.3 from nothing, else 0)")
    group.add_argument("--context-s", type=float, metavar="S", help="acoustic context to train for")
    group.add_argument(
        "--acft",
        type=float,
        metavar="SHARE",
        help="of the loss: to find at the short context what the checkpoint finds at its full one; 1: that alone",
    )
    group.add_argument(
        "--full-context",
        action="store_true",
        default=None,
        help="pad everything to all of it; so by itself where a checkpoint is not ours, and --context-s is not given",
    )


def _add_parts(group: Any) -> None:
    group.add_argument("--lora", type=int, metavar="RANK", help="adapters of low rank, in place of all weights")
    group.add_argument("--lora-alpha", type=int, help="default: twice the rank")
    group.add_argument("--lora-targets", type=_names, metavar="A,B", help="default: all of attention, fc1, fc2")
    group.add_argument("--freeze-encoder", action="store_true", default=None, help="train the decoder alone")


def _add_machine(group: Any) -> None:
    group.add_argument("--device", help="cpu, cuda, cuda:1 (default: a GPU, if there is one)")
    group.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16", "fp16"),
        help="default: bf16, or fp16 on a GPU that lacks it; fp32 on a CPU",
    )
    group.add_argument("--recompute", action="store_true", default=None, help="gradient checkpointing: saves memory")
    group.add_argument("--threads", type=int, help="of a CPU (default 1: two are slower on a busy machine)")
    group.add_argument(
        "--workers", type=int, help="processes that make batches (default 1; for a GPU, as many as cores, up to 16)"
    )
    group.add_argument("--log-every", type=int, metavar="STEPS", help="default 10")
    group.add_argument(
        "--checkpoint-every-s",
        type=float,
        metavar="S",
        help="what a kill can cost, however long writing takes; 0: one step (default 180; where writing takes more "
        "than 18 s, ten times what the last one took, up to an hour)",
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)
