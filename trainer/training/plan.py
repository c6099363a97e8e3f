"""The training plan: everything that determines what a step does, so that the same plan gives the same model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trainer.errors import PlanError
from trainer.models.precision import Precision
from trainer.run_folder import flat
from trainer.training.batches import BEGINNING, Position, Settings
from trainer.training.losses import Weights

#: Entries that may differ when a run resumes: they do not affect the model.
FREE = ("recompute", "checkpoint_every_s", "log_every_steps")


@dataclass
class Progress:
    """How far training is, and the position of the next batch in the data.

    Attributes:
        elapsed_s: time spent in steps.
        best: the lowest word error rate, in percent.
        best_characters: the character error rate of the same model.
        fewest_characters: the lowest character error rate of any model.
        since_best: evaluations since either rate was last lowered.
        stopped: training was stopped early (patience).
    """

    steps: int = 0
    examples: int = 0
    audio_s: float = 0.0
    elapsed_s: float = 0.0
    position: Position = BEGINNING
    best: float | None = None
    best_characters: float = math.inf
    fewest_characters: float = math.inf
    since_best: int = 0
    stopped: bool = False

    def update_best(self, wer: float, cer: float) -> bool:
        """Record error rates in percent. Return True if the model is the best so far; CER breaks ties of WER.

        A lower CER alone resets the patience: a model that spells better is still learning, even if no whole word is
        right yet. Of equally good models the later one is kept, which has seen more, but it does not reset it.
        """
        before = (math.inf if self.best is None else self.best, self.best_characters)
        is_best = (wer, cer) <= before
        improved = (wer, cer) < before or cer < self.fewest_characters
        if is_best:
            self.best, self.best_characters = wer, cer
        self.fewest_characters = min(self.fewest_characters, cer)
        self.since_best = 0 if improved else self.since_best + 1
        return is_best


@dataclass(frozen=True)
class Plan:
    """How to train. Training ends after `utterances`, or after `minutes` spent in steps if that is given.

    Attributes:
        examples: how clips are sampled and augmented, as the option values of the command line.
        accumulate: batches per step. The loss is that of one batch with all their examples.
        average_decay: of the moving average of the weights; 0 for none.
        precision: of the forward pass; trained weights are always in single precision.
        recompute: gradient checkpointing: store only the activations between layers; less memory, a third slower.
        patience: stop after this many evaluations that lower neither WER nor CER; None: never.
        measure_every_steps: steps between evaluations on dev; 0: never.
        checkpoint_every_s: seconds between checkpoints, at most this much is lost by a kill; 0: after every step;
            None: see `pacing`.
    """

    utterances: int = 200_000
    minutes: float | None = None
    seed: int = 1
    examples: tuple[str, ...] = ()
    batches: Settings = field(default_factory=Settings)
    accumulate: int = 1
    learning_rate: float = 1.5e-3
    warm_up_steps: int = 400
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    average_decay: float = 0.998
    weights: Weights = field(default_factory=Weights)
    label_smoothing: float = 0.0
    precision: Precision = "fp32"
    recompute: bool = False
    patience: int | None = None
    measure_every_steps: int = 500
    log_every_steps: int = 20
    checkpoint_every_s: float | None = None

    def done(self, progress: Progress) -> float:
        """The completed share of the training (0..1), by time or by utterances."""
        if progress.stopped:
            return 1.0
        if self.minutes is not None:
            return min(1.0, progress.elapsed_s / (60 * self.minutes))
        return min(1.0, progress.examples / self.utterances)

    def learning_rate_at(self, progress: Progress) -> float:
        """The learning rate: linear warm-up, then linear decay to 0."""
        warm_up = min(1.0, (progress.steps + 1) / max(1, self.warm_up_steps))
        return self.learning_rate * warm_up * (1.0 - self.done(progress))


def refuse_change(
    name: str,
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    *,
    option: str = "--run",
    words: Iterable[str] = (),
    instead: str = "",
) -> None:
    """Refuse to resume a run, or what `option` names, with other settings than it started with.

    A setting that the stored document lacks (an older version wrote it) has not changed if it is unset now.

    Args:
        words: the differences in terms of the command line; if empty, the differing entries are named.
        instead: better advice than to choose another `option`.

    Raises:
        PlanError: the settings differ; the message lists how.
    """
    old, new = flat(before), flat(now)
    checked = [key for key in sorted({*old, *new}) if key.split(".")[-1] not in FREE]
    changed = [key for key in checked if old.get(key) != new.get(key) and (key in old or new[key])]
    if changed:
        differences = list(words)
        # No option shows that a corpus was prepared again, or that a checkpoint of the same name was replaced.
        entries = [key for key in changed if not differences or key.endswith("fingerprint")]
        differences += [_change(key, old.get(key), new.get(key)) for key in entries]
        advice = "" if entries else instead
        advice = advice or f"Use the same settings, or choose another {option}"
        raise PlanError(f"{name} was started with other settings: {'; '.join(differences)}. {advice}")


def _change(name: str, before: object, now: object) -> str:
    if now is None:
        return f"{name} was {before}, and is not given"
    return f"{name} was {'not given' if before is None else before}, not {now}"
