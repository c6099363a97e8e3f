"""A run: all that training changes, and the folder that keeps it.

plan.json       how it was begun; a run goes on with the same or not at all
train.log       what it said, with times, and every measure with the mean loss up to it
metrics.jsonl   one JSON object a line: losses now and then, and every measure
events.out.*    the same for TensorBoard, where it is installed
checkpoint.pt   for an exact resume after a kill
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor
from transformers import WhisperForConditionalGeneration

from trainer.models.precision import scaler
from trainer.models.tokenizer import Speller
from trainer.notes import LOG
from trainer.refusals import is_full
from trainer.replacing import write_whole
from trainer.run_folder import CHARACTERS, DECISIVE, METRICS_NAME, MODELS, PLAN_NAME, SEEN_NAME, UNCHECKED, read_plan
from trainer.training.acft import Teacher
from trainer.training.averaging import Average, trained
from trainer.training.checkpoint import CHECKPOINT_NAME, Stateful, restore, save
from trainer.training.losses import Heads
from trainer.training.options import changes, more_epochs
from trainer.training.plan import Plan, Progress, refuse_change
from trainer.training.team import Team

#: What train.log calls the measures.
_MEASURES = {DECISIVE: "WER % on dev", CHARACTERS: "CER %", "dev_loss": "loss"}
#: Losses that are told there in one line, as their mean, where nothing is measured.
_LOSSES_A_LINE = 20


@dataclass
class Run:
    """Model, optimizer, average and how far they are. Use `start`, and `close` at the end.

    `saved_steps` is how far the checkpoint is, with which the run goes on.
    """

    folder: Path
    plan: Plan
    model: WhisperForConditionalGeneration
    heads: Heads
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: Average
    progress: Progress
    team: Team = field(default_factory=Team)
    teacher: Teacher | None = None
    saved_steps: int = 0
    _board: Any = None
    _losses: list[float] = field(default_factory=list)

    @classmethod
    def start(
        cls,
        folder: Path,
        model: WhisperForConditionalGeneration,
        speller: Speller,
        plan: Plan,
        about: Mapping[str, Any] | None = None,
        team: Team | None = None,
        teacher: Teacher | None = None,
    ) -> Run:
        """A new run, or the one that was interrupted in `folder`.

        Args:
            about: what else plan.json is to say, and what must be the same when a run goes on; but for `environment`.
            teacher: whose states the model is to match, by the plan's weight.

        Raises:
            PlanError: the run in the folder was begun otherwise.
        """
        team = team or Team()
        folder.mkdir(parents=True, exist_ok=True)
        _keep_plan(folder, {"plan": asdict(plan), **(about or {})}, team)
        if plan.recompute:
            model.activation_checkpointing_enable()
        torch.manual_seed(plan.seed)
        with model.device:
            heads = Heads(model.config.d_model, speller.end)
        torch.manual_seed(plan.seed + team.rank)
        optimizer = torch.optim.AdamW(_groups(model, heads, plan), betas=(0.9, 0.98), fused=True)
        scaling, average = scaler(model.device, plan.precision), Average(model, plan.average_decay)
        run = cls(folder, plan, model, heads, optimizer, scaling, average, Progress(), team, teacher)
        run.progress = restore(folder, run.weights, run.states) or run.progress
        run.saved_steps = run.progress.steps
        if not team.first:  # the generators' states are the first's; with the same dropout, a team would learn less
            torch.manual_seed(plan.seed + team.rank + team.size * run.progress.steps)
        if team.first:
            _cut_metrics(folder, run.progress.steps)
            run._board = _board(folder, run.progress.steps)
        return run

    @property
    def weights(self) -> dict[str, Mapping[str, Tensor]]:
        """All weights that change, by what they belong to."""
        return {
            "model": trained(self.model),
            "heads": dict(self.heads.named_parameters()),
            "average": self.average.weights,
        }

    @property
    def states(self) -> dict[str, Stateful]:
        """What else changes, by its name."""
        return {"optimizer": self.optimizer, "scaler": self.scaler}

    def save(self) -> None:
        """Write the checkpoint; where the disk has no room for it, the one before stays, and a warning tells of it."""
        try:
            if self.team.first:
                save(self.folder, self.weights, self.states, self.progress)
        except Exception as error:
            if not is_full(error):
                raise
            LOG.warning(
                "%s: its disk has no room for a checkpoint of step %d: make room; a run that is killed before goes on "
                "behind step %d",
                *(self.folder, self.progress.steps, self.saved_steps),
            )
        else:
            self.saved_steps = self.progress.steps

    def log(self, entry: Mapping[str, float]) -> None:
        """A line of metrics, and the same for TensorBoard."""
        if not self.team.first:
            return
        with (self.folder / METRICS_NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.progress.steps, **entry}) + "\n")
        if self._board:
            for name, value in entry.items():
                self._board.add_scalar(name, value, self.progress.steps)
        self._note(entry)

    def _note(self, entry: Mapping[str, float]) -> None:
        """A line for train.log at every measure, and now and then where there is none."""
        if "loss" in entry:
            self._losses.append(entry["loss"])
        measured = [f"{told} {entry[name]:.4g}" for name, told in _MEASURES.items() if name in entry]
        if measured or len(self._losses) >= _LOSSES_A_LINE:
            mean = [f"loss on train {fmean(self._losses):.4g} in the mean"] if self._losses else []
            LOG.debug("step %d: %s", self.progress.steps, ", ".join([*measured, *mean]))
            self._losses.clear()

    def close(self) -> None:
        if self._board:
            self._board.close()


def _groups(model: WhisperForConditionalGeneration, heads: Heads, plan: Plan) -> list[dict[str, Any]]:
    """Biases and the gains of norms are not decayed: they are no weights of a sum that could grow too large."""
    parameters = [*trained(model).values(), *heads.parameters()]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": plan.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def has_learnt(folder: Path) -> bool:
    """Whether a run's folder has anything that another plan must not replace."""
    return any((folder / name).exists() for name in (CHECKPOINT_NAME, METRICS_NAME, *MODELS))


def _keep_plan(folder: Path, document: dict[str, Any], team: Team) -> None:
    """Refuse another plan than the run's, unless it left nothing that could go on: it failed before it learnt."""
    path = folder / PLAN_NAME
    document = {**document, UNCHECKED: {**document.get(UNCHECKED, {}), "processes": team.size}}
    text = json.dumps(document, indent=1, ensure_ascii=False)
    if path.exists() and has_learnt(folder):
        documents = (read_plan(folder), json.loads(text))
        compared = ({k: v for k, v in each.items() if k != UNCHECKED} for each in documents)
        before, now = (each.get(UNCHECKED, {}) for each in documents)
        # A run that was begun before options were kept is told by the plan's entries alone.
        told = (before["given"], now["given"]) if before.get("given") and now.get("given") else ({}, {})
        words = [*changes(*told)]
        if (processes := before.get("processes", team.size)) != team.size:
            words.append(f"by {processes} process{'es' * (processes > 1)}, not {team.size}")
        ended = (folder / SEEN_NAME).exists()
        instead = more_epochs(told[0], told[1], ended) if len(words) == 1 else ""
        refuse_change(str(folder), *compared, words=words, instead=instead)
    elif team.first:
        write_whole(path, text + "\n")


def _cut_metrics(folder: Path, steps: int) -> None:
    """Lines from behind the checkpoint will be written again."""
    path = folder / METRICS_NAME
    if path.exists():
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        kept = [line for line in lines if json.loads(line)["step"] <= steps]
        write_whole(path, "".join(f"{line}\n" for line in kept))


def _board(folder: Path, steps: int) -> Any:
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder, purge_step=steps + 1)
