"""Assigns processes to GPUs if there are several: by default, all processes on a machine would use the first.

Processes in containers do not see each other, and replicas of a service share one configuration. So each process
registers its GPU in Redis, by NVIDIA's UUID, and takes one with the fewest processes.
"""

from __future__ import annotations

import logging
import re
import secrets
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from itertools import takewhile

from wire import keys
from wire.bus import Redis, RedisError

log = logging.getLogger(__name__)

#: The variable with the GPUs that CUDA shows to a process; CUDA reads it at first use.
VISIBLE = "CUDA_VISIBLE_DEVICES"
#: A process that has not renewed its registration for this long, in seconds, has lost its GPU.
TTL_S = 30
#: Time between two renewals, in seconds.
BEAT_S = 5.0
#: Time-out of `nvidia-smi`, which waits for its driver, in seconds.
_PATIENCE_S = 30.0

# A GPU's key holds its processes, each with the time at which its registration expires. Takes, or renews, the first GPU
# with the fewest processes.
_TAKE = """
local now = tonumber(redis.call('TIME')[1])
local best, fewest = 1, nil
for number, key in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    local count = redis.call('ZCARD', key)
    if not fewest or count < fewest then
        best, fewest = number, count
    end
end
redis.call('ZADD', KEYS[best], now + ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[best], ARGV[2])
return best
"""


@contextmanager
def reserve_gpu(redis: Redis, environ: MutableMapping[str, str]) -> Iterator[str | None]:
    """Restrict this process to one of several GPUs (in `CUDA_VISIBLE_DEVICES`): one with the fewest other processes.

    The GPU stays registered as taken until the context exits. With at most one GPU, nothing is changed. Enter the
    context before CUDA is first used.

    Raises:
        UNAVAILABLE: Redis is unavailable, and there are several GPUs.
    """
    gpus = visible(environ)
    if len(gpus) < 2:
        yield None
        return
    owner = secrets.token_hex(8)
    chosen = gpus[_take(redis, gpus, owner) - 1]
    environ[VISIBLE] = chosen
    log.info("using %s, one of %d GPUs", chosen, len(gpus))
    stop = threading.Event()
    renewing = threading.Thread(target=_renew, args=(redis, chosen, owner, stop), name="gpu", daemon=True)
    renewing.start()
    try:
        yield chosen
    finally:
        stop.set()
        renewing.join(timeout=BEAT_S)
        try:
            redis.zrem(_key(chosen), owner)
        except RedisError as error:
            log.debug("%s was not released and will expire: %s", chosen, error)


def visible(environ: Mapping[str, str]) -> list[str]:
    """NVIDIA GPUs, by names that CUDA_VISIBLE_DEVICES accepts; those that it lists, if it is set."""
    if VISIBLE in environ:
        named = [name.strip() for name in environ[VISIBLE].split(",")]
        return list(takewhile(lambda name: name and not name.startswith("-"), named))  # CUDA, too, stops reading there
    try:
        done = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_PATIENCE_S, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return re.findall(r"^GPU \d+: .*\(UUID: (GPU-[0-9a-f-]+)\)", done.stdout, re.MULTILINE)


def _take(redis: Redis, gpus: Sequence[str], owner: str) -> int:
    return int(redis.eval(_TAKE, len(gpus), *map(_key, gpus), owner, TTL_S))


def _renew(redis: Redis, gpu: str, owner: str, stop: threading.Event) -> None:
    while not stop.wait(BEAT_S):
        try:
            _take(redis, [gpu], owner)  # the only candidate, so this renews it
        except RedisError as error:
            log.debug("%s not renewed: %s", gpu, error)


def _key(gpu: str) -> str:
    """The key of a GPU, with the host name unless it is a UUID: an index such as `0` is only unique on one machine."""
    return keys.gpu(gpu if gpu.startswith(("GPU-", "MIG-")) else f"{socket.gethostname()}:{gpu}")
