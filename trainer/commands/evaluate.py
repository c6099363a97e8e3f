"""`python -m trainer evaluate MODEL CORPUS`: measure error rates overall and by group, and detect broken decoding."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.atomic import write_atomically
from trainer.corpus.clips import SPLITS, Clip, Corpus
from trainer.corpus.corrections import writers_of
from trainer.corpus.locks import shared_lock
from trainer.corpus.sources.languages import language_code
from trainer.errors import PlanError
from trainer.evaluation.grouping import GROUPABLE
from trainer.names import RUNS
from trainer.run_folder import PLAN_NAME

if TYPE_CHECKING:
    from trainer.evaluation.evaluate import Plan
    from trainer.evaluation.recogniser import Recogniser
    from trainer.evaluation.result import Evaluation

#: The exit code of an alarm.
ALARM = 3

_BY = ("accent", "speaker", "gender", "age", "source", "duration")

HELP = "measure error rates by group, at full and short context, and detect broken decoding"
EXAMPLES = f"""\
examples
  python -m trainer evaluate mine corpora/sv
  python -m trainer evaluate openai/whisper-small corpora/sv --language sv --limit 500
  python -m trainer evaluate runs/mine/best corpora/sv --by accent,gender --snr 20,10,0 --out mine.json

MODEL is any Whisper checkpoint: a folder, a hub id, or a run, whose best checkpoint is used. Language and task are
forced, and the model runs in the precision of transcribers: float16 on a GPU, float32 on a CPU. The `full` context is
the one that the model was built for, 30 s for Whisper's own. The `short` context is --context-s, by default what
undertext.json of the model declares, else 7 s. A model that declares a short context is judged by it, any other model
by the full one.

Groups: {", ".join(GROUPABLE)};
snr is estimated from the recording, whereas --snr adds noise.

Results are printed and written to evaluation-NAME.json (--out); evaluation-NAME-utterances.jsonl has one line for each
utterance, the worst first. Exit code {ALARM} is the alarm: decoding is broken, and a message names the likely cause and
the remedy. It is not raised on very few words, or on a corpus in none of the languages that the model declares.
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a checkpoint's folder, a run, or a hub id")
    parser.add_argument("corpus", metavar="CORPUS", type=Path, help="folder written by `prepare`")
    parser.add_argument("--split", choices=SPLITS, default="test", help="the clips to evaluate on (default: test)")
    parser.add_argument(
        "--language",
        type=language_code,
        metavar="CODE",
        help="language of all clips (default: that of each clip, or the model's only language)",
    )
    parser.add_argument(
        "--by", type=_columns, default=_BY, metavar="A,B", help=f"groups, see below (default: {','.join(_BY)})"
    )
    parser.add_argument(
        "--snr",
        type=_numbers,
        default=(),
        metavar="DB,DB",
        help="also evaluate with noise added at these signal-to-noise ratios (default: none)",
    )
    parser.add_argument(
        "--context",
        type=_contexts,
        default=("full", "short"),
        metavar="full,short",
        help="acoustic contexts to evaluate at (default: full,short)",
    )
    parser.add_argument(
        "--context-s",
        type=float,
        metavar="S",
        help="the short context, in seconds (default: what the model declares, else 7)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="evaluate N clips, drawn with --seed (default: all)")
    _add_machine(parser)
    parser.add_argument("--seed", type=int, default=1, help="seed for noise, intervals and --limit (default: 1)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the results (default: evaluation-NAME.json in the run's folder, else in runs/evaluations)",
    )


def _add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 (default: a GPU if there is one)")
    parser.add_argument(
        "--batch-s",
        type=float,
        metavar="S",
        help="seconds of context in a batch; less saves memory (default: 240 on a CPU, as fits on a GPU)",
    )
    parser.add_argument(
        "--processes", type=int, metavar="N", help="decoding processes without a GPU (default: one per core)"
    )


def run(options: argparse.Namespace) -> int:
    with shared_lock(options.corpus):
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    import torch
    from tqdm import tqdm
    from transformers.utils import logging

    from trainer.evaluation.evaluate import evaluate
    from trainer.evaluation.recogniser import load
    from trainer.evaluation.result import agreement_on
    from trainer.evaluation.table import show
    from trainer.evaluation.utterances import of_clips
    from trainer.names import checkpoint
    from trainer.reports.run import write_report

    plan = _plan(options)
    options.model = checkpoint(options.model)
    torch.set_num_threads(1)  # the processes share the cores
    logging.disable_progress_bar()  # there is one of our own
    corpus, clips = _clips(options)
    recogniser = load(options.model, options.device)
    utterances = of_clips(corpus, clips, options.language or _declared_language(recogniser, clips))
    out = options.out or _default_out(options)
    out.parent.mkdir(parents=True, exist_ok=True)
    _utterances_path(out).touch()  # fail now if it cannot be written, not after an hour of decoding
    with tqdm(total=len(utterances) * passes(plan), unit="clip", desc="evaluate", smoothing=0.1) as bar:
        evaluation = evaluate(recogniser, utterances, plan, bar.update)
    about = _about(options, clips)
    show(evaluation)  # before writing, which may fail
    _write(evaluation, out, about)
    if warning := agreement_on(about):
        print(f"! {warning}")
    print(f"written: {out}, {_utterances_path(out)}")
    if (out.parent / PLAN_NAME).exists():
        print(f"updated: {write_report(out.parent)}")
    return ALARM if evaluation.alarm.raised else 0


def _plan(options: argparse.Namespace) -> Plan:
    from trainer.evaluation.evaluate import Plan
    from trainer.training.options import refuse_outside

    refuse_outside(options, ("limit", "processes", "batch_s", "context_s"), lambda value: value > 0, "more than 0")
    return Plan(
        contexts=options.context,
        short_s=options.context_s,
        snrs_db=options.snr,
        by=options.by,
        batch_s=options.batch_s,
        processes=options.processes or len(os.sched_getaffinity(0)),
        seed=options.seed,
    )


def passes(plan: Plan) -> int:
    """Return how often each utterance is decoded."""
    return len(plan.contexts) * (1 + len(plan.snrs_db)) + plan.windows


def _clips(options: argparse.Namespace) -> tuple[Corpus, tuple[Clip, ...]]:
    import random

    corpus = Corpus(options.corpus)
    clips = corpus.split(options.split)
    if not clips:
        raise PlanError(f"{options.corpus} has no clips in its split {options.split}: choose another with --split")
    if options.limit and options.limit < len(clips):
        clips = tuple(random.Random(options.seed).sample(clips, options.limit))
    return corpus, clips


def _declared_language(recogniser: Recogniser, clips: Iterable[Clip]) -> str | None:
    """Return the model's only language if it lacks one of the clips': it was trained with --language. Else None."""
    lacking = sorted({clip.language for clip in clips} - set(recogniser.languages or {"en"}))
    if not lacking or len(recogniser.declared) != 1:
        return None
    (only,) = recogniser.declared
    print(f"{recogniser.name} has no language {', '.join(lacking)}: evaluating in {only}, the only one it declares")
    return only


def _about(options: argparse.Namespace, clips: Iterable[Clip]) -> dict[str, Any]:
    """Describe the clips that are evaluated on, and the models that wrote most of their texts."""
    selection = {"corpus": str(options.corpus), "split": options.split, "limit": options.limit, "seed": options.seed}
    return {**selection, "written_by": writers_of(clips)}


def _write(evaluation: Evaluation, out: Path, about: Mapping[str, Any]) -> None:
    write_atomically(out, json.dumps({**about, **evaluation.document()}, indent=1, ensure_ascii=False) + "\n")
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in evaluation.utterances())
    write_atomically(_utterances_path(out), "".join(lines))


def _utterances_path(out: Path) -> Path:
    """Return the path of the file that has one line per utterance."""
    return out.with_name(f"{out.stem}-utterances.jsonl")


def _default_out(options: argparse.Namespace) -> Path:
    """Return a path in the run's folder if the model is a run's, else in runs/evaluations.

    Published model folders get no files: transcribers read them, and `publish` replaces them.
    """
    name = f"{options.corpus.resolve().name}-{options.split}"
    if options.limit:  # do not overwrite the result on all clips
        name += f"-{options.limit}"
    folder = Path(options.model).resolve().parent
    if (folder / PLAN_NAME).exists():
        return folder / f"evaluation-{Path(options.model).name}-{name}.json"
    return RUNS / "evaluations" / f"evaluation-{options.model.strip('/').replace('/', '-').lstrip('.-')}-{name}.json"


def _columns(text: str) -> tuple[str, ...]:
    columns = _words(text)
    if unknown := set(columns) - set(GROUPABLE):
        raise argparse.ArgumentTypeError(f"no group {', '.join(sorted(unknown))}; choose from {', '.join(GROUPABLE)}")
    return columns


def _contexts(text: str) -> tuple[str, ...]:
    contexts = _words(text)
    if not contexts or set(contexts) - {"full", "short"}:
        raise argparse.ArgumentTypeError("give full, short, or full,short")
    return contexts


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in _words(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError("give numbers separated by commas: 20,10,0") from error


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
