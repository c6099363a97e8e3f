"""Limits what ffmpeg and ffprobe can do to the machine: their memory, and how long they live."""

from __future__ import annotations

import resource
import shutil

#: Memory that ffmpeg or ffprobe may allocate, in bytes. A source may describe itself without end, as an HLS playlist
#: that never closes: that took 125 MB a second.
MAX_MEMORY_BYTES = 1 << 30


def confined(command: list[str]) -> list[str]:
    """Wrap a command so that the kernel limits its memory, and kills it when the thread that started it dies.

    Without prlimit and setpriv (util-linux), an endless playlist fills the memory until the source counts as stalled,
    and ffmpeg survives its parent until its next write to the broken pipe.
    """
    if prlimit := shutil.which("prlimit"):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)  # a lower one of this process cannot be raised
        most = MAX_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MAX_MEMORY_BYTES, hard)
        command = [prlimit, f"--data={most}", *command]
    if setpriv := shutil.which("setpriv"):
        command = [setpriv, "--pdeathsig", "KILL", "--", *command]
    return command
