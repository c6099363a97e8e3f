"""Runs a program that is terminated when its parent dies, for whatever reason: `python leash.py PARENT COMMAND...`

The kernel sends SIGTERM to the program when its parent dies, even by SIGKILL (prctl(2), PR_SET_PDEATHSIG, which is
preserved across exec). This is a separate program because running code between fork and exec is unsafe in a process
with threads. On systems other than Linux, it just runs the program.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def hold(parent: int) -> None:
    """Have this process receive SIGTERM when its parent, process `parent`, dies."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # the parent died before prctl was called
        sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    hold(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
