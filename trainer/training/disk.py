"""What a run writes to its disk, told before it is full."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from trainer.training.averaging import trained
from trainer.training.checkpoint import CHECKPOINT_NAME

_GB, _MB = 1e9, 1e6


def checkpoint_bytes(model: torch.nn.Module, averaged: bool) -> int:
    """About how large a checkpoint is: all that is trained, Adam's two means of it, and its average."""
    return (3 + averaged) * sum(parameter.nbytes for parameter in trained(model).values())


def free_bytes(folder: Path) -> int:
    """What a disk has free on which a folder is, or will be."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


def lacking(folder: Path, checkpoint: int) -> str:
    """What to know, in a sentence, where a checkpoint of so many bytes does not fit beside the one before."""
    old = folder / CHECKPOINT_NAME
    free = free_bytes(folder)
    if 2 * checkpoint - (old.stat().st_size if old.exists() else 0) <= free:
        return ""
    return (
        f"warning: {folder} has {amount(free)} free: a checkpoint takes {amount(checkpoint)}, and the one before stays "
        "until it is written. What does not fit is left out, and a run that is killed goes on behind an older one, or "
        "from its beginning"
    )


def amount(number: int) -> str:
    """So many bytes, for people."""
    return f"{number / _GB:.1f} GB" if number >= _GB else f"{number / _MB:.1f} MB"
