"""In which numbers a model computes: in training, where what changes is in single precision always, and after."""

from __future__ import annotations

from typing import Literal

import torch

Precision = Literal["fp32", "bf16", "fp16"]

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def suiting(device: torch.device) -> Precision:
    """What is fast on a device. GPUs before Ampere only emulate bfloat16, which takes longer than single precision."""
    if device.type != "cuda":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def on_air(device: torch.device) -> torch.dtype:
    """What transcribers compute in (DTYPE=auto), and what is stored: what overflows there is to be measured so, too."""
    return torch.float16 if device.type == "cuda" else torch.float32


def computing(device: torch.device, precision: Precision) -> torch.autocast:
    """A block in which a model computes so."""
    half = precision != "fp32"
    return torch.autocast(device.type, DTYPES[precision if half else "bf16"], enabled=half)


def scaler(device: torch.device, precision: Precision) -> torch.amp.GradScaler:
    """Keeps gradients within what float16 can tell from nothing; with other numbers it does nothing."""
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")
