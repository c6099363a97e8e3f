"""A fake GPU for tests on machines without one: mixing its tensors with those of the CPU fails as it does with CUDA.

Its tensors claim to be on cuda:0, but keep their values in CPU memory, where everything is computed. It cannot verify
CUDA's kernels or their precision: autocast has no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

GPU = torch.device("cuda:0")

_META = torch.device("meta")
_RNG_STATE = torch.arange(16, dtype=torch.uint8)
#: CUDA kernels that also accept CPU tensors: copies, indices, and the lengths of ctc_loss.
_MIXING = {
    "_to_copy",
    "to",
    "copy_",
    "index",
    "index_put",
    "index_put_",
    "_index_put_impl_",
    "_ctc_loss",
    "_ctc_loss_backward",
}


class GpuTensor(Tensor):
    """To torch's C++ code, a tensor without values (`meta`), which no CPU kernel can use."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> GpuTensor:
        made: GpuTensor = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, held.stride(), held.storage_offset(), dtype=held.dtype, device=_META
        )
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})

    device = property(lambda self: GPU)  # type: ignore[assignment]

    @property
    def data(self) -> Tensor:
        return GpuTensor(self.held.detach())

    @data.setter
    def data(self, other: GpuTensor) -> None:
        assert other.dtype == self.dtype
        self.held = other.held

    def tolist(self) -> Any:
        return self.held.tolist()

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    __array__ = numpy

    def __deepcopy__(self, memo: Any) -> GpuTensor:
        copied = GpuTensor(self.held.detach().clone()).requires_grad_(self.requires_grad)
        copied._is_param = isinstance(self, torch.nn.Parameter)
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.held.detach().__reduce_ex__(protocol)  # as with map_location="cpu"


def _compute(func: Any, args: Any, kwargs: Any) -> Any:
    """Run a kernel on the CPU values, unless CUDA would refuse it."""
    leaves = list(_leaves((args, kwargs)))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    places = {leaf.type for leaf in leaves if isinstance(leaf, torch.device)}
    if not any(isinstance(tensor, GpuTensor) for tensor in tensors) and "meta" not in places:
        return func(*args, **kwargs)
    name = func.overloadpacket.__name__
    strangers = [tensor for tensor in tensors if not isinstance(tensor, GpuTensor) and tensor.ndim]
    if strangers and (name not in _MIXING or (name.startswith("index") and strangers[0] is args[0])):
        raise RuntimeError(f"Expected all tensors to be on the same device, but {name} found cuda:0 and cpu")
    if any(isinstance(leaf, torch.Generator) for leaf in leaves):
        raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
    found = func(*_map(_held, args), **_map(_held, kwargs))
    if "cpu" in places:
        return found
    if func._schema.is_mutable and args and found is _held(args[0]):
        return args[0]
    return _map(lambda leaf: GpuTensor(leaf) if isinstance(leaf, Tensor) else leaf, found)


def _leaves(tree: Any) -> Iterator[Any]:
    """What nested tuples, lists and dicts contain; torch's own `tree_leaves` takes half of a test's time."""
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, (tuple, list)):
        yield tree
        return
    for branch in tree:
        yield from _leaves(branch)


def _map(change: Callable[[Any], Any], tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _map(change, branch) for key, branch in tree.items()}
    if isinstance(tree, (tuple, list)):
        return type(tree)([_map(change, branch) for branch in tree])
    return change(tree)


def _held(leaf: Any) -> Any:
    if isinstance(leaf, torch.device):
        return torch.device("cpu")
    return leaf.held if isinstance(leaf, GpuTensor) else leaf


class _Kernels(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


class _Calls(TorchFunctionMode):
    """Hides the GPU device from torch's C++ code, which was not built with CUDA."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.device:
            return func(*args, **kwargs)
        if func in (Tensor.__getitem__, Tensor.__setitem__):  # C++ would move a list's values to `meta`, and lose them
            places = args[1] if isinstance(args[1], tuple) else (args[1],)
            places = tuple(torch.tensor(place) if isinstance(place, list) else place for place in places)
            args = (args[0], places, *args[2:])
        args, kwargs = _map(_renamed, (args, kwargs))
        if func is torch.tensor and kwargs.get("device") == _META:
            return torch.tensor(*args, **{**kwargs, "device": None}).to(_META)
        return func(*args, **kwargs)


def _renamed(leaf: Any) -> Any:
    is_gpu = (isinstance(leaf, torch.device) and leaf.type == "cuda") or (isinstance(leaf, str) and leaf[:4] == "cuda")
    return _META if is_gpu else leaf


@contextmanager
def fake_gpu(bf16: bool = True) -> Iterator[None]:
    """Provide a fake GPU within the block; `bf16`: with native instead of emulated bfloat16."""
    swaps = torch.__future__.get_swap_module_params_on_conversion()
    cuda = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "is_bf16_supported": lambda including_emulation=True: bf16 or including_emulation,
        "set_device": lambda device: torch.device(device).index + 0,
        "synchronize": lambda device: None,
        "get_device_name": lambda device: "fake GPU",
        "get_device_properties": lambda device: SimpleNamespace(total_memory=24 * 2**30),
        "get_rng_state": lambda: _RNG_STATE,
        "set_rng_state": lambda state: torch.testing.assert_close(state, _RNG_STATE),
    }
    with pytest.MonkeyPatch.context() as patch, _Calls(), _Kernels():
        for name, value in cuda.items():
            patch.setattr(torch.cuda, name, value)
        patch.setattr(torch.accelerator, "is_available", lambda: True)  # checked before memory is pinned
        # Optimizers ask for it before each step; a build with CUDA would ask the driver.
        patch.setattr(torch.accelerator, "current_stream", lambda: SimpleNamespace(is_capturing=lambda: False))
        patch.setattr(Tensor, "pin_memory", lambda tensor: tensor)
        torch.__future__.set_swap_module_params_on_conversion(True)  # or tied weights would not stay tied
        try:
            yield
        finally:
            torch.__future__.set_swap_module_params_on_conversion(swaps)
