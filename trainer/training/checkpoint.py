"""Everything needed to resume exactly after a kill, in one file that is replaced atomically."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from trainer.errors import PlanError
from trainer.training.batches import Position
from trainer.training.plan import Progress

CHECKPOINT_NAME = "checkpoint.pt"

Weights = Mapping[str, Tensor]


class Stateful(Protocol):
    """An optimizer or a gradient scaler."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


def save(folder: Path, weights: Mapping[str, Weights], states: Mapping[str, Stateful], progress: Progress) -> None:
    """Write named sets of weights, named states, progress, and the state of every random generator."""
    state = {
        "weights": {name: {key: value.detach() for key, value in group.items()} for name, group in weights.items()},
        **{name: stateful.state_dict() for name, stateful in states.items()},
        "progress": asdict(progress),
        "random": _random_state(),
    }
    unfinished = folder / f"{CHECKPOINT_NAME}.tmp"
    try:
        with unfinished.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        unfinished.unlink(missing_ok=True)  # it may have filled the disk
        raise
    unfinished.replace(folder / CHECKPOINT_NAME)


def restore(folder: Path, weights: Mapping[str, Weights], states: Mapping[str, Stateful]) -> Progress | None:
    """Load everything that `save` wrote, in place; None if `folder` has no checkpoint."""
    path = folder / CHECKPOINT_NAME
    if not path.exists():
        return None
    # weights_only cannot read the states of random generators; the file is our own.
    try:
        state = torch.load(path, weights_only=False, map_location="cpu")
    except (RuntimeError, EOFError, UnpicklingError) as error:
        raise PlanError(f"{path} is damaged: delete it to start the run from the beginning") from error
    with torch.no_grad():
        for name, group in weights.items():
            for key, value in group.items():
                value.copy_(state["weights"][name][key])
    for name, stateful in states.items():
        if name in state:  # checkpoints of older versions have fewer
            stateful.load_state_dict(state[name])
    _set_random_state(state["random"])
    progress = state["progress"]
    return Progress(**{**progress, "position": Position(*progress["position"])})


def _random_state() -> dict[str, Any]:
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
        "gpu": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,  # the current device
    }


def _set_random_state(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if state.get("gpu") is not None and torch.cuda.is_initialized():
        torch.cuda.set_rng_state(state["gpu"])
