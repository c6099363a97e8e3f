"""The device of this process: the CPU or a GPU."""

from __future__ import annotations

import torch

from trainer.errors import PlanError


def device_of(name: str, local_rank: int = 0) -> torch.device:
    """A device by name: `cpu`, `cuda`, `cuda:1`, or `auto`, which is a GPU if there is one.

    Args:
        local_rank: of this process on this machine; `cuda` is the GPU of this number.

    Raises:
        PlanError: the device does not exist or cannot be used.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(f"cuda:{local_rank}" if name == "cuda" else name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise PlanError(f"--device {name} cannot be used: {str(error).splitlines()[0]}") from error
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device
