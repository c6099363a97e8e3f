"""What must be true before `make up` starts anything; each thing that is not is told in one sentence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import redis

from demo.ports import PreflightError
from transcriber.model_name import folder_of
from wire.errors import ModelError

#: Streams with XAUTOCLAIM, on which the chunk queue is built, came with this one.
OLDEST_REDIS = (6, 2)


def check_redis(url: str) -> None:
    """Raises PreflightError unless a Redis that is new enough answers at `url`."""
    try:
        version = redis_version(url)
    except ValueError as e:
        raise PreflightError(f"REDIS_URL={url!r} is not an address such as redis://127.0.0.1:6379/0.") from e
    if version is None:
        raise PreflightError(
            f"No Redis answers at REDIS_URL={url}: start it, correct the address, or leave REDIS_URL unset and "
            "`make up` brings its own."
        )
    if version < OLDEST_REDIS:
        raise PreflightError(
            f"The Redis at REDIS_URL={url} is version {version[0]}.{version[1]}, and Undertext needs "
            f"{OLDEST_REDIS[0]}.{OLDEST_REDIS[1]} or newer."
        )


def redis_version(url: str) -> tuple[int, int] | None:
    """Major and minor version of the Redis at `url`; None if none answers (or not to us).

    Raises:
        ValueError: `url` is no Redis address.
    """
    client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3)
    try:
        major, minor = str(client.info("server")["redis_version"]).split(".")[:2]
    except (redis.RedisError, OSError):
        return None
    finally:
        client.close()
    return int(major), int(minor)


def find_redis_server() -> str:
    """The system's redis-server if it is new enough, else the one that a wheel put beside our Python.

    Raises:
        PreflightError: there is neither.
    """
    ours = Path(sys.executable).parent
    elsewhere = os.pathsep.join(folder for folder in os.get_exec_path() if Path(folder).resolve() != ours.resolve())
    for candidate in (shutil.which("redis-server", path=elsewhere), shutil.which("redis-server", path=str(ours))):
        if candidate and (_server_version(candidate) or (0, 0)) >= OLDEST_REDIS:
            return candidate
    raise PreflightError(
        f"No redis-server {OLDEST_REDIS[0]}.{OLDEST_REDIS[1]} or newer is installed: install one "
        "(on Debian and Ubuntu: apt-get install redis-server), or name a running one with REDIS_URL."
    )


def _server_version(program: str) -> tuple[int, int] | None:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return None
    found = re.search(r"v=(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else None


def check_programs() -> None:
    """Raises PreflightError unless ffmpeg and ffprobe are found."""
    for program in ("ffmpeg", "ffprobe"):
        if not shutil.which(program):
            raise PreflightError(
                f"{program} is not installed and no wheel brought it for this machine: install it "
                "(on Debian and Ubuntu: apt-get install ffmpeg)."
            )


def check_folder(variable: str, folder: Path) -> None:
    """Raises PreflightError unless `folder`, which `variable` chooses, is there or can be made, and is writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise PreflightError(f"{variable}={folder} cannot be made ({e.strerror}).") from e
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PreflightError(f"{variable}={folder} is not writable by this account.")


def check_model(model: str) -> None:
    """Raises PreflightError if `model` is a directory without a checkpoint; a hub id is left to the transcriber."""
    try:
        folder_of(model)
    except ModelError as e:
        raise PreflightError(f"MODEL={model}: {e}.") from e
