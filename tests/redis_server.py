"""Starts a separate Redis for a test."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from wire.bus import RedisError, connect


@contextlib.contextmanager
def running_redis(folder: Path, port: int, *, keeps: bool = False) -> Iterator[str]:
    """Run a Redis and yield its URL; it is killed at the end, as in a crash.

    Args:
        folder: its data folder.
        port: its port on loopback.
        keeps: whether acknowledged writes are still there when another one is started in the folder.
    """
    # The one in .venv/bin, or another to test against.
    command = [os.environ.get("TEST_REDIS_SERVER", "redis-server"), "--bind", "127.0.0.1", "--port", str(port)]
    command += ["--dir", str(folder), "--save", ""]
    command += ["--appendonly", "yes", "--appendfsync", "always"] if keeps else []
    url = f"redis://127.0.0.1:{port}/0"
    with (folder / "redis.log").open("a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with connect(url, patience_s=20) as client:
            try:
                client.ping()
            except RedisError as error:
                raise AssertionError(f"{command[0]} does not respond: {(folder / 'redis.log').read_text()}") from error
        yield url
    finally:
        process.kill()
        process.wait(timeout=10)
