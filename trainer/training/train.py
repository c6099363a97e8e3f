"""What `train` puts together: a corpus, a checkpoint, a plan and a run folder."""

from __future__ import annotations

import os
import shutil
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers

from trainer.corpus.clips import CORPUS_NAME, Corpus
from trainer.corpus.corrections import agreement
from trainer.corpus.locks import reading
from trainer.errors import NoRoom, PlanError, TrainerError
from trainer.held import held
from trainer.models.device import device_of
from trainer.notes import LOG, noting
from trainer.refusals import is_full
from trainer.reports.run import write_report
from trainer.run_folder import LOG_NAME, SEEN_NAME
from trainer.stopping import Stop
from trainer.training.deciding import TOKENIZER_NAME, Decided, begun, decide, load
from trainer.training.disk import checkpoint_bytes, lacking
from trainer.training.keeping import about, keeper
from trainer.training.loop import Measure, train
from trainer.training.measuring import DevMeasure
from trainer.training.options import Options, command, line
from trainer.training.run import Run, has_learnt
from trainer.training.seen import write_seen
from trainer.training.team import Team, is_first, local_rank, local_size

#: Processes that make batches for a GPU, by themselves: servers have hundreds of cores, and each process takes memory.
_MOST_WORKERS = 16


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `best` is the lowest word error rate in percent; None: nothing was measured.

    `early` is the number of measures without news after which it was stopped; 0: it was not.
    """

    steps: int
    best: float | None
    folder: Path
    early: int = 0

    def __str__(self) -> str:
        best = "" if self.best is None else f", {self.best:.2f} % of the words in dev wrong at best"
        early = f"; stopped early: no better one in {self.early} measures (--patience)" if self.early else ""
        return f"{self.folder}: {self.steps} steps{best}{early}"


#: Hears how much of the training is behind (0..1) and what was measured.
Told = Callable[[float, Mapping[str, float]], None]


@contextmanager
def alone(options: Options) -> Iterator[None]:
    """Lock the run's folder against other runs, and remove what was created in it if this one is refused.

    The processes of a team share the lock.

    Raises:
        PlanError: another process is training in this folder, or the folder is a corpus.
    """
    if (options.run / CORPUS_NAME).exists():
        raise PlanError(f"{options.run} is a corpus, and no place for a run: choose another --run")
    if not is_first():
        yield
        return
    missing = [place for place in (options.run, *options.run.parents) if not place.exists()]
    existing = set(options.run.iterdir()) if options.run.is_dir() else set()
    with held(options.run, "--run"):
        resumable = has_learnt(options.run)
        try:
            yield
        except Exception as error:
            # An unexpected error keeps its traceback in train.log.
            refused = isinstance(error, TrainerError | OSError | MemoryError) or is_full(error)
            if refused and not resumable and not has_learnt(options.run):
                _remove_created(options.run, missing, existing)
            raise


def _remove_created(run: Path, missing: Iterable[Path], existing: Collection[Path]) -> None:
    """Remove what is new in a folder, and those of its parents and itself that were missing."""
    for path in set(run.iterdir()) - set(existing):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for place in missing:
        with suppress(OSError):  # another run is in it by now
            place.rmdir()


def train_run(options: Options, told: Told | None = None, stop: Stop | None = None) -> Outcome:
    """Train, or go on with what was interrupted.

    Args:
        told: called whenever something was measured; what it raises ends the training.
        stop: tells whether it is to stop behind the step that it is at.

    Raises:
        TrainerError: options, corpus or checkpoint do not fit; the text says which to change.
        NoRoom: they do not fit into a GPU's memory.
        Stopped: it was asked to.
    """
    options.check()
    with noting(_log(options.run), shown=is_first()):
        LOG.debug("%s", line(options, brief=True))
        try:
            with reading(options.corpus):
                found = _train_run(options, told, stop)
        except torch.OutOfMemoryError as error:
            LOG.debug("ended: %s", remedies := _remedies(options))
            raise NoRoom(remedies) from error
        except BaseException as error:
            unforeseen = isinstance(error, Exception) and not isinstance(error, TrainerError)
            LOG.debug("ended: %s", traceback.format_exc() if unforeseen else str(error) or type(error).__name__)
            raise
        LOG.debug("%s", found)
    return found


def _log(run: Path) -> Path | None:
    """Where its notes are kept; those of other processes of a team are not."""
    if not is_first():
        return None
    run.mkdir(parents=True, exist_ok=True)
    return run / LOG_NAME


def _train_run(options: Options, told: Told | None, stop: Stop | None) -> Outcome:
    device = device_of(options.device, local_rank())
    team = Team.of_environment(device)
    if device.type == "cpu":
        torch.set_num_threads(options.threads)
        torch.use_deterministic_algorithms(True)
    corpus = Corpus(options.corpus)
    with team.first_first():
        if team.first and not has_learnt(options.run):  # an attempt that failed may have been of other texts
            shutil.rmtree(options.run / TOKENIZER_NAME, ignore_errors=True)
        loaded = load(options, corpus)
    decided = decide(options, corpus, loaded, team)
    plan = decided.plan
    model, teacher, originals = begun(decided, device)
    if not team.first:
        originals = {}  # the first one saves
    described = about(options, loaded, corpus, decided.clips, decided.left_out, plan)
    run = Run.start(options.run, model, loaded.speller, plan, described, team, teacher)
    if run.progress.steps and team.first:
        done = plan.done(run.progress)
        if done < 1.0:
            LOG.info("%s goes on behind step %d, %.0f %% of it", options.run, run.progress.steps, 100 * done)
        else:
            LOG.info("%s is at its end, step %d: nothing is left to train", options.run, run.progress.steps)
    if team.first and (lost := sorted(set(loaded.languages) - set(decided.languages))):
        to = ", ".join(decided.languages)
        LOG.info(
            "the model will be for %s alone: of %s, which %s knows, this corpus has none",
            to,
            ", ".join(lost),
            loaded.name,
        )
    if team.first and decided.dev and (said := agreement("dev", described["environment"]["dev_written_by"])):
        LOG.info("%s", said)
    if team.first and (said := lacking(options.run, checkpoint_bytes(model, plan.average_decay > 0))):
        LOG.warning("%s", said)
    context_s = decided.context_s
    keep = keeper(run, loaded, decided.languages, context_s, context_s if decided.full else 0.0, options, originals)
    measure = _measure(decided)
    if team.first:
        (options.run / "command.txt").write_text(command(options, plan) + "\n", encoding="utf-8")
    with closing(run):
        telling = _telling(run, measure, told)
        train(run, decided.source, loaded.speller, telling, keep, _workers(options, device), stop)
        if team.first:
            write_seen(options.run / SEEN_NAME, decided.source, run.progress.examples)
            with run.average.worn():
                keep("last")
                if measure is None:
                    keep("best")
            write_report(options.run)
    team.close()
    progress = run.progress
    return Outcome(progress.steps, progress.best, options.run, progress.since_best if progress.stopped else 0)


def _measure(decided: Decided) -> Measure | None:
    if not decided.dev:
        return None
    options, speller = decided.options, decided.loaded.speller
    return DevMeasure(decided.corpus, decided.dev, speller, decided.context_s, options.language, decided.plan.precision)


def _telling(run: Run, measure: Measure | None, told: Told | None) -> Measure | None:
    if measure is None or told is None:
        return measure

    def telling(model: transformers.WhisperForConditionalGeneration) -> dict[str, float]:
        found = measure(model)
        try:
            told(run.plan.done(run.progress), found)
        except Exception:
            run.log(found)  # it was measured all the same, and says why training ends here
            raise
        return found

    return telling


def _remedies(options: Options) -> str:
    """What takes less of a GPU's memory."""
    anew = (
        f"begin another run with half of --batch-s (it is {options.batch_s:g}) and twice of --accumulate, which trains "
        "the same"
    )
    if not options.lora:
        anew += ", or train adapters (--lora 32)"
    onward = "" if options.recompute else "give --recompute, with which the run goes on; or "
    return f"the GPU has no room for this: {onward}{anew}"


def _workers(options: Options, device: torch.device) -> int:
    """A GPU takes clips faster than one core makes them; a CPU has none to spare."""
    if options.workers is not None:
        return options.workers
    cores = len(os.sched_getaffinity(0)) // local_size()
    return max(1, min(_MOST_WORKERS, cores - 1)) if device.type == "cuda" else 1
