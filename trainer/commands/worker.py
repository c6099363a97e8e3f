"""`python -m trainer worker`: train trials of the studies that `tune` runs, beside other workers."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from trainer.errors import PlanError

if TYPE_CHECKING:
    from wire.bus import Redis

HELP = "train trials of the studies that `tune` runs"
EXAMPLES = """\
Workers need no configuration: all workers on the same Redis share the trials of all studies. A worker must see the
corpus, the checkpoint, folders of sounds and runs/ under the same paths as `tune` does; otherwise it returns its trial
to the queue and exits. Ctrl-C also returns the trial. On a machine with several GPUs, each worker takes the least used.

While Redis is unreachable, workers keep training and wait for it. A Redis without persistence (--appendonly yes) loses
the study when it restarts.

examples
  REDIS_URL=redis://10.0.0.5:6379/0 python -m trainer worker
  python -m trainer worker --burst
  docker compose --profile train up --scale trainer=4 trainer
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--burst", action="store_true", help="exit when no trial is waiting")
    parser.add_argument(
        "--redis",
        metavar="URL",
        default=os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0",
        help="the Redis of `tune` (default: $REDIS_URL, else redis://127.0.0.1:6379/0)",
    )


def run(options: argparse.Namespace) -> int:
    from trainer.tuning.worker import work
    from wire.bus import connect
    from wire.gpus import reserve_gpu

    redis = redis_at(options.redis, "start one, or name another with --redis")
    # Workers agree on GPUs over a second connection: the one of `work` retries forever.
    with reserve_gpu(connect(options.redis), os.environ) as gpu:
        print(f"waiting for trials at {options.redis}" + (f", for {gpu}" if gpu else ""), flush=True)
        work(redis, options.burst)
    return 0


def redis_at(url: str, remedy: str) -> Redis:
    """Connect to a Redis and ping it.

    Raises:
        PlanError: it does not answer; the message ends with the remedy.
    """
    from wire.bus import UNAVAILABLE, connect

    try:
        redis = connect(url)
        redis.ping()
    except (*UNAVAILABLE, ValueError) as error:
        raise PlanError(f"no Redis at {url} ({error}): {remedy}") from error
    return redis
