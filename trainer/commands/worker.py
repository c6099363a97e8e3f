"""`python -m trainer worker`: train the trials of a search that `tune` hands out, with as many others as there are."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from trainer.errors import PlanError

if TYPE_CHECKING:
    from wire.bus import Redis

HELP = "train trials of a search that `tune` hands out"
EXAMPLES = """\
Workers have no names and no settings: whatever is started on the same Redis shares the trials of all searches. It must
see the corpus, the checkpoint, folders of sounds and runs/ under the same paths as `tune` does: one that does not hands
its trial back and ends. Ctrl-C hands it back, too. Of several GPUs, each takes the one that the fewest others have.

While Redis is away, workers wait for it, and train on; one that keeps nothing on disk (it does with --appendonly yes)
has forgotten the study when it is back.

examples
  REDIS_URL=redis://10.0.0.5:6379/0 python -m trainer worker
  python -m trainer worker --burst
  docker compose --profile train up --scale trainer=4
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--burst", action="store_true", help="end when no trial is waiting")
    parser.add_argument(
        "--redis",
        metavar="URL",
        default=os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0",
        help="that hands out trials (default: $REDIS_URL, or one on this machine)",
    )


def run(options: argparse.Namespace) -> int:
    from trainer.tuning.worker import work
    from wire.bus import connect
    from wire.gpus import one_of_several

    redis = redis_at(options.redis, "start one, or name another with --redis")
    # Whose GPU is whose is told over another one, where there are several: `work` waits with its own for ever.
    with one_of_several(connect(options.redis), os.environ) as gpu:
        print(f"waiting for trials at {options.redis}" + (f", for {gpu}" if gpu else ""), flush=True)
        work(redis, options.burst)
    return 0


def redis_at(url: str, remedy: str) -> Redis:
    """A Redis that answers.

    Raises:
        PlanError: it does not; the text has the remedy.
    """
    from wire.bus import AWAY, connect

    try:
        redis = connect(url)
        redis.ping()
    except (*AWAY, ValueError) as error:
        raise PlanError(f"no Redis at {url} ({error}): {remedy}") from error
    return redis
