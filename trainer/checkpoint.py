"""Everything for an exact resume after a kill, in one file that is replaced whole or not at all."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

_NAME = "checkpoint.pt"


@dataclass
class Progress:
    """How far training has come: batches taken (the position in the data, too), and seconds spent on them."""

    batches: int = 0
    elapsed_s: float = 0.0


def save(
    folder: Path, modules: Mapping[str, torch.nn.Module], optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write modules, optimizer, progress and the state of every random generator."""
    state = {
        "modules": {name: module.state_dict() for name, module in modules.items()},
        "optimizer": optimizer.state_dict(),
        "progress": asdict(progress),
        "random": {"python": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state()},
    }
    unfinished = folder / f"{_NAME}.tmp"
    with unfinished.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / _NAME)


def restore(folder: Path, modules: Mapping[str, torch.nn.Module], optimizer: torch.optim.Optimizer) -> Progress | None:
    """Put everything back as `save` found it; None if `folder` has no checkpoint."""
    path = folder / _NAME
    if not path.exists():
        return None
    # Our own file with the states of random generators in it, which weights_only does not read.
    state = torch.load(path, weights_only=False)
    for name, module in modules.items():
        module.load_state_dict(state["modules"][name])
    optimizer.load_state_dict(state["optimizer"])
    random.setstate(state["random"]["python"])
    np.random.set_state(state["random"]["numpy"])
    torch.set_rng_state(state["random"]["torch"])
    return Progress(**state["progress"])
