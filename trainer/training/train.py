"""The `train` command: set up corpus, model and plan, train in a run folder, and save the models and the report."""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from trainer.corpus.clips import CORPUS_NAME, Corpus
from trainer.corpus.corrections import agreement
from trainer.corpus.locks import shared_lock
from trainer.errors import NoRoom, PlanError, TrainerError
from trainer.folder_lock import LOCK_NAME, folder_lock
from trainer.models.device import device_of
from trainer.os_errors import is_full
from trainer.reports.run import write_report
from trainer.run_folder import LOG_NAME, MODELS, PLAN_NAME, SEEN_NAME
from trainer.run_log import LOG, logging_to
from trainer.stopping import Stop
from trainer.training.disk import checkpoint_bytes, disk_warning
from trainer.training.loop import Measure, train
from trainer.training.measuring import DevMeasure
from trainer.training.options import Options, command_line, command_to_repeat
from trainer.training.run import Run, has_learnt
from trainer.training.run_setup import SOUNDS_NAME, TOKENIZER_NAME, Setup, load_checkpoint, prepare_model, set_up
from trainer.training.saving import describe_run, model_saver
from trainer.training.seen import write_seen
from trainer.training.team import Team, is_first, local_rank, local_size

#: The default for a GPU has at most this many workers: servers have hundreds of cores, and each worker takes memory.
_MOST_WORKERS = 16
_COMMAND_NAME = "command.txt"
#: What a run writes before its first metrics, as patterns.
_FIRST_FILES = (
    *(LOG_NAME, PLAN_NAME, f"{PLAN_NAME}.tmp", _COMMAND_NAME, "events.out.tfevents.*"),
    *(TOKENIZER_NAME, SOUNDS_NAME),
)


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        best: the lowest word error rate on dev, in percent; None if nothing was measured.
        early: if patience ran out, the number of evaluations without improvement; otherwise 0.
    """

    steps: int
    best: float | None
    folder: Path
    early: int = 0

    def __str__(self) -> str:
        best = "" if self.best is None else f", best WER on dev {self.best:.2f} %"
        evaluations = f"{self.early} evaluation{'s' * (self.early != 1)}"
        early = f"; stopped early after {evaluations} without improvement (--patience)" if self.early else ""
        return f"{self.folder}: {self.steps} steps{best}{early}"


#: Receives the completed share of the training (0..1) and the dev metrics.
OnMeasure = Callable[[float, Mapping[str, float]], None]


@contextmanager
def locked_run_folder(options: Options) -> Iterator[None]:
    """Lock the run's folder against other runs, and remove what was created in it if this one is refused.

    The processes of a team share the lock.

    Raises:
        PlanError: another process is training in this folder, or the folder is not a run's.
    """
    _check_folder(options.run)
    if not is_first():
        yield
        return
    missing = [path for path in (options.run / LOCK_NAME, options.run, *options.run.parents) if not path.exists()]
    with folder_lock(options.run, "--run"):
        existing = set(_first_files(options.run))
        resumable = has_learnt(options.run)
        try:
            yield
        except Exception as error:
            # An unexpected error keeps its traceback in train.log.
            refused = isinstance(error, TrainerError | OSError | MemoryError) or is_full(error)
            if refused and not resumable and not has_learnt(options.run):
                _remove_created(set(_first_files(options.run)) - existing, missing)
            raise


def _check_folder(run: Path) -> None:
    """Refuse a folder with models or tokenizers of another origin, which training would replace."""
    if (run / CORPUS_NAME).exists():
        raise PlanError(f"{run} is a corpus, not a run folder: choose another --run")
    is_run = (run / PLAN_NAME).exists() or (run / LOCK_NAME).exists()
    if not is_run and (others := [name for name in (TOKENIZER_NAME, *MODELS) if (run / name).exists()]):
        raise PlanError(f"{run} is not a run, and training would replace its {others[0]}/: choose another --run")


def _first_files(run: Path) -> Iterator[Path]:
    """The files and folders that a run writes before its first metrics; others in the folder are not the run's."""
    for pattern in _FIRST_FILES:
        yield from run.glob(pattern)


def _remove_created(files: Iterable[Path], missing: Iterable[Path]) -> None:
    """Remove files and folders of a run; then what was missing before it: its lock, and folders that are empty."""
    for path in files:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    # From here on, another run may start in the folder.
    for path in missing:
        with suppress(OSError):  # not empty: another run has started, or the user has put files there
            path.unlink() if path.name == LOCK_NAME else path.rmdir()


def train_run(options: Options, on_measure: OnMeasure | None = None, stop: Stop | None = None) -> Outcome:
    """Train a run, or resume it.

    Args:
        on_measure: called with all dev metrics; an exception that it raises ends the training.
        stop: requests a stop after the current step.

    Raises:
        TrainerError: options, corpus or checkpoint do not fit together; the message says which to change.
        NoRoom: the GPU's memory is too small.
        Stopped: a stop was requested.
    """
    options.check()
    with logging_to(_log_path(options.run), shown=is_first()):
        LOG.debug("%s", command_line(options, brief=True))
        try:
            with shared_lock(options.corpus):
                outcome = _train_run(options, on_measure, stop)
        except torch.OutOfMemoryError as error:
            LOG.debug("ended: %s", advice := _memory_advice(options))
            raise NoRoom(advice) from error
        except BaseException as error:
            unexpected = isinstance(error, Exception) and not isinstance(error, TrainerError)
            LOG.debug("ended: %s", traceback.format_exc() if unexpected else str(error) or type(error).__name__)
            raise
        LOG.debug("%s", outcome)
    return outcome


def _log_path(run: Path) -> Path | None:
    """train.log, which only the first rank writes."""
    if not is_first():
        return None
    run.mkdir(parents=True, exist_ok=True)
    return run / LOG_NAME


def _train_run(options: Options, on_measure: OnMeasure | None, stop: Stop | None) -> Outcome:
    device = device_of(options.device, local_rank())
    team = Team.of_environment(device)
    if device.type == "cpu":
        torch.set_num_threads(options.threads)
        torch.use_deterministic_algorithms(True)
    corpus = Corpus(options.corpus)
    with team.first_rank_first():
        if team.first and not has_learnt(options.run):  # a failed attempt may have learnt it from other texts
            shutil.rmtree(options.run / TOKENIZER_NAME, ignore_errors=True)
        loaded = load_checkpoint(options, corpus)
    setup = set_up(options, corpus, loaded, team)
    plan = setup.plan
    model, teacher, originals = prepare_model(setup, device)
    if not team.first:
        originals = {}  # only the first rank saves
    about = describe_run(options, loaded, corpus, setup.clips, setup.left_out, plan)
    run = Run.start(options.run, model, loaded.speller, plan, about, team, teacher)
    save_model = model_saver(run, setup, originals)
    measure = _dev_measure(setup)
    if team.first:
        _log_start(setup, run, about)
        (options.run / _COMMAND_NAME).write_text(command_to_repeat(options, plan) + "\n", encoding="utf-8")
    with closing(run):
        reporting = _reporting(run, measure, on_measure)
        train(run, setup.source, loaded.speller, reporting, save_model, _workers(options, device), stop)
        if team.first:
            write_seen(options.run / SEEN_NAME, setup.source, run.progress.examples)
            with run.average.applied():
                save_model("last")
                if measure is None:
                    save_model("best")
            write_report(options.run)
    team.close()
    progress = run.progress
    return Outcome(progress.steps, progress.best, options.run, progress.since_best if progress.stopped else 0)


def _log_start(setup: Setup, run: Run, about: Mapping[str, Any]) -> None:
    """Log where a resumed run is, and anything about the corpus or the disk that the user should know."""
    steps, loaded = run.progress.steps, setup.loaded
    if steps:
        done = run.plan.done(run.progress)
        if done < 1.0:
            LOG.info("%s resumes after step %d (%.0f %% done)", run.folder, steps, 100 * done)
        else:
            LOG.info("%s is complete (step %d): nothing is left to train", run.folder, steps)
    if lost := sorted(set(loaded.languages) - set(setup.languages)):
        LOG.info(
            "the model will be for %s only: %s also supports %s, which the corpus does not have",
            *(", ".join(setup.languages), loaded.name, ", ".join(lost)),
        )
    if setup.dev and (note := agreement("dev", about["environment"]["dev_written_by"])):
        LOG.info("%s", note)
    if warning := disk_warning(run.folder, checkpoint_bytes(run.model, run.plan.average_decay > 0)):
        LOG.warning("%s", warning)


def _dev_measure(setup: Setup) -> Measure | None:
    if not setup.dev:
        return None
    options, speller = setup.options, setup.loaded.speller
    return DevMeasure(setup.corpus, setup.dev, speller, setup.context_s, options.language, setup.plan.precision)


def _reporting(run: Run, measure: Measure | None, on_measure: OnMeasure | None) -> Measure | None:
    """`measure`, which also passes its metrics to `on_measure`."""
    if measure is None or on_measure is None:
        return measure

    def reporting(model: transformers.WhisperForConditionalGeneration) -> dict[str, float]:
        metrics = measure(model)
        try:
            on_measure(run.plan.done(run.progress), metrics)
        except Exception:
            run.log(metrics)  # they show why training ends here
            raise
        return metrics

    return reporting


def _memory_advice(options: Options) -> str:
    """How to train with less GPU memory."""
    new_run = (
        f"start a new run with half the --batch-s (it is {options.batch_s:g}) and twice the --accumulate, which trains "
        "the same"
    )
    if not options.lora:
        new_run += ", or train adapters (--lora 32)"
    same_run = "" if options.recompute else "repeat the command with --recompute; or "
    return f"the GPU is out of memory: {same_run}{new_run}"


def _workers(options: Options, device: torch.device) -> int:
    """Dataloader workers: a GPU takes clips faster than one core makes them; a CPU has no core to spare."""
    if options.workers is not None:
        return options.workers
    cores = len(os.sched_getaffinity(0)) // local_size()
    return max(1, min(_MOST_WORKERS, cores - 1)) if device.type == "cuda" else 1
