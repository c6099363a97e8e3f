"""Peak memory of a training step, counted as tensors are allocated and freed; needs neither a GPU nor the memory."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from trainer.training.batches import Batch
from trainer.training.loop import step
from trainer.training.losses import Targets
from trainer.training.run import Run


class MemoryCounter(TorchDispatchMode):
    """Counts the bytes of all storages that operators in the block return, until they are freed.

    With tensors `without_contents`, counting a step of large-v3 takes seconds on any machine. torch's `MemTracker` does
    the same, but fails at frozen weights. Not counted is what a GPU needs in addition: the CUDA context, workspaces of
    kernels, and fragmentation of the allocator.

    Attributes:
        now, peak: bytes.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no type for it
        self.now = self.peak = 0
        self._known: set[int] = set()
        for tensor in tensors:
            self._count(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returned = func(*args, **(kwargs or {}))
        for value in tree_leaves(returned):
            if isinstance(value, Tensor):
                self._count(value)
        return returned

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if id(storage) not in self._known:
            size = storage.nbytes()
            self._known.add(id(storage))
            weakref.finalize(storage, self._free, id(storage), size)
            self.now += size
            self.peak = max(self.peak, self.now)

    def _free(self, key: int, size: int) -> None:
        self._known.remove(key)
        self.now -= size


@contextmanager
def without_contents() -> Iterator[None]:
    """Tensors created in the block have shapes but no contents."""
    with FakeTensorMode(allow_non_fake_inputs=True), _CtcShapes():  # type: ignore[no-untyped-call]  # torch has no type
        yield


class _CtcShapes(TorchDispatchMode):
    """Shapes of what the CTC operators return; torch would read them from the targets' lengths, which are contents."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        aten = torch.ops.aten
        if func in (aten._ctc_loss.default, aten._ctc_loss.Tensor):
            positions, batch, _ = args[0].shape
            return args[0].new_empty(batch), args[0].new_empty(batch, positions, 2 * args[1].shape[-1] + 1)
        if func in (aten._ctc_loss_backward.default, aten._ctc_loss_backward.Tensor):
            return torch.empty_like(args[1])
        return func(*args, **(kwargs or {}))


def peak_bytes(run: Run, batches: Sequence[Batch], targets: Targets) -> int:
    """Peak bytes of a step once the optimizer has its state; runs two steps.

    Args:
        targets: those of the batches, which cannot be counted in tensors without contents.
    """
    counter = MemoryCounter(_initial_tensors(run, batches))
    with counter:
        step(run, batches, targets)
        counter.peak = counter.now
        step(run, batches, targets)
    return counter.peak


def randomize_weights(model: torch.nn.Module, device: torch.device) -> None:
    """Replace a model's weights by random ones on another device; `to_empty` cannot do this with fake tensors."""
    filled: dict[int, torch.nn.Parameter] = {}  # tied weights stay tied
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                if id(weight) not in filled:
                    values = 0.02 * torch.randn(weight.shape, dtype=weight.dtype, device=device)
                    filled[id(weight)] = torch.nn.Parameter(values, weight.requires_grad)
                module._parameters[name] = filled[id(weight)]


def _initial_tensors(run: Run, batches: Iterable[Batch]) -> Iterator[Tensor]:
    """All tensors that exist before the first step."""
    for model in (run.model, run.teacher.model) if run.teacher else (run.model,):
        yield from model.parameters()
        yield from model.buffers()
    for weights in run.weights.values():
        yield from weights.values()
    for batch in batches:
        yield from (value for value in vars(batch).values() if isinstance(value, Tensor))
