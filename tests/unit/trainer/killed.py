"""Runs a program that kills itself, and waits for the processes that it started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.places import ROOT

#: Code with a function that a program calls to kill itself.
DIE = """
import os, signal
from pathlib import Path

def children(pid):
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield child
        yield from children(child)

def die():
    print(*children(os.getpid()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def started_by(program: str, folder: Path, *words: object) -> list[str]:
    """Return the processes that a program had started when it died, after all of them have exited.

    Args:
        program: it knows `die`.
        folder: to write it to.
    """
    script = folder / "killed.py"
    script.write_text(DIE + program)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, script, *map(str, words)]
    # Files, not pipes: processes that outlive the program would keep pipes open.
    told, failed = folder / "told", folder / "failed"
    with told.open("wb") as out, failed.open("wb") as err:
        done = subprocess.run(command, env=environment, stdout=out, stderr=err, check=False)
    assert done.returncode == -9, failed.read_text()
    children = told.read_text().split()
    deadline_s = time.monotonic() + 30
    while left := [pid for pid in children if _alive(pid)]:
        assert time.monotonic() < deadline_s, f"{left} outlive their parent"
        time.sleep(0.05)
    return children


def _alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
