"""How to train: everything that decides what a step does, so that the same plan makes the same model."""

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

#: What may differ when a run goes on: it decides nothing about the model.
FREE = ("recompute", "checkpoint_every_s", "log_every_steps")


@dataclass
class Progress:
    """How far training has come, and where the next batch is in the data.

    `elapsed_s` is time spent in steps; `best` the lowest word error rate, `best_characters` the character error rate of
    the same model, `fewest_characters` the lowest of any, and `since_best` how many measures lowered none of them.
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

    def note(self, words: float, characters: float) -> bool:
        """Take a measure into account, error rates in percent; whether it is the best, ties broken by characters.

        A model that spells better is still learning, though no word of it is right yet. Of equals the later one is
        kept, which has learnt more; but it is no news.
        """
        before = (math.inf if self.best is None else self.best, self.best_characters)
        better = (words, characters) <= before
        news = (words, characters) < before or characters < self.fewest_characters
        if better:
            self.best, self.best_characters = words, characters
        self.fewest_characters = min(self.fewest_characters, characters)
        self.since_best = 0 if news else self.since_best + 1
        return better


@dataclass(frozen=True)
class Plan:
    """How to train. Ends after `utterances`, or, if `minutes` is given, when that much time was spent in training.

    Attributes:
        examples: how clips are drawn and disturbed, in the words of the command line.
        accumulate: batches of a step. Its loss is that of one batch of their examples.
        average_decay: of the moving average of the weights; 0: none.
        precision: of the forward pass; weights are always in single.
        recompute: keep no activations but those between layers (gradient checkpointing): less memory, a third slower.
        patience: measures that lower neither words' nor characters' error rate after which training stops; None: it
            does not.
        measure_every_steps: 0: never.
        checkpoint_every_s: what a kill can cost, in seconds; 0: one step; None: as `pacing` has it.
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
        """How much of the training is behind: 0..1, by the clock or by the count."""
        if progress.stopped:
            return 1.0
        if self.minutes is not None:
            return min(1.0, progress.elapsed_s / (60 * self.minutes))
        return min(1.0, progress.examples / self.utterances)

    def rate(self, progress: Progress) -> float:
        """Learning rate: up to the full one over the warm-up, then down to nothing along a straight line."""
        warm = min(1.0, (progress.steps + 1) / max(1, self.warm_up_steps))
        return self.learning_rate * warm * (1.0 - self.done(progress))


def refuse_change(
    name: str,
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    *,
    option: str = "--run",
    words: Iterable[str] = (),
    instead: str = "",
) -> None:
    """A run, or what `option` names, goes on as it was begun.

    What there was no word for then, and is not asked for now, has not changed.

    Args:
        words: what differs, in those of the command line; none: the entries that do are named as they are.
        instead: what to do, where that is known better than to choose another `option`.

    Raises:
        PlanError: it was begun with something else; the text names what differs.
    """
    old, new = flat(before), flat(now)
    checked = [key for key in sorted({*old, *new}) if key.split(".")[-1] not in FREE]
    changed = [key for key in checked if old.get(key) != new.get(key) and (key in old or new[key])]
    if changed:
        named = list(words)
        # What no option explains: a corpus that was prepared anew, a checkpoint that is another under the same name.
        entries = [key for key in changed if not named or key.endswith("fingerprint")]
        told = "; ".join([*named, *(_change(key, old.get(key), new.get(key)) for key in entries)])
        instead = "" if entries else instead
        todo = instead or f"Go on with the same, or choose another {option}"
        raise PlanError(f"{name} was begun otherwise: {told}. {todo}")


def _change(name: str, before: object, now: object) -> str:
    if now is None:
        return f"{name} was {before}, and is not given"
    return f"{name} was {'not given' if before is None else before}, not {now}"
