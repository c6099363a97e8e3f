"""Which GPU a process takes where there are several: left to themselves, all processes of a machine take the first.

Processes in containers do not see each other, and replicas of one service are told the same. So each writes into Redis
which GPU it has, by the number that NVIDIA gave it (its UUID), and takes one that the fewest others have.
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

#: Which GPUs CUDA shows to a process; it is read when CUDA is first used.
VISIBLE = "CUDA_VISIBLE_DEVICES"
#: Who has not been heard of for so long, in seconds, has its GPU no longer.
TTL_S = 30
#: Time between two signs of life, in seconds.
BEAT_S = 5.0
#: NVIDIA's list waits for its driver, in seconds.
_PATIENCE_S = 30.0

# A GPU's key holds who has it, and until when. The first of those with the fewest is taken, or taken for longer.
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
def one_of_several(redis: Redis, environ: MutableMapping[str, str]) -> Iterator[str | None]:
    """Of several GPUs, shows this process one alone (in `CUDA_VISIBLE_DEVICES`), which the fewest others have.

    Others see that it is taken for as long as this is entered. With one GPU, or none, nothing is changed. To be entered
    before CUDA is first used.

    Raises:
        AWAY: Redis is away, and there are several.
    """
    there = visible(environ)
    if len(there) < 2:
        yield None
        return
    owner = secrets.token_hex(8)
    chosen = there[_take(redis, there, owner) - 1]
    environ[VISIBLE] = chosen
    log.info("of %d GPUs, this process takes %s", len(there), chosen)
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
            log.debug("%s left to expire: %s", chosen, error)


def visible(environ: Mapping[str, str]) -> list[str]:
    """NVIDIA GPUs by names that CUDA_VISIBLE_DEVICES takes; those that it names, if it is set."""
    if VISIBLE in environ:
        named = [name.strip() for name in environ[VISIBLE].split(",")]
        return list(takewhile(lambda name: name and not name.startswith("-"), named))  # CUDA reads no further, either
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
            _take(redis, [gpu], owner)  # of one GPU, that one
        except RedisError as error:
            log.debug("%s not renewed: %s", gpu, error)


def _key(gpu: str) -> str:
    """A number such as `0` says nothing on another machine, a UUID does."""
    return keys.gpu(gpu if gpu.startswith(("GPU-", "MIG-")) else f"{socket.gethostname()}:{gpu}")
