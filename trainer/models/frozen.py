"""What is not trained of a model: in the numbers that it computes in, so that no step converts it, and as it was."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

#: Weights as they were, by the names that a Whisper without adapters has for them.
Originals = Mapping[str, Tensor]

#: What autocast converts the weights of, each time.
_CONVERTED = (torch.nn.Linear, torch.nn.Conv1d)


@torch.no_grad()
def convert_frozen(model: torch.nn.Module, dtype: torch.dtype) -> Originals:
    """Put what is not trained of matrices and convolutions into `dtype`, in place, and return it as it was.

    It computes the very same: autocast would convert it so at every step, and keep what comes of it until the way back,
    which with adapters is all of a model once more. What is saved is made of the originals, which stay where they
    are, in half precision if that is all they have, as those of most checkpoints.
    """
    embeddings = {id(each.weight): each for each in model.modules() if isinstance(each, torch.nn.Embedding)}
    originals: dict[str, Tensor] = {}
    for prefix, module in model.named_modules():
        if not isinstance(module, _CONVERTED) or ".lora_" in prefix:  # adapters that are not trained, either, are small
            continue
        for name, weight in list(module.named_parameters(recurse=False)):
            if weight.requires_grad:
                continue
            original = _halved(weight.data)
            originals[plain(f"{prefix}.{name}")] = original
            if embedding := embeddings.get(id(weight)):  # tied: it is looked up as it is, and takes part in no product
                embedding.weight.data = original
                setattr(module, name, torch.nn.Parameter(original.to(dtype), requires_grad=False))
            else:
                weight.data = original.to(dtype)
    return originals


def plain(name: str) -> str:
    """What a Whisper without adapters calls one of its weights."""
    return name.replace(".base_layer.", ".")


def _halved(weight: Tensor) -> Tensor:
    """The same numbers in half the memory, where there is no more to them."""
    half = weight.half()
    return half if weight.is_meta or torch.equal(half.to(weight.dtype), weight) else weight
