"""What is decided before the first step: which clips, how they are drawn, by what plan, what is trained."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from transformers import WhisperForConditionalGeneration

from trainer.augmentation.augment import Augmentation, parse
from trainer.augmentation.quiet import quiet_sounds
from trainer.corpus.clips import Clip, Corpus, Split
from trainer.corpus.leaving_out import named
from trainer.errors import PlanError
from trainer.models import checkpoints
from trainer.models.checkpoints import Loaded
from trainer.models.frozen import Originals, convert_frozen
from trainer.models.precision import DTYPES
from trainer.names import NEW
from trainer.notes import LOG
from trainer.training.acft import Teacher
from trainer.training.borrowing import lend
from trainer.training.clip_source import ClipSource
from trainer.training.fitting import fitting, shorter, tokens_of
from trainer.training.joining import Joiner
from trainer.training.options import Options
from trainer.training.plan import Plan
from trainer.training.planning import plan_of
from trainer.training.sampling import Sampler, sampler, weights_of
from trainer.training.team import Team

#: The folder of a tokenizer that a run learnt, since it began from nothing.
TOKENIZER_NAME = "tokenizer"
#: Share of clips that are left out, above which it may be a mistake.
_MUCH = 0.1


@dataclass(frozen=True)
class Decided:
    """All of it. The model is as it was loaded until `begun` puts it on its device.

    Attributes:
        context_s: the acoustic context that is trained for; `full`: batches are padded to all of it.
        clips: those that are trained on, `left_out` how many are not and why, `dev` those that are measured on.
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


def decide(options: Options, corpus: Corpus, loaded: Loaded, team: Team) -> Decided:
    """Decide it. Sounds that have to be made first are kept in the run's folder.

    Raises:
        PlanError: options, corpus and checkpoint do not fit; the text says which to change.
    """
    context_s, full = _context(options, loaded)
    _refuse_acft(options, loaded, full)
    if options.lora and loaded.from_nothing:
        raise PlanError(f"--lora adapts what a checkpoint knows, and {loaded.name} knows nothing")
    augment = Augmentation(parse(options.augment or "none"), options.run / "sounds")
    longest_s = context_s / augment.most_lengthening
    clips, left_out = _clips(options, corpus, loaded, longest_s)
    drawn = sampler(options.balance, clips, options.seed, weights_of(corpus.about))
    source = ClipSource(
        corpus,
        clips,
        drawn,
        augment if augment.settings else None,
        quiet_sounds(options.without_speech, context_s, options.run / "sounds"),
        seed=options.seed,
        language=options.language,
        joiner=_joiner(options, loaded, clips, drawn, longest_s) if options.join else None,
    )
    plan = plan_of(options, loaded, source, len(clips), context_s, full, team)
    dev = _dev(options, corpus, loaded, context_s)
    return Decided(options, corpus, loaded, context_s, full, clips, left_out, dev, source, plan)


def begun(decided: Decided, device: torch.device) -> tuple[WhisperForConditionalGeneration, Teacher | None, Originals]:
    """The model with what is to be trained of it, on its device; what it is to match: itself as it was; and weights
    that are not trained as they were, where it computes in others."""
    teacher = _teacher(decided, device)
    model, originals = _model(decided, device)
    return model, teacher, originals


def load(options: Options, corpus: Corpus) -> Loaded:
    """The checkpoint to train from; of one from nothing, the tokenizer is kept in the run's folder.

    Raises:
        TrainerError: there is none, or it does not fit the corpus.
    """
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


def _clips(options: Options, corpus: Corpus, loaded: Loaded, context_s: float) -> tuple[list[Clip], dict[str, int]]:
    clips, dropped = _fitting(options, corpus, "train", loaded, context_s)
    if options.leave_out:
        unwanted = named(Path(options.leave_out))
        if strange := unwanted - {clip.id for clip in corpus.split("train")}:
            LOG.warning("--leave-out: %d of its clips are not in the split train, as %s", len(strange), min(strange))
        kept = [clip for clip in clips if clip.id not in unwanted]
        dropped |= {"named by --leave-out": len(clips) - len(kept)}
        clips = kept
    for reason, count in dropped.items():
        there = len(clips) + sum(dropped.values())
        if count > _MUCH * there:
            LOG.warning("warning: left out: %d of %d clips, %s%s", count, there, reason, _remedy([reason], context_s))
        else:
            LOG.info("left out: %d of %d clips, %s", count, there, reason)
    if not clips:
        left_out = " and that --leave-out leaves" if options.leave_out else ""
        lacks = f"clips to train on that fit the model{left_out}" if dropped else "split train"
        raise PlanError(f"{options.corpus} has no {lacks}{_remedy(dropped, context_s)}")
    return clips, dropped


def _remedy(reasons: Iterable[str], context_s: float) -> str:
    """The end of a sentence about clips that were left out: what to do, where there is something."""
    told = shorter(reasons, context_s)
    return f": {told}" if told else ""


def _joiner(options: Options, loaded: Loaded, clips: Sequence[Clip], drawn: Sampler, longest_s: float) -> Joiner:
    most_tokens = loaded.model.config.max_target_positions - 4  # those of the prefix
    tokens = partial(tokens_of, speller=loaded.speller, language=options.language)
    return Joiner(clips, drawn.shares(), options.join, longest_s, tokens, most_tokens)


def _fitting(
    options: Options, corpus: Corpus, split: Split, loaded: Loaded, context_s: float
) -> tuple[list[Clip], dict[str, int]]:
    most_tokens = loaded.model.config.max_target_positions
    clips, dropped = fitting(corpus.split(split), loaded.speller, context_s, most_tokens, options.language)
    return clips, dict(dropped)


def _dev(options: Options, corpus: Corpus, loaded: Loaded, context_s: float) -> list[Clip]:
    """Those that are measured on, drawn from the split; none, if nothing is measured."""
    if options.measure_every == 0 and not options.measures:
        return []
    clips, dropped = _fitting(options, corpus, "dev", loaded, context_s)
    if not clips:
        lacks = "clips in dev that fit the model" if dropped else "split dev"
        remedy = shorter(dropped, context_s) or "prepare one (of a single voice with --splits clip)"
        raise PlanError(f"{options.corpus} has no {lacks} to measure on: {remedy}, or give --measure-every 0")
    if len(clips) > options.dev_clips:
        clips = random.Random(options.seed).sample(clips, options.dev_clips)
    return clips


def _teacher(decided: Decided, device: torch.device) -> Teacher | None:
    """The checkpoint as it is, before adapters, at the context that it is sure of."""
    loaded = decided.loaded
    if not decided.options.acft:
        return None
    teacher = Teacher.of(loaded.model, loaded.declared_s or loaded.context_s, DTYPES[decided.plan.precision])
    torch.nn.Module.to(teacher.model, device)  # not the model: what is not trained of it is kept where it was, too
    return teacher


def _model(decided: Decided, device: torch.device) -> tuple[WhisperForConditionalGeneration, Originals]:
    """The model with what is to be trained of it, on its device, and the rest as it was."""
    options, model = decided.options, decided.loaded.model
    if options.lora:
        from trainer.models.lora import TARGETS, adapt

        alpha = options.lora_alpha or 2 * options.lora
        adapt(model, options.lora, alpha, options.lora_targets or TARGETS, options.seed, options.freeze_encoder)
    if options.freeze_encoder:
        model.get_encoder().requires_grad_(False)
    precision = decided.plan.precision
    originals = convert_frozen(model, DTYPES[precision]) if precision != "fp32" else {}
    torch.nn.Module.to(model, device)
    return model, originals
