"""Data-parallel training: one process per GPU, started by torchrun; or a single process.

Every rank divides its losses by the number of targets of all ranks, and gradients are summed, so a step is the same as
that of a single process with all their batches. This takes two torch.distributed calls per step;
DistributedDataParallel and accelerate wrap the model's forward, and average gradients, which must be summed.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

#: How long the other ranks wait for the first, which alone measures and saves.
_TIMEOUT = datetime.timedelta(hours=6)


def local_rank() -> int:
    """The rank of this process on this machine, as set by torchrun; 0 without it."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def is_first() -> bool:
    """Whether this process writes and reports; the same as `Team.first`, but works before there is a team."""
    return os.environ.get("RANK", "0") == "0"


def local_size() -> int:
    """The number of processes on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


@dataclass(frozen=True)
class Team:
    """`rank` of `size` processes; the first writes and measures."""

    rank: int = 0
    size: int = 1

    @classmethod
    def of_environment(cls, device: torch.device) -> Team:
        """Join the team that torchrun started; without torchrun, a team of one.

        Args:
            device: that of this process.
        """
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if device.type == "cuda":
            distributed.init_process_group("nccl", timeout=_TIMEOUT, device_id=device)
        else:
            distributed.init_process_group("gloo", timeout=_TIMEOUT)
        return cls(int(os.environ["RANK"]), size)

    @property
    def first(self) -> bool:
        return self.rank == 0

    @contextmanager
    def first_rank_first(self) -> Iterator[None]:
        """Run the block on the first rank, then on the others."""
        if not self.first:
            distributed.barrier()
        yield
        if self.first and self.size > 1:
            distributed.barrier()

    def all_reduce(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its sum over all ranks."""
        tensors = list(tensors)
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        distributed.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def sum_ints(self, values: Iterable[int], device: torch.device) -> list[int]:
        """The sum of each number over all ranks."""
        if self.size == 1:
            return list(values)  # without waiting for the GPU
        counts = torch.tensor(list(values), dtype=torch.int64, device=device)
        self.all_reduce([counts])
        sums: list[int] = counts.tolist()
        return sums

    def close(self) -> None:
        if self.size > 1:
            distributed.destroy_process_group()
