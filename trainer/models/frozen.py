"""Frozen weights: converted once to the precision that the model computes in, with their original values kept."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

#: Original weights, by their names in a Whisper without adapters.
Originals = Mapping[str, Tensor]

#: Modules whose weights autocast converts in every step.
_CONVERTED = (torch.nn.Linear, torch.nn.Conv1d)


@torch.no_grad()
def convert_frozen(model: torch.nn.Module, dtype: torch.dtype) -> Originals:
    """Convert frozen matrices and convolutions to `dtype`, in place, and return their original values.

    The results are identical: autocast would convert them in every step, and keep the copies until the backward pass,
    which with adapters is a second copy of the whole model. Models are saved from the originals, which stay on their
    device, in half precision if that loses nothing, as for most checkpoints.
    """
    embeddings = {id(module.weight): module for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    originals: dict[str, Tensor] = {}
    for prefix, module in model.named_modules():
        if not isinstance(module, _CONVERTED) or ".lora_" in prefix:  # frozen adapters are small
            continue
        for name, weight in list(module.named_parameters(recurse=False)):
            if weight.requires_grad:
                continue
            original = _halved(weight.data)
            originals[plain(f"{prefix}.{name}")] = original
            if embedding := embeddings.get(id(weight)):  # tied: the lookup uses the original, the product the copy
                embedding.weight.data = original
                setattr(module, name, torch.nn.Parameter(original.to(dtype), requires_grad=False))
            else:
                weight.data = original.to(dtype)
    return originals


def plain(name: str) -> str:
    """The name of a weight in a Whisper without adapters."""
    return name.replace(".base_layer.", ".")


def _halved(weight: Tensor) -> Tensor:
    """The weight in half precision if that loses nothing, else unchanged."""
    half = weight.half()
    return half if weight.is_meta or torch.equal(half.to(weight.dtype), weight) else weight
