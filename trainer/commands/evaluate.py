"""`python -m trainer evaluate MODEL CORPUS`: how well a model writes, for whom, and whether its decoding is broken."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.corpus.clips import SPLITS, Clip, Corpus
from trainer.corpus.corrections import writers_of
from trainer.corpus.locks import reading
from trainer.corpus.sources.languages import language_code
from trainer.errors import PlanError
from trainer.evaluation.grouping import GROUPABLE
from trainer.names import RUNS
from trainer.replacing import write_whole
from trainer.run_folder import PLAN_NAME

if TYPE_CHECKING:
    from trainer.evaluation.evaluate import Plan
    from trainer.evaluation.recogniser import Recogniser
    from trainer.evaluation.result import Evaluation

#: The exit code of an alarm.
ALARM = 3

_BY = ("accent", "speaker", "gender", "age", "source", "duration")

HELP = "error rates with intervals, by group, at full and short context; an alarm for broken decoding"
EXAMPLES = f"""\
examples
  python -m trainer evaluate mine corpora/sv
  python -m trainer evaluate openai/whisper-small corpora/sv --language sv --limit 500
  python -m trainer evaluate runs/mine/best corpora/sv --by accent,gender --snr 20,10,0 --out mine.json

MODEL is any Whisper checkpoint: a folder, its name on the hub, or a run, of which it is the best. Language and task are
forced, and it computes as transcribers do: in float16 on a GPU, in float32 on a CPU. `full` is the whole context that
it was built for; `short` is what its undertext.json declares, or --context-s; which one counts first is what it
declares.

Groups: {", ".join(GROUPABLE)};
snr is estimated from the recording, and --snr adds noise.

exit code {ALARM}: the alarm. Decoding is broken, and a sentence says what the likely cause is and what to do. Few
words do not raise it, nor does a corpus in none of the languages that the model declares.
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a checkpoint's folder, a run, or a name on the hub")
    parser.add_argument("corpus", metavar="CORPUS", type=Path, help="what `prepare` wrote")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument(
        "--language", type=language_code, metavar="CODE", help="instead of what the corpus says, or the model's one"
    )
    parser.add_argument("--by", type=_columns, default=_BY, metavar="A,B", help=f"default: {','.join(_BY)}")
    parser.add_argument("--snr", type=_numbers, default=(), metavar="DB,DB", help="add noise at these ratios, too")
    parser.add_argument("--context", type=_contexts, default=("full", "short"), metavar="full,short")
    parser.add_argument("--context-s", type=float, metavar="S", help="the short one; default: what it declares, or 7")
    parser.add_argument("--limit", type=int, metavar="N", help="so many clips, drawn by --seed")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1")
    parser.add_argument(
        "--batch-s", type=float, metavar="S", help="seconds of context in a batch; less takes less memory"
    )
    parser.add_argument("--processes", type=int, metavar="N", help="without a GPU; default: as many as cores")
    parser.add_argument("--seed", type=int, default=1, help="of noise, intervals and --limit")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="default: evaluation-NAME.json in the run's folder, or runs/evaluations",
    )


def run(options: argparse.Namespace) -> int:
    with reading(options.corpus):
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    import torch
    from tqdm import tqdm
    from transformers.utils import logging

    from trainer.evaluation.evaluate import Plan, evaluate
    from trainer.evaluation.recogniser import load
    from trainer.evaluation.result import agreement_on
    from trainer.evaluation.table import show
    from trainer.evaluation.utterances import of_clips
    from trainer.names import checkpoint
    from trainer.reports.run import write_report
    from trainer.training.options import refuse_outside

    refuse_outside(options, ("limit", "processes", "batch_s", "context_s"), lambda value: value > 0, "more than 0")
    options.model = checkpoint(options.model)
    plan = Plan(
        contexts=options.context,
        short_s=options.context_s,
        snrs_db=options.snr,
        by=options.by,
        batch_s=options.batch_s,
        processes=options.processes or len(os.sched_getaffinity(0)),
        seed=options.seed,
    )
    torch.set_num_threads(1)  # the processes share the cores
    logging.disable_progress_bar()  # ours is enough
    corpus, clips = _clips(options)
    recogniser = load(options.model, options.device)
    utterances = of_clips(corpus, clips, options.language or _own_language(recogniser, clips))
    out = options.out or _beside(options)
    out.parent.mkdir(parents=True, exist_ok=True)
    _utterances(out).touch()  # refused now, not when all was heard
    with tqdm(total=len(utterances) * passes(plan), unit="clip", desc="evaluate", smoothing=0.1) as bar:
        found = evaluate(recogniser, utterances, plan, bar.update)
    about = _about(options, clips)
    show(found)  # what was heard for an hour is told, though it could not be written
    _write(found, out, about)
    if told := agreement_on(about):
        print(f"! {told}")
    print(f"written: {out}, {_utterances(out)}")
    if (out.parent / PLAN_NAME).exists():
        print(f"renewed: {write_report(out.parent)}")
    return ALARM if found.alarm.raised else 0


def passes(plan: Plan) -> int:
    """How often each utterance is heard."""
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


def _own_language(recogniser: Recogniser, clips: Iterable[Clip]) -> str | None:
    """What a model was trained on with --language, be the clips called what they may; None: their own languages."""
    lacking = sorted({clip.language for clip in clips} - set(recogniser.languages or {"en"}))
    if not lacking or len(recogniser.declared) != 1:
        return None
    (own,) = recogniser.declared
    print(f"{recogniser.name} has no language {', '.join(lacking)}: it is evaluated in {own}, which is all it declares")
    return own


def _about(options: argparse.Namespace, clips: Iterable[Clip]) -> dict[str, Any]:
    """On what it is measured, and which models wrote the most of that."""
    asked = {"corpus": str(options.corpus), "split": options.split, "limit": options.limit, "seed": options.seed}
    return {**asked, "written_by": writers_of(clips)}


def _write(found: Evaluation, out: Path, about: Mapping[str, Any]) -> None:
    write_whole(out, json.dumps({**about, **found.document()}, indent=1, ensure_ascii=False) + "\n")
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in found.utterances())
    write_whole(_utterances(out), "".join(lines))


def _utterances(out: Path) -> Path:
    """Where each utterance has a line."""
    return out.with_name(f"{out.stem}-utterances.jsonl")


def _beside(options: argparse.Namespace) -> Path:
    """In the run's folder, if the model lies in one; what is published is read by transcribers, and replaced whole."""
    name = f"{options.corpus.resolve().name}-{options.split}"
    if options.limit:  # a look at a few does not take the place of all
        name += f"-{options.limit}"
    folder = Path(options.model).resolve().parent
    if (folder / PLAN_NAME).exists():
        return folder / f"evaluation-{Path(options.model).name}-{name}.json"
    return RUNS / "evaluations" / f"evaluation-{options.model.strip('/').replace('/', '-').lstrip('.-')}-{name}.json"


def _columns(text: str) -> tuple[str, ...]:
    columns = _words(text)
    if unknown := set(columns) - set(GROUPABLE):
        raise argparse.ArgumentTypeError(f"no group {', '.join(sorted(unknown))}; there are {', '.join(GROUPABLE)}")
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
        raise argparse.ArgumentTypeError("give numbers with commas between them: 20,10,0") from error


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
