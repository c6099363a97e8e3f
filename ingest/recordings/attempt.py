"""A decoder's attempt at a job: retries while Redis is unavailable, and ends early if the job ended or must give way.

It also ends if Redis was restarted: after a crash, Redis may have lost the last second of writes. Chunks in it would
never be queued again, and the captions would wait for them forever.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from wire.bus import UNAVAILABLE, Redis, RedisError
from wire.errors import UndertextError
from wire.jobs import waiting_decodes
from wire.messages import Job, State
from wire.sources import Jobs

log = logging.getLogger(__name__)
T = TypeVar("T")

#: Polling interval of a waiting decoder, in seconds.
POLL_EVERY_S = 0.25

#: How often a decoder checks whether its job was cancelled, in seconds.
CHECK_EVERY_S = 1.0

#: An upload that has had a decoder for this long gives way to a waiting one, in seconds …
TURN_S = 20.0

#: … but not before this many times the time that it took to decode again what was already captioned.
TURN_FACTOR = 5.0

#: A source of unknown length that arrives at most this many times faster than real time is treated as live: it cannot
#: be decoded again, and each attempt gets one turn.
LIVE_SPEED = 2.0


class JobEnded(UndertextError):
    """The job has already ended: it was cancelled, or has failed elsewhere.

    Attributes:
        state: the state in which it ended.
    """

    def __init__(self, state: State) -> None:
        super().__init__(f"the job is {state}")
        self.state = state


class Interrupted(UndertextError):
    """Another attempt must continue: the process is stopping, another upload's turn has come, or Redis lost data."""


class Attempt:
    """Checks, during an attempt at a job, whether it should end early.

    Args:
        stopping: set when this process should stop.
    """

    def __init__(self, job_id: str, redis: Redis, jobs: Jobs, stopping: threading.Event) -> None:
        self._id = job_id
        self._redis = redis
        self._jobs = jobs
        self._stopping = stopping
        self._checked_s = 0.0
        self._began_s = time.monotonic()
        self._skipped_s: float | None = None  # time until the first piece that was not captioned yet
        self._live = False
        self._redis_run = ""

    def skipping(self, audio_s: float, *, endless: bool) -> None:
        """Report that the attempt has decoded `audio_s` seconds that an earlier one captioned.

        Args:
            endless: the recording has no known length.
        """
        self._live = endless and audio_s < LIVE_SPEED * (time.monotonic() - self._began_s)

    def caught_up(self) -> None:
        """Report that the attempt has reached audio that is not captioned yet."""
        if self._skipped_s is None:
            self._skipped_s = time.monotonic() - self._began_s

    def with_retries(self, ask: Callable[[], T]) -> T:
        """Call `ask` until Redis is available, and return its result.

        Raises:
            Interrupted: this process should stop.
        """
        while True:
            try:
                return ask()
            except UNAVAILABLE as error:
                log.debug("job %s: waiting for Redis: %s", self._id, error)
                if self._stopping.wait(1.0):
                    raise Interrupted from error

    def pause(self) -> None:
        """Wait a moment, then `check`."""
        self._stopping.wait(POLL_EVERY_S)
        self.check()

    def check(self) -> None:
        """Check that the attempt should continue.

        Raises:
            Interrupted: another attempt will continue the job.
            JobEnded: the job has ended.
        """
        if self._stopping.is_set():
            raise Interrupted
        if time.monotonic() - self._checked_s >= CHECK_EVERY_S:
            self._checked_s = time.monotonic()
            check_not_ended(self.with_retries(lambda: self._jobs.get(self._id)))
            self.check_redis_run()
            self._give_way()

    def check_redis_run(self) -> None:
        """Check that Redis was not restarted since the first call; a Redis without a run id passes.

        Raises:
            Interrupted: it was restarted, and may have lost data.
        """
        try:
            run = self.with_retries(lambda: self._redis.info("server")).get("run_id")
        except RedisError as error:  # hosted Redis services may forbid INFO, or omit the run id
            log.debug("job %s: the run id of Redis is unknown: %s", self._id, error)
            return
        if run and self._redis_run not in ("", run):
            log.warning("job %s: Redis was restarted and may have lost chunks; decoding them again", self._id)
            raise Interrupted
        self._redis_run = run or self._redis_run

    def _give_way(self) -> None:
        """Leave the decoder to the next upload after a while, so that an hour-long one does not delay a short one."""
        lasted_s = time.monotonic() - self._began_s
        if lasted_s < TURN_S:
            return
        # A live stream takes as long as all its earlier turns to return to its position: its turns would keep growing.
        if not self._live and (self._skipped_s is None or lasted_s < TURN_FACTOR * self._skipped_s):
            return
        if self.with_retries(lambda: waiting_decodes(self._redis)):
            log.info("job %s: giving way to another upload", self._id)
            raise Interrupted


def check_not_ended(job: Job) -> None:
    """Check that a job is still to be decoded.

    Raises:
        JobEnded: the job has ended.
    """
    if job.state.ended:
        raise JobEnded(job.state)
