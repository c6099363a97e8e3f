"""How much memory tensors hold, counted as they come and go: it needs no GPU, nor the memory itself."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Held(TorchDispatchMode):
    """Counts bytes of all storages that operators inside the block return, until they are freed.

    Under a `FakeTensorMode` tensors have shapes and no contents: a step of large-v3 is counted in seconds, anywhere.
    torch's own `MemTracker` does the same for models that are trained whole, and fails at a frozen weight. What a GPU
    takes on top is not in it: torch's context, workspaces of kernels, and what its allocator loses to fragments.

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
