"""Processes that train together, one a GPU, started by torchrun; or one alone.

The gradients of a step are summed over all of them, of losses that each divides by what all have to predict together:
the step is the one that a single process would make of all their batches. That takes two calls of torch.distributed a
step; DistributedDataParallel and accelerate wrap the model's forward for it, and would average what must be summed.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

#: How long others wait for the first, which measures and saves alone.
_PATIENCE = datetime.timedelta(hours=6)


def local_rank() -> int:
    """The number of this process among those of this machine, as torchrun has it; without it, 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def is_first() -> bool:
    """Whether this process is the one that writes and tells, as `Team.first` has it, before there is a team."""
    return os.environ.get("RANK", "0") == "0"


def local_size() -> int:
    """How many processes train on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


@dataclass(frozen=True)
class Team:
    """`rank` of `size`; the first one writes and measures."""

    rank: int = 0
    size: int = 1

    @classmethod
    def of_environment(cls, device: torch.device) -> Team:
        """What torchrun says; without it, one alone.

        Args:
            device: what this process computes on.
        """
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if device.type == "cuda":
            distributed.init_process_group("nccl", timeout=_PATIENCE, device_id=device)
        else:
            distributed.init_process_group("gloo", timeout=_PATIENCE)
        return cls(int(os.environ["RANK"]), size)

    @property
    def first(self) -> bool:
        return self.rank == 0

    @contextmanager
    def first_first(self) -> Iterator[None]:
        """The first process does the block alone; the others do it after it."""
        if not self.first:
            distributed.barrier()
        yield
        if self.first and self.size > 1:
            distributed.barrier()

    def add(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its sum over all processes."""
        found = list(tensors)
        if self.size == 1 or not found:
            return
        flat = torch.cat([tensor.flatten() for tensor in found])
        distributed.all_reduce(flat)
        for tensor, part in zip(found, flat.split([tensor.numel() for tensor in found]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def numbers(self, values: Iterable[int], device: torch.device) -> list[int]:
        """The sum of each number over all processes."""
        if self.size == 1:
            return list(values)  # a GPU would have to be waited for
        counts = torch.tensor(list(values), dtype=torch.int64, device=device)
        self.add([counts])
        found: list[int] = counts.tolist()
        return found

    def close(self) -> None:
        """Part."""
        if self.size > 1:
            distributed.destroy_process_group()
