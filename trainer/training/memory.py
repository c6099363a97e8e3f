"""How much memory a step holds, counted as tensors come and go: it needs no GPU, nor the memory itself."""

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


class Held(TorchDispatchMode):
    """Counts bytes of all storages that operators inside the block return, until they are freed.

    Of tensors `without_contents`, a step of large-v3 is counted in seconds, anywhere. torch's own `MemTracker` does the
    same for models that are trained whole, and fails at a frozen weight. What a GPU takes on top is not in it: torch's
    context, workspaces of kernels, and what its allocator loses to fragments.

    Attributes:
        now, peak: bytes.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no type for it
        self.now = self.peak = 0
        self._known: set[int] = set()
        for tensor in tensors:
            self._see(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returned = func(*args, **(kwargs or {}))
        for value in tree_leaves(returned):
            if isinstance(value, Tensor):
                self._see(value)
        return returned

    def _see(self, tensor: Tensor) -> None:
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
    """Tensors that are made in the block have shapes and no contents."""
    with FakeTensorMode(allow_non_fake_inputs=True), _CtcShapes():  # type: ignore[no-untyped-call]  # torch has no type
        yield


class _CtcShapes(TorchDispatchMode):
    """What CTC returns; torch asks the targets' lengths, which are contents, how large that is."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        aten = torch.ops.aten
        if func in (aten._ctc_loss.default, aten._ctc_loss.Tensor):
            positions, batch, _ = args[0].shape
            return args[0].new_empty(batch), args[0].new_empty(batch, positions, 2 * args[1].shape[-1] + 1)
        if func in (aten._ctc_loss_backward.default, aten._ctc_loss_backward.Tensor):
            return torch.empty_like(args[1])
        return func(*args, **(kwargs or {}))


def peak(run: Run, batches: Sequence[Batch], targets: Targets) -> int:
    """The most bytes that a step holds, once the optimizer has its state; two steps are made for it.

    Args:
        targets: what is counted in the batches, which cannot be read from tensors without contents.
    """
    held = Held(_there(run, batches))
    with held:
        step(run, batches, targets)
        held.peak = held.now
        step(run, batches, targets)
    return held.peak


def fill(model: torch.nn.Module, device: torch.device) -> None:
    """Give a model weights of the same shapes on another device; `to_empty` cannot do it with fake tensors."""
    given: dict[int, torch.nn.Parameter] = {}  # tied weights stay tied
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                if id(weight) not in given:
                    drawn = 0.02 * torch.randn(weight.shape, dtype=weight.dtype, device=device)
                    given[id(weight)] = torch.nn.Parameter(drawn, weight.requires_grad)
                module._parameters[name] = given[id(weight)]


def _there(run: Run, batches: Iterable[Batch]) -> Iterator[Tensor]:
    """All that is there before the first step."""
    for model in (run.model, run.teacher.model) if run.teacher else (run.model,):
        yield from model.parameters()
        yield from model.buffers()
    for weights in run.weights.values():
        yield from weights.values()
    for batch in batches:
        yield from (value for value in vars(batch).values() if isinstance(value, Tensor))
