"""`python -m trainer tune CORPUS --model MODEL --study NAME --vary ...`: search for the best options of `train`."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.commands import train, worker
from trainer.errors import PlanError, TrainerError
from trainer.names import NEW, checkpoint, first_missing, run_path

if TYPE_CHECKING:
    import optuna

    from trainer.training.options import Options
    from trainer.tuning.running import TrialRunner
    from trainer.tuning.space import Space
    from trainer.tuning.study import StudySpec
    from wire.bus import Redis

HELP = "search for the best options of `train`, locally or on many workers"
EXAMPLES = """\
Each trial is a run of `train` with the options given here, and with its own values for the options that vary. Its
result is the lowest word error rate on dev. --vary accepts every option of `train` that affects the model:

  --vary batch=16,32,64                        one of these values
  --vary dropout=0..0.3                        any value in the range
  --vary learning-rate=1e-5..1e-3:log          any value in the range, drawn on a logarithmic scale
  --vary learning-rate=1e-5..1e-3:log:5        one of five values, as a grid needs
  --vary "augment=none|light|radio,noise:0.5"  values separated by |, as one of them contains commas

--search tpe favours values near those of good trials, random draws them independently, grid tries every combination.
--prune median stops a trial that is worse than half of the others at the same point of training; halving stops the
worse half of the trials again and again.

examples

  in this process, one trial after another
    python -m trainer tune corpora/digits --model demo/model --study digits --epochs 2 --trials 20 \\
        --vary learning-rate=1e-4..3e-3:log --vary batch=16,32,64 --vary dropout=0..0.3 --vary augment=none,light,radio

  on any number of workers that share a Redis, on machines that see the same folders
    export REDIS_URL=redis://127.0.0.1:6379/0
    CUDA_VISIBLE_DEVICES=0 python -m trainer worker &
    CUDA_VISIBLE_DEVICES=1 python -m trainer worker &
    python -m trainer tune corpora/sv --model openai/whisper-small --study sv --epochs 2 --trials 60 \\
        --vary learning-rate=3e-6..1e-4:log --vary "augment=none|light|radio" --vary spec-augment=0..1

The same command resumes a search that was stopped, and a higher --trials extends one that is complete. If a worker is
killed, another resumes its trial from the last checkpoint. runs/NAME contains

  report.html     all trials, the history, the importance and interplay of options, and the command of the best trial
  trial-0007/     a run as `train` writes it, with its own report.html; only the best trial keeps its weights, unless
                  --keep-all is given
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", required=True, metavar="NAME", help="the study's folder: runs/NAME, or a path")
    parser.add_argument(
        "--vary",
        action="append",
        required=True,
        metavar="NAME=VALUES",
        help="an option to vary (see below); repeat it for several",
    )
    parser.add_argument(
        "--trials", type=int, metavar="N", help="maximum number of trials (default: 20; for a grid, all)"
    )
    parser.add_argument(
        "--search", choices=("tpe", "random", "grid"), default="tpe", help="how values are chosen (default: tpe)"
    )
    parser.add_argument(
        "--prune",
        choices=("median", "halving", "none"),
        default="median",
        help="how bad trials are stopped early (default: median)",
    )
    parser.add_argument("--keep-all", action="store_true", help="keep the weights of all trials, not only of the best")
    parser.add_argument("--local", action="store_true", help="run the trials here, one after another, without workers")
    parser.add_argument(
        "--redis",
        metavar="URL",
        default=os.environ.get("REDIS_URL"),
        help="the Redis shared with workers (default: $REDIS_URL)",
    )
    train.add_options(parser, trial=True)


def run(options: argparse.Namespace) -> int:
    from trainer.corpus.locks import shared_lock

    with shared_lock(options.corpus):  # held between trials too, so that all use the same corpus
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    from transformers.utils import logging

    from trainer.tuning.running import run_search
    from wire.bus import UNAVAILABLE

    logging.disable_progress_bar()
    spec = spec_of(options)
    study, runner = _open_study(options, spec)
    try:
        run_search(study, spec, runner, options.keep_all)
    except UNAVAILABLE as error:
        raise TrainerError(f"Redis became unreachable ({error}): the same command resumes when it is back") from error
    finally:
        with suppress(*UNAVAILABLE):
            _report(study, spec)
    return 0


def _report(study: optuna.Study, spec: StudySpec) -> None:
    """Print the results so far, if there are any, and write the report."""
    from trainer.tuning.report import write_report
    from trainer.tuning.results import show
    from trainer.tuning.study import trials_of

    if trials_of(study):
        show(study)
        print(f"report: {write_report(study, spec.folder)}")


def spec_of(options: argparse.Namespace) -> StudySpec:
    """Return the study that the command line describes.

    Raises:
        PlanError: options contradict each other; the message names them.
    """
    from trainer.corpus.clips import Corpus
    from trainer.training.options import Options
    from trainer.tuning.space import parse
    from trainer.tuning.study import StudySpec

    if options.trials is not None and options.trials < 1:
        raise PlanError(f"--trials {options.trials}: it must be at least 1")
    space = parse(options.vary)
    Corpus(options.corpus)  # fail now, not in every trial
    fixed = _fixed(options, space)
    lora = fixed.get("lora") or int("lora" in space.words)
    if "lora_alpha" in space.words and not lora:
        raise PlanError("--vary lora-alpha needs adapters: give --lora RANK, or vary lora, too")
    # Fail now, not in every trial.
    given = Options(run=Path(), **{**fixed, "corpus": options.corpus, "lora": lora})
    given.check()
    _refuse_absent(given, space)
    if options.search == "grid":
        space.grid()
    return StudySpec(
        folder=_folder(options.study),
        space=space,
        fixed={key: list(value) if isinstance(value, tuple) else value for key, value in fixed.items()},
        prune=options.prune,
        search=options.search,
        seed=fixed.get("seed", 1),
        trials=options.trials if options.trials is not None else None if options.search == "grid" else 20,
    )


def _fixed(options: argparse.Namespace, space: Space) -> dict[str, Any]:
    """The options of `train` that all trials share, with absolute paths: workers may start in any directory."""
    from trainer.training.options import Options
    from trainer.tuning.folders import with_absolute_folders

    names = {field.name for field in fields(Options)} - {"run"}
    given = {key: value for key, value in vars(options).items() if key in names and value is not None}
    if twice := sorted(set(given) & set(space.words)):
        raise PlanError(f"--{twice[0].replace('_', '-')} is both given and varied: remove one of them")
    if "measure_every" in given:
        raise PlanError("--measure-every counts steps, which differ between trials: give --measures")
    if given.get("measures", 1) < 1:
        raise PlanError("--measures 0 leaves nothing to compare trials by")
    fixed = {key: with_absolute_folders(key, value) for key, value in given.items()}
    fixed = {"measures": 8, **fixed, "corpus": str(options.corpus.absolute())}
    if not options.model.startswith(NEW):
        model = checkpoint(options.model)
        fixed["model"] = str(Path(model).absolute()) if Path(model).is_dir() else model
    return fixed


def _refuse_absent(given: Options, space: Space) -> None:
    """Refuse folders of sounds that do not exist, including those of varied values."""
    from trainer.tuning.folders import SOUNDS, folders_of

    varied = [(name, value) for name in SOUNDS for value in getattr(space.distributions.get(name), "choices", ())]
    for trial_options in (given, *(replace(given, **{name: value}) for name, value in varied)):
        if folder := first_missing(folders_of(trial_options)):
            raise PlanError(f"there is no folder {folder}")


def _folder(name: str) -> Path:
    folder = run_path(name).absolute()
    if not folder.name.replace("-", "").replace("_", "").isalnum() or not folder.name.isascii():
        raise PlanError(f"--study {name}: a name consists of letters, digits, - and _")
    return folder


def _open_study(options: argparse.Namespace, spec: StudySpec) -> tuple[optuna.Study, TrialRunner]:
    """Return the study and the runner of its trials: workers if there is a Redis, else this process."""
    from trainer.tuning.jobs import Workers
    from trainer.tuning.journal import local_storage, redis_storage
    from trainer.tuning.running import LocalRunner
    from trainer.tuning.study import begin

    redis = None if options.local else _redis(options.redis)
    if redis is not None:
        return begin(redis_storage(redis, spec.name), spec), Workers(redis)
    return begin(local_storage(spec.folder), spec), LocalRunner()


def _redis(url: str | None) -> Redis | None:
    """Connect to the Redis shared with workers; None if no URL is given."""
    if not url:
        print("REDIS_URL is not set: trials run here, one after another", file=sys.stderr)
        return None
    return worker.redis_at(url, "start it, choose another, or give --local")
