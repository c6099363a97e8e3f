"""Which GPU each transcriber of this machine takes, where there are several: left to themselves, all take the first."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from itertools import takewhile

#: NVIDIA's list waits for its driver, in seconds.
_PATIENCE_S = 30.0


def gpus(environ: Mapping[str, str]) -> list[str]:
    """NVIDIA GPUs by the names that CUDA_VISIBLE_DEVICES takes; those that it names, if it is set."""
    if "CUDA_VISIBLE_DEVICES" in environ:
        named = [name.strip() for name in environ["CUDA_VISIBLE_DEVICES"].split(",")]
        return list(takewhile(lambda name: name and not name.startswith("-"), named))  # CUDA reads no further, either
    try:
        done = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_PATIENCE_S, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return re.findall(r"^GPU \d+: .*\(UUID: (GPU-[0-9a-f-]+)\)", done.stdout, re.MULTILINE)


def taken_by(transcriber: int, there: Sequence[str]) -> dict[str, str]:
    """What a transcriber is told of the GPUs that are there: one after the other has the next, unless there is one."""
    return {"CUDA_VISIBLE_DEVICES": there[transcriber % len(there)]} if len(there) > 1 else {}
