"""Runs a program that ends when its parent does, however the parent ended: `python leash.py PARENT COMMAND...`

The kernel sends SIGTERM to the program when its parent dies, even by SIGKILL (prctl(2), PR_SET_PDEATHSIG; it outlives
the exec). A program of its own because running code between fork and exec is not safe in a process with threads.
Elsewhere than on Linux it only runs the program.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def hold(parent: int) -> None:
    """Asks for SIGTERM at the death of the process `parent`, which must be this process' parent."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel knew
        sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    hold(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
