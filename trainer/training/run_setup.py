"""The setup of a run before its first step: which clips, how they are sampled, the plan, and what is trained."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from transformers import WhisperForConditionalGeneration

from trainer.augmentation.augment import Augmentation, parse
from trainer.augmentation.non_speech import non_speech_sounds
from trainer.corpus.clips import Clip, Corpus, Split
from trainer.corpus.leaving_out import read_clip_ids
from trainer.errors import PlanError
from trainer.models import checkpoints
from trainer.models.checkpoints import Loaded
from trainer.models.frozen import Originals, convert_frozen
from trainer.models.precision import DTYPES
from trainer.names import NEW
from trainer.run_log import LOG
from trainer.training.acft import Teacher
from trainer.training.borrowing import lend
from trainer.training.clip_source import ClipSource
from trainer.training.fitting import advice_on_length, fitting, tokens_of
from trainer.training.joining import Joiner
from trainer.training.options import Options
from trainer.training.plan import Plan
from trainer.training.planning import make_plan
from trainer.training.sampling import Sampler, sampler, weights_of
from trainer.training.team import Team

#: The folder of the tokenizer that a run learnt for a model trained from scratch.
TOKENIZER_NAME = "tokenizer"
#: The folder of sounds that were decoded for augmentation.
SOUNDS_NAME = "sounds"
#: Leaving out more than this share of the clips is logged as a warning.
_LARGE_SHARE = 0.1


@dataclass(frozen=True)
class Setup:
    """Everything that a run needs. The model is as it was loaded until `prepare_model` puts it on its device.

    Attributes:
        context_s: the acoustic context to train for.
        full: batches are padded to all of `context_s`.
        clips: the clips to train on.
        left_out: how many clips are not used, by reason.
        dev: the clips to measure on.
    """

    options: Options
    corpus: Corpus
    loaded: Loaded
    context_s: float
    full: bool
    clips: Sequence[Clip]
    left_out: Mapping[str, int]
    dev: Sequence[Clip]
    source: ClipSource
    plan: Plan

    @property
    def languages(self) -> list[str]:
        return sorted({self.options.language or clip.language for clip in self.clips})


def set_up(options: Options, corpus: Corpus, loaded: Loaded, team: Team) -> Setup:
    """Choose clips, sampler and plan. Sounds that must be decoded first are cached in the run's folder.

    Raises:
        PlanError: options, corpus and checkpoint do not fit together; the message says which to change.
    """
    context_s, full = _context(options, loaded)
    _check_acft(options, loaded, full)
    if options.lora and loaded.from_nothing:
        raise PlanError(f"--lora needs a trained checkpoint, and {loaded.name} starts from scratch")
    augment = Augmentation(parse(options.augment or "none"), options.run / SOUNDS_NAME)
    longest_s = context_s / augment.most_lengthening
    clips, left_out = _clips(options, corpus, loaded, longest_s)
    clip_sampler = sampler(options.balance, clips, options.seed, weights_of(corpus.about))
    source = ClipSource(
        corpus,
        clips,
        clip_sampler,
        augment if augment.settings else None,
        non_speech_sounds(options.without_speech, context_s, options.run / SOUNDS_NAME),
        seed=options.seed,
        language=options.language,
        joiner=_joiner(options, loaded, clips, clip_sampler, longest_s) if options.join else None,
    )
    plan = make_plan(options, loaded, source, len(clips), context_s, full, team)
    dev = _dev(options, corpus, loaded, context_s)
    return Setup(options, corpus, loaded, context_s, full, clips, left_out, dev, source, plan)


def prepare_model(
    setup: Setup, device: torch.device
) -> tuple[WhisperForConditionalGeneration, Teacher | None, Originals]:
    """The model on its device with its trainable weights selected, the teacher for --acft, and the original values of
    frozen weights that were converted to the precision that the model computes in."""
    teacher = _teacher(setup, device)
    model, originals = _model(setup, device)
    return model, teacher, originals


def load_checkpoint(options: Options, corpus: Corpus) -> Loaded:
    """The checkpoint to train from. For a model from scratch, the tokenizer is stored in the run's folder.

    Raises:
        TrainerError: the checkpoint does not exist, or does not fit the corpus.
    """
    train_clips = corpus.split("train")
    languages = sorted({options.language or clip.language for clip in train_clips})
    if not options.model.startswith(NEW):
        return lend(checkpoints.load(options.model, options.dropouts), options.token, languages)
    if options.token:
        raise PlanError("--token is for checkpoints: a new model has a token for each language of its corpus")
    texts = (clip.text for clip in train_clips)
    folder = options.run / TOKENIZER_NAME
    try:
        return checkpoints.new(options.model, texts, languages, options.seed, folder, options.dropouts)
    except KeyError as error:
        raise PlanError(
            f"{options.run} was started with other languages ({error.args[0]}): choose another --run"
        ) from error


def _context(options: Options, loaded: Loaded) -> tuple[float, bool]:
    """The acoustic context to train for, in seconds, and whether batches are padded to all of it.

    OpenAI's checkpoints expect 30 s and break with less, as do those fine-tuned at full context; others of ours were
    trained on any length up to their context.
    """
    if options.context_s is not None:
        if options.context_s > loaded.context_s:
            raise PlanError(f"--context-s is at most the model's {loaded.context_s:g} s, not {options.context_s:g}")
        return options.context_s, options.full_context
    context_s = loaded.declared_s or loaded.context_s
    any_length = loaded.from_nothing or (loaded.declared_s is not None and loaded.shortest_s < context_s)
    return context_s, options.full_context or not any_length


def _check_acft(options: Options, loaded: Loaded, full: bool) -> None:
    """--acft needs a checkpoint trained at its full context, and a shorter context to train for."""
    if options.acft and loaded.from_nothing:
        raise PlanError(f"--acft needs a trained checkpoint to match, and {loaded.name} starts from scratch")
    if options.acft and full:
        raise PlanError("--acft trains for a shorter context than the full one: give --context-s, not --full-context")
    trained_s = loaded.declared_s or loaded.context_s
    if options.acft and (options.context_s or trained_s) >= trained_s:
        raise PlanError(
            f"--acft trains for a shorter context than the {trained_s:g} s of {loaded.name}: give a smaller --context-s"
        )


def _clips(options: Options, corpus: Corpus, loaded: Loaded, context_s: float) -> tuple[list[Clip], dict[str, int]]:
    clips, dropped = _fitting(options, corpus, "train", loaded, context_s)
    if options.leave_out:
        unwanted = read_clip_ids(Path(options.leave_out))
        if unknown := unwanted - {clip.id for clip in corpus.split("train")}:
            LOG.warning("--leave-out: %d clips are not in the train split, such as %s", len(unknown), min(unknown))
        kept = [clip for clip in clips if clip.id not in unwanted]
        dropped |= {"named by --leave-out": len(clips) - len(kept)}
        clips = kept
    for reason, count in dropped.items():
        total = len(clips) + sum(dropped.values())
        if count > _LARGE_SHARE * total:
            LOG.warning("warning: left out: %d of %d clips, %s%s", count, total, reason, _advice([reason], context_s))
        else:
            LOG.info("left out: %d of %d clips, %s", count, total, reason)
    if not clips:
        left_out = " and are not left out by --leave-out" if options.leave_out else ""
        lacks = f"clips to train on that fit the model{left_out}" if dropped else "train split"
        raise PlanError(f"{options.corpus} has no {lacks}{_advice(dropped, context_s)}")
    return clips, dropped


def _advice(reasons: Iterable[str], context_s: float) -> str:
    """The end of a sentence about clips that were left out: what to do about them, if anything."""
    advice = advice_on_length(reasons, context_s)
    return f": {advice}" if advice else ""


def _joiner(options: Options, loaded: Loaded, clips: Sequence[Clip], sampler: Sampler, longest_s: float) -> Joiner:
    most_tokens = loaded.model.config.max_target_positions - 4  # the prefix
    tokens = partial(tokens_of, speller=loaded.speller, language=options.language)
    return Joiner(clips, sampler.shares(), options.join, longest_s, tokens, most_tokens)


def _fitting(
    options: Options, corpus: Corpus, split: Split, loaded: Loaded, context_s: float
) -> tuple[list[Clip], dict[str, int]]:
    most_tokens = loaded.model.config.max_target_positions
    clips, dropped = fitting(corpus.split(split), loaded.speller, context_s, most_tokens, options.language)
    return clips, dict(dropped)


def _dev(options: Options, corpus: Corpus, loaded: Loaded, context_s: float) -> list[Clip]:
    """The clips to measure on, sampled from dev; none if nothing is measured."""
    if options.measure_every == 0 and not options.measures:
        return []
    clips, dropped = _fitting(options, corpus, "dev", loaded, context_s)
    if not clips:
        lacks = "clips in dev that fit the model" if dropped else "dev split"
        advice = advice_on_length(dropped, context_s) or "prepare one (with --splits clip if it has a single voice)"
        raise PlanError(f"{options.corpus} has no {lacks} to measure on: {advice}, or give --measure-every 0")
    if len(clips) > options.dev_clips:
        clips = random.Random(options.seed).sample(clips, options.dev_clips)
    return clips


def _teacher(setup: Setup, device: torch.device) -> Teacher | None:
    """The checkpoint before adapters are added, at the context that it was trained for."""
    loaded = setup.loaded
    if not setup.options.acft:
        return None
    teacher = Teacher.of(loaded.model, loaded.declared_s or loaded.context_s, DTYPES[setup.plan.precision])
    torch.nn.Module.to(teacher.model, device)  # not the model: originals of frozen weights stay on the CPU
    return teacher


def _model(setup: Setup, device: torch.device) -> tuple[WhisperForConditionalGeneration, Originals]:
    """The model on its device with its trainable weights selected, and the original values of converted weights."""
    options, model = setup.options, setup.loaded.model
    if options.lora:
        from trainer.models.lora import TARGETS, adapt

        alpha = options.lora_alpha or 2 * options.lora
        adapt(model, options.lora, alpha, options.lora_targets or TARGETS, options.seed, options.freeze_encoder)
    if options.freeze_encoder:
        model.get_encoder().requires_grad_(False)
    precision = setup.plan.precision
    originals = convert_frozen(model, DTYPES[precision]) if precision != "fp32" else {}
    torch.nn.Module.to(model, device)
    return model, originals
