"""What `train` puts together: a corpus, a checkpoint, a plan and a run folder."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import transformers

from trainer.augmentation.augment import Augmentation, parse
from trainer.augmentation.quiet import quiet_sounds
from trainer.corpus.clips import CORPUS_NAME, Clip, Corpus, Split
from trainer.errors import NoRoom, PlanError
from trainer.held import held
from trainer.models import checkpoints
from trainer.models.checkpoints import Loaded
from trainer.models.device import device_of
from trainer.models.precision import DTYPES
from trainer.models.whisper import halve_frozen
from trainer.names import NEW
from trainer.reports.run import write_report
from trainer.run_folder import SEEN_NAME
from trainer.stopping import Stop
from trainer.training.acft import Teacher
from trainer.training.borrowing import lend
from trainer.training.clip_source import ClipSource
from trainer.training.fitting import fitting, tokens_of
from trainer.training.joining import Joiner
from trainer.training.keeping import about, keeper
from trainer.training.loop import Measure, train
from trainer.training.measuring import DevMeasure
from trainer.training.options import Options, command
from trainer.training.plan import Plan
from trainer.training.planning import plan_of, precision_of
from trainer.training.run import Run, has_learnt
from trainer.training.sampling import Sampler, sampler, weights_of
from trainer.training.seen import write_seen
from trainer.training.team import Team, local_rank, local_size

#: The folder of a tokenizer that a run learnt, since it began from nothing.
TOKENIZER_NAME = "tokenizer"
#: Share of clips that are left out, above which it may be a mistake.
_MUCH = 0.1


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `best` is the lowest word error rate in percent; None: nothing was measured.

    `early` is the number of measures without news after which it was stopped; 0: it was not.
    """

    steps: int
    best: float | None
    folder: Path
    early: int = 0


#: Hears how much of the training is behind (0..1) and what was measured.
Told = Callable[[float, Mapping[str, float]], None]


@contextmanager
def alone(options: Options) -> Iterator[None]:
    """Have a run's folder for oneself, and for the processes that train it together.

    Raises:
        PlanError: another process trains this run, or the folder is no place for one.
    """
    if (options.run / CORPUS_NAME).exists():
        raise PlanError(f"{options.run} is a corpus, and no place for a run: choose another --run")
    with held(options.run, "--run") if os.environ.get("RANK", "0") == "0" else nullcontext():
        yield


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
    try:
        return _train_run(options, told, stop)
    except torch.OutOfMemoryError as error:
        raise NoRoom(_remedies(options)) from error


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
        loaded = _loaded(options, corpus)
    context_s, full = _context(options, loaded)
    _refuse_acft(options, loaded, full)
    if options.lora and loaded.from_nothing:
        raise PlanError(f"--lora adapts what a checkpoint knows, and {loaded.name} knows nothing")
    augment = Augmentation(parse(options.augment or "none"), options.run / "sounds")
    longest_s = context_s / augment.most_lengthening
    clips, dropped = _clips(options, corpus, loaded, longest_s)
    drawn = sampler(options.balance, clips, options.seed, weights_of(corpus.about))
    source = ClipSource(
        corpus,
        clips,
        drawn,
        augment if augment.settings else None,
        quiet_sounds(options.without_speech, context_s, options.run / "sounds") if options.without_speech else None,
        seed=options.seed,
        language=options.language,
        joiner=_joiner(options, loaded, clips, drawn, longest_s) if options.join else None,
    )
    plan = plan_of(options, loaded, source, len(clips), context_s, full, team)
    teacher = _teacher(options, loaded, device, plan)
    model = _prepared(options, loaded, device)
    described = about(options, loaded, corpus, clips, dropped, plan)
    run = Run.start(options.run, model, loaded.speller, plan, described, team, teacher)
    languages = sorted({options.language or clip.language for clip in clips})
    if run.progress.steps and team.first:
        done = 100 * plan.done(run.progress)
        print(f"{options.run} goes on behind step {run.progress.steps}, {done:.0f} % of it", file=sys.stderr)
    keep = keeper(run, loaded, languages, context_s, 0.0 if not full else context_s, options)
    measure = _measure(options, corpus, loaded, context_s)
    if team.first:
        (options.run / "command.txt").write_text(command(options, plan) + "\n", encoding="utf-8")
    with closing(run):
        telling = _telling(run, measure, told)
        train(run, source, loaded.speller, telling, keep, _workers(options, device), stop)
        if team.first:
            write_seen(options.run / SEEN_NAME, source, run.progress.examples)
            with run.average.worn():
                keep("last")
                if measure is None:
                    keep("best")
            write_report(options.run)
    team.close()
    progress = run.progress
    return Outcome(progress.steps, progress.best, options.run, progress.since_best if progress.stopped else 0)


def _loaded(options: Options, corpus: Corpus) -> Loaded:
    train_clips = corpus.split("train")
    languages = sorted({options.language or clip.language for clip in train_clips})
    if not options.model.startswith(NEW):
        return lend(checkpoints.load(options.model, options.dropouts), options.token, languages)
    if options.token:
        raise PlanError("--token is for checkpoints: a model from nothing has a token for each language of its corpus")
    texts = (clip.text for clip in train_clips)
    folder = options.run / TOKENIZER_NAME
    try:
        return checkpoints.new(options.model, texts, languages, options.seed, folder, options.dropouts)
    except KeyError as error:
        told = f"{options.run} was begun with other languages ({error.args[0]}): choose another --run"
        raise PlanError(told) from error


def _context(options: Options, loaded: Loaded) -> tuple[float, bool]:
    """The acoustic context in seconds that is trained for, and whether batches are padded to all of it.

    A checkpoint of Whisper's own hears in 30 s and breaks below, as does what was trained at all of that; others of
    ours were trained on any length up to their own.
    """
    if options.context_s is not None:
        if options.context_s > loaded.context_s:
            raise PlanError(f"--context-s is up to the model's own {loaded.context_s:g} s, not {options.context_s:g}")
        return options.context_s, options.full_context
    context_s = loaded.declared_s or loaded.context_s
    any_length = loaded.from_nothing or (loaded.declared_s is not None and loaded.shortest_s < context_s)
    return context_s, options.full_context or not any_length


def _refuse_acft(options: Options, loaded: Loaded, full: bool) -> None:
    """There must be a full context that is known, and a shorter one to learn."""
    if options.acft and loaded.from_nothing:
        raise PlanError(f"--acft matches what a checkpoint knows at its full context, and {loaded.name} knows nothing")
    if options.acft and full:
        raise PlanError("--acft teaches a context shorter than the full one: give --context-s, without --full-context")
    known_s = loaded.declared_s or loaded.context_s
    if options.acft and (options.context_s or known_s) >= known_s:
        raise PlanError(
            f"--acft teaches a context shorter than the {known_s:g} s that {loaded.name} knows: --context-s"
        )


def _teacher(options: Options, loaded: Loaded, device: torch.device, plan: Plan) -> Teacher | None:
    """The checkpoint as it is, before adapters, at the context that it is sure of."""
    if not options.acft:
        return None
    torch.nn.Module.to(loaded.model, device)
    return Teacher.of(loaded.model, loaded.declared_s or loaded.context_s, DTYPES[plan.precision])


def _clips(options: Options, corpus: Corpus, loaded: Loaded, context_s: float) -> tuple[list[Clip], dict[str, int]]:
    clips, dropped = _fitting(options, corpus, "train", loaded, context_s)
    for reason, count in dropped.items():
        there = len(clips) + sum(dropped.values())
        warning = "warning: " if count > _MUCH * there else ""
        print(f"{warning}left out: {count} of {there} clips, {reason}", file=sys.stderr)
    if not clips:
        raise PlanError(f"{options.corpus} has no clips to train on that fit the model")
    return clips, dropped


def _joiner(options: Options, loaded: Loaded, clips: Sequence[Clip], drawn: Sampler, longest_s: float) -> Joiner:
    most_tokens = loaded.model.config.max_target_positions - 4  # those of the prefix
    tokens = partial(tokens_of, speller=loaded.speller)
    return Joiner(clips, drawn.shares(), options.join, longest_s, tokens, most_tokens)


def _fitting(
    options: Options, corpus: Corpus, split: Split, loaded: Loaded, context_s: float
) -> tuple[list[Clip], dict[str, int]]:
    most_tokens = loaded.model.config.max_target_positions
    clips, dropped = fitting(corpus.split(split), loaded.speller, context_s, most_tokens, options.language)
    return clips, dict(dropped)


def _measure(options: Options, corpus: Corpus, loaded: Loaded, context_s: float) -> Measure | None:
    if not options.measure_every and not options.measures:
        return None
    clips, _ = _fitting(options, corpus, "dev", loaded, context_s)
    if not clips:
        raise PlanError(f"{options.corpus} has no split dev to measure on: prepare one, or give --measure-every 0")
    if len(clips) > options.dev_clips:
        clips = random.Random(options.seed).sample(clips, options.dev_clips)
    return DevMeasure(corpus, clips, loaded.speller, context_s, options.language, precision_of(options))


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


def _prepared(options: Options, loaded: Loaded, device: torch.device) -> transformers.WhisperForConditionalGeneration:
    """The model with what is to be trained of it, on its device."""
    model = loaded.model
    if options.lora:
        from trainer.models.lora import TARGETS, adapt

        alpha = options.lora_alpha or 2 * options.lora
        adapt(model, options.lora, alpha, options.lora_targets or TARGETS, options.seed)
    if options.freeze_encoder:
        model.get_encoder().requires_grad_(False)
    if precision_of(options) != "fp32":
        halve_frozen(model)
    torch.nn.Module.to(model, device)
    return model


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
    return max(1, len(os.sched_getaffinity(0)) // local_size() - 1) if device.type == "cuda" else 1
