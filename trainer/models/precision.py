"""The precision that a model computes in, in training (trained weights are always in single precision) and after."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["fp32", "bf16", "fp16"]

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def suiting(device: torch.device) -> Precision:
    """The fastest precision of a device. GPUs before Ampere emulate bfloat16, which is slower than single precision."""
    if device.type != "cuda":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def on_air(device: torch.device) -> torch.dtype:
    """What transcribers compute in (DTYPE=auto); models are evaluated in it too, so that an overflow shows."""
    return torch.float16 if device.type == "cuda" else torch.float32


def computing(device: torch.device, precision: Precision) -> torch.autocast:
    """A context in which a model computes in this precision."""
    half = precision != "fp32"
    return torch.autocast(device.type, DTYPES[precision if half else "bf16"], enabled=half)


def scaler(device: torch.device, precision: Precision) -> torch.amp.GradScaler:
    """Scales the loss so that float16 gradients do not underflow; a no-op in other precisions."""
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")
