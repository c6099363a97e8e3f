"""Everything for an exact resume after a kill, in one file that is replaced whole or not at all."""

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
    """What torch keeps and puts back: an optimizer, a scaler of gradients."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


def save(folder: Path, weights: Mapping[str, Weights], states: Mapping[str, Stateful], progress: Progress) -> None:
    """Write sets of weights and states by name, progress and the state of every random generator."""
    state = {
        "weights": {name: {key: value.detach() for key, value in each.items()} for name, each in weights.items()},
        **{name: each.state_dict() for name, each in states.items()},
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
        unfinished.unlink(missing_ok=True)  # on a disk that is full, it would be in the way
        raise
    unfinished.replace(folder / CHECKPOINT_NAME)


def restore(folder: Path, weights: Mapping[str, Weights], states: Mapping[str, Stateful]) -> Progress | None:
    """Put everything back as `save` found it, into the same tensors; None if `folder` has no checkpoint."""
    path = folder / CHECKPOINT_NAME
    if not path.exists():
        return None
    # Our own file with the states of random generators in it, which weights_only does not read.
    try:
        state = torch.load(path, weights_only=False, map_location="cpu")
    except (RuntimeError, EOFError, UnpicklingError) as error:
        raise PlanError(f"{path} is damaged: without it, the run begins anew") from error
    with torch.no_grad():
        for name, each in weights.items():
            for key, value in each.items():
                value.copy_(state["weights"][name][key])
    for name, stateful in states.items():
        if name in state:  # an older version had fewer
            stateful.load_state_dict(state[name])
    _put_random_state(state["random"])
    progress = state["progress"]
    return Progress(**{**progress, "position": Position(*progress["position"])})


def _random_state() -> dict[str, Any]:
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
        "gpu": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,  # of the one in use
    }


def _put_random_state(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if state.get("gpu") is not None and torch.cuda.is_initialized():
        torch.cuda.set_rng_state(state["gpu"])
