"""The disk space that checkpoints take, checked in advance."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from trainer.training.averaging import trained
from trainer.training.checkpoint import CHECKPOINT_NAME

_GB, _MB = 1e9, 1e6


def checkpoint_bytes(model: torch.nn.Module, averaged: bool) -> int:
    """The approximate size of a checkpoint: the trainable weights, Adam's two moments of them, and their average."""
    return (3 + averaged) * sum(parameter.nbytes for parameter in trained(model).values())


def free_bytes(folder: Path) -> int:
    """Free space on the disk of a folder, which need not exist yet."""
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(existing).free


def disk_warning(folder: Path, checkpoint: int) -> str:
    """A warning if a checkpoint of this many bytes does not fit on the disk beside the previous one; else empty."""
    old = folder / CHECKPOINT_NAME
    free = free_bytes(folder)
    if 2 * checkpoint - (old.stat().st_size if old.exists() else 0) <= free:
        return ""
    return (
        f"warning: {folder} has {amount(free)} free: a checkpoint takes {amount(checkpoint)}, and the previous one is "
        "kept until it is written. Checkpoints that do not fit are skipped, and a killed run resumes from an older one "
        "or starts again"
    )


def amount(number: int) -> str:
    """A number of bytes, as MB or GB."""
    return f"{number / _GB:.1f} GB" if number >= _GB else f"{number / _MB:.1f} MB"
