"""Checks before `make up` starts anything; each problem is reported in one message."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import sys
import time
from pathlib import Path

import redis

from api.settings import Settings as ApiSettings
from demo.ports import PreflightError
from demo.programs import OLDEST_REDIS, is_recent_redis
from demo.settings import Settings
from ingest.settings import Settings as IngestSettings
from transcriber.settings import Settings as TranscriberSettings
from transcriber.whisper.model_name import folder_of
from wire.bus import connect
from wire.errors import ModelError
from wire.settings import variables
from wire.workers import TTL_S, identities

#: The classes of all settings that `make up` takes.
SETTINGS = (Settings, ApiSettings, IngestSettings, TranscriberSettings)


def check_variables(makeflags: str) -> None:
    """Raise PreflightError if the arguments of `make` include a misspelt setting, which would be ignored.

    Args:
        makeflags: MAKEFLAGS; it has the variables of the command line after `--`.
    """
    known = {name for cls in SETTINGS for name in variables(cls).values()}
    _, _, assignments = makeflags.partition("-- ")
    for name in re.findall(r"(?:^|(?<!\\)\s)(\w+)[:?+]*=", assignments):  # in values, spaces are escaped
        meant = sorted(other for other in known if _differ_little(name.upper(), other))
        if name not in known and meant:
            raise PreflightError(f"{name} is not a setting. Did you mean {meant[0]}? docs/settings.md lists all.")


def _differ_little(name: str, other: str) -> bool:
    """Whether the names differ by at most one character, or two are swapped."""
    longer = max(len(name), len(other))
    return difflib.SequenceMatcher(None, name, other).ratio() > 1 - 1.01 / longer


def check_redis(url: str, otherwise: str = "") -> None:
    """Raise PreflightError unless a recent enough Redis responds at `url`; `otherwise` is another remedy."""
    shown = without_password(url)
    try:
        version = redis_version(url)
    except ValueError as e:
        raise PreflightError(f"REDIS_URL={shown!r} is not an address such as redis://127.0.0.1:6379/0.") from e
    except redis.AuthenticationError as e:
        raise PreflightError(
            f"The Redis at REDIS_URL={shown} requires a password, or another one: "
            "REDIS_URL=redis://:password@host:6379/0."
        ) from e
    except (redis.RedisError, OSError) as e:
        raise PreflightError(
            f"No Redis responds at REDIS_URL={shown} ({e}): start it, or correct the address{otherwise}."
        ) from e
    if version < OLDEST_REDIS:
        raise PreflightError(
            f"The Redis at REDIS_URL={shown} is version {version[0]}.{version[1]}, but Undertext needs "
            f"{OLDEST_REDIS[0]}.{OLDEST_REDIS[1]} or newer."
        )


def without_password(url: str) -> str:
    """A Redis URL to show."""
    return re.sub(r"(?<=password=)[^&]*", "***", re.sub(r"^(\w+://)?.*@", r"\1***@", url))


def check_alone(url: str) -> None:
    """Raise PreflightError if another system uses the Redis at `url`: this one would take over its stations.

    Waits for heartbeats of one that was killed a moment ago to expire.
    """
    until_s = time.monotonic() + TTL_S + 1
    with connect(url) as client:
        while identities(client, "ingest"):
            if time.monotonic() > until_s:
                raise PreflightError(
                    f"Another Undertext is running with REDIS_URL={without_password(url)}: to transcribe for it, use "
                    "`make transcribers`; for a separate one, use another Redis."
                )
            time.sleep(0.5)


def has_system(url: str) -> bool:
    """Return whether a system uses the Redis at `url`: transcribers have work only then."""
    with connect(url) as client:
        return bool(identities(client, "ingest"))


def redis_version(url: str) -> tuple[int, int]:
    """Major and minor version of the Redis at `url`.

    Raises:
        ValueError: `url` is not a Redis address.
        RedisError, OSError: none responds, or it denies access.
    """
    client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3)
    try:
        major, minor = str(client.info("server")["redis_version"]).split(".")[:2]
    finally:
        client.close()
    return int(major), int(minor)


def find_redis_server() -> str:
    """The system's redis-server if it is recent enough, else the one that a wheel installed next to our Python.

    Raises:
        PreflightError: there is neither.
    """
    venv_bin = Path(sys.executable).parent
    system = os.pathsep.join(folder for folder in os.get_exec_path() if Path(folder).resolve() != venv_bin.resolve())
    for candidate in (shutil.which("redis-server", path=system), shutil.which("redis-server", path=str(venv_bin))):
        if candidate and is_recent_redis(candidate):
            return candidate
    raise PreflightError(
        f"No redis-server {OLDEST_REDIS[0]}.{OLDEST_REDIS[1]} or newer is installed: install one "
        "(on Debian and Ubuntu: apt-get install redis-server), or set REDIS_URL to a running one."
    )


def check_programs() -> None:
    """Raise PreflightError unless ffmpeg and ffprobe are found."""
    for program in ("ffmpeg", "ffprobe"):
        if not shutil.which(program):
            raise PreflightError(
                f"{program} is not installed, and there is no wheel of it for this machine: install it "
                "(on Debian and Ubuntu: apt-get install ffmpeg)."
            )


def check_folder(variable: str, folder: Path) -> None:
    """Raise PreflightError unless `folder`, which is set by `variable`, exists or can be created, and is writable.

    A new one is private: it holds recordings, and passwords of stations.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        raise PreflightError(f"{variable}={folder} cannot be created ({e.strerror}).") from e
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PreflightError(f"This account cannot write to {variable}={folder}.")


def check_model(model: str) -> None:
    """Raise PreflightError if `model` is a directory without a checkpoint. Hub ids are checked by the transcriber."""
    try:
        folder_of(model)
    except ModelError as e:
        raise PreflightError(f"MODEL={model}: {e}.") from e
