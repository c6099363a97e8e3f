"""A run: the state that training changes, and the folder that stores it.

plan.json       the plan that the run started with; it resumes with the same plan or not at all
train.log       messages with times, and all dev metrics with the mean training loss since the last ones
metrics.jsonl   one JSON object per line: losses every few steps, and all dev metrics
events.out.*    the same for TensorBoard, if it is installed
checkpoint.pt   to resume exactly after a kill
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

from trainer.atomic import write_atomically
from trainer.models.precision import scaler
from trainer.models.tokenizer import Speller
from trainer.os_errors import is_full
from trainer.run_folder import DEV_CER, DEV_WER, METRICS_NAME, MODELS, PLAN_NAME, SEEN_NAME, UNCHECKED, read_plan
from trainer.run_log import LOG
from trainer.training.acft import Teacher
from trainer.training.averaging import Average, trained
from trainer.training.checkpoint import CHECKPOINT_NAME, Stateful, restore, save
from trainer.training.losses import Heads
from trainer.training.options import changes, more_epochs
from trainer.training.plan import Plan, Progress, refuse_change
from trainer.training.team import Team

#: Names of the dev metrics in train.log.
_METRIC_NAMES = {DEV_WER: "WER % on dev", DEV_CER: "CER %", "dev_loss": "loss"}
#: Without dev metrics, train.log has one line with the mean of this many losses.
_LOSSES_PER_LINE = 20


@dataclass
class Run:
    """Model, optimizer, averaged weights and progress. Create one with `start`, and `close` it at the end.

    `saved_steps` is the step of the last checkpoint, from which the run would resume.
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
        """Start a new run, or resume the one in `folder`.

        Args:
            about: further entries of plan.json. All but `environment` must be the same when the run resumes.
            teacher: the model whose states are matched, by the plan's weight.

        Raises:
            PlanError: the run in the folder started with another plan.
        """
        team = team or Team()
        folder.mkdir(parents=True, exist_ok=True)
        _write_or_check_plan(folder, {"plan": asdict(plan), **(about or {})}, team)
        if plan.recompute:
            model.activation_checkpointing_enable()
        torch.manual_seed(plan.seed)
        with model.device:
            heads = Heads(model.config.d_model, speller.end)
        torch.manual_seed(plan.seed + team.rank)
        optimizer = torch.optim.AdamW(_parameter_groups(model, heads, plan), betas=(0.9, 0.98), fused=True)
        grad_scaler, average = scaler(model.device, plan.precision), Average(model, plan.average_decay)
        run = cls(folder, plan, model, heads, optimizer, grad_scaler, average, Progress(), team, teacher)
        run.progress = restore(folder, run.weights, run.states) or run.progress
        run.saved_steps = run.progress.steps
        if not team.first:  # the checkpoint has the first rank's generators; with equal dropout, the team learns less
            torch.manual_seed(plan.seed + team.rank + team.size * run.progress.steps)
        if team.first:
            _truncate_metrics(folder, run.progress.steps)
            run._board = _tensorboard_writer(folder, run.progress.steps)
        return run

    @property
    def weights(self) -> dict[str, Mapping[str, Tensor]]:
        """All trainable weights, by their owner."""
        return {
            "model": trained(self.model),
            "heads": dict(self.heads.named_parameters()),
            "average": self.average.weights,
        }

    @property
    def states(self) -> dict[str, Stateful]:
        """Other state to checkpoint, by name."""
        return {"optimizer": self.optimizer, "scaler": self.scaler}

    def save(self) -> None:
        """Write the checkpoint. If the disk is full, keep the previous one and log a warning."""
        try:
            if self.team.first:
                save(self.folder, self.weights, self.states, self.progress)
        except Exception as error:
            if not is_full(error):
                raise
            LOG.warning(
                "%s: the disk has no room for the checkpoint of step %d. Free some space: until then, a killed run "
                "resumes after step %d",
                *(self.folder, self.progress.steps, self.saved_steps),
            )
        else:
            self.saved_steps = self.progress.steps

    def log(self, entry: Mapping[str, float]) -> None:
        """Append metrics to metrics.jsonl and TensorBoard."""
        if not self.team.first:
            return
        with (self.folder / METRICS_NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.progress.steps, **entry}) + "\n")
        if self._board:
            for name, value in entry.items():
                self._board.add_scalar(name, value, self.progress.steps)
        self._log_summary(entry)

    def _log_summary(self, entry: Mapping[str, float]) -> None:
        """Write a line to train.log for all dev metrics, and for every `_LOSSES_PER_LINE` losses without any."""
        if "loss" in entry:
            self._losses.append(entry["loss"])
        metrics = [f"{label} {entry[name]:.4g}" for name, label in _METRIC_NAMES.items() if name in entry]
        if metrics or len(self._losses) >= _LOSSES_PER_LINE:
            mean = [f"mean loss on train {fmean(self._losses):.4g}"] if self._losses else []
            LOG.debug("step %d: %s", self.progress.steps, ", ".join([*metrics, *mean]))
            self._losses.clear()

    def close(self) -> None:
        if self._board:
            self._board.close()


def _parameter_groups(model: WhisperForConditionalGeneration, heads: Heads, plan: Plan) -> list[dict[str, Any]]:
    """Apply weight decay to matrices only, not to biases and the gains of norms."""
    parameters = [*trained(model).values(), *heads.parameters()]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": plan.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def has_learnt(folder: Path) -> bool:
    """Whether a run's folder holds training results, which another plan must not replace."""
    return any((folder / name).exists() for name in (CHECKPOINT_NAME, METRICS_NAME, *MODELS))


def _write_or_check_plan(folder: Path, document: dict[str, Any], team: Team) -> None:
    """Write plan.json; if the folder holds training results, refuse another plan instead."""
    path = folder / PLAN_NAME
    document = {**document, UNCHECKED: {**document.get(UNCHECKED, {}), "processes": team.size}}
    text = json.dumps(document, indent=1, ensure_ascii=False)
    if path.exists() and has_learnt(folder):
        documents = (read_plan(folder), json.loads(text))
        compared = ({k: v for k, v in document.items() if k != UNCHECKED} for document in documents)
        before, now = (document.get(UNCHECKED, {}) for document in documents)
        # plan.json of older versions has no options; its entries are named as they are.
        options = (before["given"], now["given"]) if before.get("given") and now.get("given") else ({}, {})
        words = [*changes(*options)]
        if (processes := before.get("processes", team.size)) != team.size:
            words.append(f"it ran in {processes} process{'es' * (processes > 1)}, not {team.size}")
        ended = (folder / SEEN_NAME).exists()
        instead = more_epochs(options[0], options[1], ended) if len(words) == 1 else ""
        refuse_change(str(folder), *compared, words=words, instead=instead)
    elif team.first:
        write_atomically(path, text + "\n")


def _truncate_metrics(folder: Path, steps: int) -> None:
    """Remove the lines after the checkpoint, which will be written again."""
    path = folder / METRICS_NAME
    if path.exists():
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        kept = [line for line in lines if json.loads(line)["step"] <= steps]
        write_atomically(path, "".join(f"{line}\n" for line in kept))


def _tensorboard_writer(folder: Path, steps: int) -> Any:
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder, purge_step=steps + 1)
