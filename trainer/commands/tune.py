"""`python -m trainer tune CORPUS --model MODEL --study NAME --vary ...`: search for the options that train best."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.commands import train, worker
from trainer.errors import PlanError, TrainerError
from trainer.names import NEW, absent, checkpoint, run_path

if TYPE_CHECKING:
    import optuna

    from trainer.training.options import Options
    from trainer.tuning.conducting import Crew
    from trainer.tuning.space import Space
    from trainer.tuning.study import Asked
    from wire.bus import Redis

HELP = "search for the options that train best, here or by many workers"
EXAMPLES = """\
Each trial is a run of `train` with the options given here, and values of its own for what varies. Its result is the
lowest word error rate on dev. --vary takes any option of `train` that makes another model:

  --vary batch=16,32,64              one of these
  --vary dropout=0..0.3              anything between
  --vary learning-rate=1e-5..1e-3:log    anything between, drawn evenly by its logarithm
  --vary learning-rate=1e-5..1e-3:log:5  five of these: a grid needs points
  --vary "augment=none|light|radio,noise:0.5"    parted by | where a value has commas

--search tpe believes in what was good so far, random in nothing, grid takes every point. --prune median stops a trial
that is worse than half of the others when as much of its training is behind, halving the worse half again and again.

examples

  in this process, trial by trial
    python -m trainer tune corpora/digits --model demo/model --study digits --epochs 2 --trials 20 \\
        --vary learning-rate=1e-4..3e-3:log --vary batch=16,32,64 --vary dropout=0..0.3 --vary augment=none,light,radio

  by as many workers as are started, on any machine that sees the same folders, and a Redis that hands trials out
    export REDIS_URL=redis://127.0.0.1:6379/0
    CUDA_VISIBLE_DEVICES=0 python -m trainer worker &
    CUDA_VISIBLE_DEVICES=1 python -m trainer worker &
    python -m trainer tune corpora/sv --model openai/whisper-small --study sv --epochs 2 --trials 60 \\
        --vary learning-rate=3e-6..1e-4:log --vary "augment=none|light|radio" --vary spec-augment=0..1

The same command goes on with a search that was stopped, and --trials 100 adds to one that came to its end. A worker
that is killed costs nothing but time: another goes on with its trial from the last checkpoint. runs/NAME has

  report.html     every trial, the history, what mattered, which values went together, and the best's command line
  trial-0007/     a run as `train` leaves it, with a report.html of its own; the weights of the best trial alone, unless
                  --keep-all
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", required=True, metavar="NAME", help="kept in runs/NAME; or a path")
    parser.add_argument(
        "--vary", action="append", required=True, metavar="NAME=VALUES", help="see below; once for each"
    )
    parser.add_argument("--trials", type=int, metavar="N", help="at most (default 20; of a grid, all)")
    parser.add_argument("--search", choices=("tpe", "random", "grid"), default="tpe", help="(default tpe)")
    parser.add_argument("--prune", choices=("median", "halving", "none"), default="median", help="(default median)")
    parser.add_argument("--keep-all", action="store_true", help="the weights of all trials, not only of the best")
    parser.add_argument("--local", action="store_true", help="no workers: trials run here, one after another")
    parser.add_argument(
        "--redis", metavar="URL", default=os.environ.get("REDIS_URL"), help="that workers share (default: $REDIS_URL)"
    )
    train.add_options(parser, trial=True)


def run(options: argparse.Namespace) -> int:
    from trainer.corpus.locks import reading

    with reading(options.corpus):  # all trials are of the same, also between two of them
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    from transformers.utils import logging

    from trainer.tuning.conducting import conduct
    from wire.bus import AWAY

    logging.disable_progress_bar()
    asked = asked_of(options)
    study, crew = _begun(options, asked)
    try:
        conduct(study, asked, crew, options.keep_all)
    except AWAY as error:
        raise TrainerError(f"Redis went away ({error}): the same command goes on when it is back") from error
    finally:
        with suppress(*AWAY):
            _tell(study, asked)
    return 0


def _tell(study: optuna.Study, asked: Asked) -> None:
    """What came of it so far, if anything."""
    from trainer.tuning.report import write_report
    from trainer.tuning.results import show
    from trainer.tuning.study import trials_of

    if trials_of(study):
        show(study)
        print(f"report: {write_report(study, asked.folder)}")


def asked_of(options: argparse.Namespace) -> Asked:
    """What the command line asks for.

    Raises:
        PlanError: an option contradicts another; the text names it.
    """
    from trainer.corpus.clips import Corpus
    from trainer.training.options import Options
    from trainer.tuning.folders import absolute
    from trainer.tuning.space import parse
    from trainer.tuning.study import Asked

    if options.trials is not None and options.trials < 1:
        raise PlanError(f"--trials {options.trials}: there must be one at least")
    space = parse(options.vary)
    Corpus(options.corpus)  # refused now, not in every trial
    names = {field.name for field in fields(Options)} - {"run"}
    fixed = {key: absolute(key, value) for key, value in vars(options).items() if key in names and value is not None}
    if twice := sorted(set(fixed) & set(space.words)):
        raise PlanError(f"--{twice[0].replace('_', '-')} is given, and varied: leave one of them out")
    if "measure_every" in fixed:
        raise PlanError("--measure-every counts steps, of which trials have more and less: give --measures")
    fixed = {"measures": 8, **fixed, "corpus": str(options.corpus.absolute())}
    if fixed["measures"] < 1:
        raise PlanError("--measures 0 leaves nothing to compare trials by")
    if not options.model.startswith(NEW):
        found = checkpoint(options.model)
        fixed["model"] = str(Path(found).absolute()) if Path(found).is_dir() else found  # workers start anywhere
    lora = fixed.get("lora") or int("lora" in space.words)
    if "lora_alpha" in space.words and not lora:
        raise PlanError("--vary lora-alpha is of adapters: give --lora RANK, or vary that, too")
    # Refused now, not in every trial.
    given = Options(run=Path(), **{**fixed, "corpus": options.corpus, "lora": lora})
    given.check()
    _refuse_absent(given, space)
    if options.search == "grid":
        space.grid()
    return Asked(
        folder=_folder(options.study),
        space=space,
        fixed={key: list(value) if isinstance(value, tuple) else value for key, value in fixed.items()},
        prune=options.prune,
        search=options.search,
        seed=fixed.get("seed", 1),
        trials=options.trials if options.trials is not None else None if options.search == "grid" else 20,
    )


def _refuse_absent(given: Options, space: Space) -> None:
    """Refuse folders of sounds that are not there, also those of values that are varied."""
    from trainer.tuning.folders import SOUNDS, needed

    varied = [(name, value) for name in SOUNDS for value in getattr(space.distributions.get(name), "choices", ())]
    for each in (given, *(replace(given, **{name: value}) for name, value in varied)):
        if folder := absent(needed(each)):
            raise PlanError(f"there is no folder {folder}")


def _folder(name: str) -> Path:
    folder = run_path(name).absolute()
    if not folder.name.replace("-", "").replace("_", "").isalnum() or not folder.name.isascii():
        raise PlanError(f"--study {name}: the name has letters, digits, - and _")
    return folder


def _begun(options: argparse.Namespace, asked: Asked) -> tuple[optuna.Study, Crew]:
    """The study, and who performs its trials: workers, if there is a Redis to reach them by."""
    from trainer.tuning.conducting import Here
    from trainer.tuning.jobs import Workers
    from trainer.tuning.journal import alone, shared
    from trainer.tuning.study import begin

    redis = None if options.local else _redis(options.redis)
    if redis is not None:
        return begin(shared(redis, asked.name), asked), Workers(redis)
    return begin(alone(asked.folder), asked), Here()


def _redis(url: str | None) -> Redis | None:
    """The Redis that workers share; None: nobody named one."""
    if not url:
        print("REDIS_URL is not set: trials run here, one after another", file=sys.stderr)
        return None
    return worker.redis_at(url, "start it, name another, or give --local")
