"""int8 quantization for CPUs: a quarter of the memory traffic per token, and twice as fast at Whisper's sizes.

Weights have a scale per row of a matrix, activations one per position, so the text of a chunk does not depend on the
rest of its batch. oneDNN computes the products; it is fast on all x86 CPUs. On ARM, it has only a slow reference
implementation of them, so that int8 merely saves memory there.

Alternatives: torchao needs a compiler on the machine to be fast on a CPU; torch's own dynamic quantization is
deprecated, and has one scale for a whole batch.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from wire.errors import ModelError

#: The largest quantized activation, and the zero point of unsigned ones.
_LARGEST, _ZERO = 127, 128


def _products(inputs: Tensor, zero: int, packed: Tensor, scales: Tensor, zeros: Tensor) -> Tensor:
    """float32 products of uint8 inputs [n, features] with zero point `zero`, a packed matrix and its rows' scales."""
    products: Tensor = torch.ops.onednn.qlinear_pointwise(
        *(inputs, 1.0, zero, packed, scales, zeros, None), *(1.0, 0, torch.float32, "none", [], "")
    )
    return products


@cache
def _largest_weight() -> int:
    """The largest quantized weight: 8 bits; 7 on CPUs without VNNI, which add two products in 16 bits and saturate."""
    inputs, largest = torch.full((1, 64), 255, dtype=torch.uint8), torch.full((1, 64), 127, dtype=torch.int8)
    packed, scale, zero = (
        torch.ops.onednn.qlinear_prepack(largest, None),
        torch.ones(1),
        torch.zeros(1, dtype=torch.int64),
    )
    products = _products(inputs, 0, packed, scale, zero)
    return 127 if products.item() == 64 * 255 * 127 else 63


class Int8Linear(torch.nn.Module):
    """A Linear layer with int8 weights; inputs and outputs are float32, [..., features].

    Args:
        linear: the layer to quantize.
    """

    scales: Tensor  # [rows]

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        weights, bias = linear.weight.detach().float(), linear.bias
        self.scales = weights.abs().amax(1).clamp(min=torch.finfo().tiny) / _largest_weight()
        quantized = (weights / self.scales[:, None]).round().to(torch.int8)
        self._packed = torch.ops.onednn.qlinear_prepack(quantized, None)
        self._zeros = torch.zeros(len(weights), dtype=torch.int64)
        self._bias = None if bias is None else bias.detach().float()

    def forward(self, inputs: Tensor) -> Tensor:
        rows = inputs.reshape(-1, inputs.shape[-1])
        scales = torch.maximum(rows.amax(1, keepdim=True), -rows.amin(1, keepdim=True))
        scales = scales.clamp_(min=torch.finfo().tiny).div_(_LARGEST)
        # Unsigned, because signed ones are fast only on the newest CPUs. Add 0.5, because conversion truncates.
        quantized = (rows / scales).add_(_ZERO + 0.5).to(torch.uint8)
        products = _products(quantized, _ZERO, self._packed, self.scales, self._zeros)
        products.mul_(scales)
        if self._bias is not None:
            products.add_(self._bias)
        return products.view(*inputs.shape[:-1], len(self.scales))


def quantize(module: torch.nn.Module) -> None:
    """Replace all Linear layers of a module; embeddings stay as they are.

    Raises:
        ModelError: torch has no int8 products for this CPU.
    """
    try:
        Int8Linear(torch.nn.Linear(1, 1))(torch.zeros(1, 1))
    except (AttributeError, RuntimeError) as error:
        raise ModelError("DTYPE=int8: torch does not support int8 products on this CPU; set DTYPE=float32") from error
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, torch.nn.Linear):
                setattr(parent, name, Int8Linear(child))
