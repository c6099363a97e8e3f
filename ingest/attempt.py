"""A decoder's attempt at a job: waits for Redis, ends early if nobody wants it or another upload's turn has come.

It ends, too, where Redis was begun anew: one whose machine went down has lost up to a second of what it was told, with
chunks in it that nobody would queue again, and the captions would wait for them for ever.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from wire.bus import AWAY, Redis, RedisError
from wire.errors import UndertextError
from wire.jobs import waiting_decodes
from wire.messages import Job, State
from wire.sources import Jobs

log = logging.getLogger(__name__)
T = TypeVar("T")

#: How often a waiting decoder looks again, in seconds.
LOOK_EVERY_S = 0.25

#: How often it asks whether its job was cancelled, in seconds.
ASK_EVERY_S = 1.0

#: An upload that has had a decoder for so long gives way to one that waits, in seconds …
TURN_S = 20.0

#: … but has it at least this many times as long as it took to decode again what it had done before.
TURN_FACTOR = 5.0

#: What may be endless, and comes no more than so many times as fast as it is heard, is taken for live: it cannot be
#: decoded again, and each attempt has one turn.
LIVE_SPEED = 2.0


class Settled(UndertextError):
    """Nobody wants more captions: the job was cancelled, or has failed elsewhere.

    Attributes:
        state: which of the two.
    """

    def __init__(self, state: State) -> None:
        super().__init__(f"the job is {state}")
        self.state = state


class Interrupted(UndertextError):
    """This process is to stop, another's turn has come, or Redis has lost something; another attempt will go on."""


class Attempt:
    """What may end an attempt at a job, asked again and again while it goes on.

    Args:
        stopping: set when this process is to stop.
    """

    def __init__(self, job_id: str, redis: Redis, jobs: Jobs, stopping: threading.Event) -> None:
        self._id = job_id
        self._redis = redis
        self._jobs = jobs
        self._stopping = stopping
        self._asked_s = 0.0
        self._began_s = time.monotonic()
        self._skipped_s: float | None = None  # it took so long to come to the first piece that was new
        self._live = False
        self._redis_run = ""

    def skipping(self, audio_s: float, *, endless: bool) -> None:
        """It has come to `audio_s` of what an attempt before had captioned, of a recording that may be `endless`."""
        self._live = endless and audio_s < LIVE_SPEED * (time.monotonic() - self._began_s)

    def caught_up(self) -> None:
        """It has come to what no attempt before had captioned."""
        if self._skipped_s is None:
            self._skipped_s = time.monotonic() - self._began_s

    def patiently(self, ask: Callable[[], T]) -> T:
        """Ask Redis until it answers.

        Raises:
            Interrupted: this process is to stop.
        """
        while True:
            try:
                return ask()
            except AWAY as error:
                log.debug("job %s waits for Redis: %s", self._id, error)
                if self._stopping.wait(1.0):
                    raise Interrupted from error

    def pause(self) -> None:
        """Wait a moment, and `check`."""
        self._stopping.wait(LOOK_EVERY_S)
        self.check()

    def check(self) -> None:
        """See whether to go on.

        Raises:
            Interrupted: another attempt will.
            Settled: nobody has to.
        """
        if self._stopping.is_set():
            raise Interrupted
        if time.monotonic() - self._asked_s >= ASK_EVERY_S:
            self._asked_s = time.monotonic()
            go_on(self.patiently(lambda: self._jobs.get(self._id)))
            self.see_that_nothing_is_lost()
            self._give_way()

    def see_that_nothing_is_lost(self) -> None:
        """See whether Redis is the one that it was when this was asked first; one that does not say is taken for it.

        Raises:
            Interrupted: it is not, and may lack what it had been told.
        """
        try:
            run = self.patiently(lambda: self._redis.info("server")).get("run_id")
        except RedisError as error:  # hosts of Redis may forbid the question, or leave the answer out
            log.debug("job %s: Redis does not say since when it runs: %s", self._id, error)
            return
        if run and self._redis_run not in ("", run):
            log.warning("job %s: Redis was begun anew, and may have lost chunks: they are decoded again", self._id)
            raise Interrupted
        self._redis_run = run or self._redis_run

    def _give_way(self) -> None:
        """Leave the decoder to the next upload after a fair while: an hour-long one must not hold up a short one."""
        lasted_s = time.monotonic() - self._began_s
        if lasted_s < TURN_S:
            return
        # To come back to where it was, a live stream needs as long as it ever had: its turns would become ever longer.
        if not self._live and (self._skipped_s is None or lasted_s < TURN_FACTOR * self._skipped_s):
            return
        if self.patiently(lambda: waiting_decodes(self._redis)):
            log.info("job %s: gives way to another", self._id)
            raise Interrupted


def go_on(job: Job) -> None:
    """See whether a job is still to be decoded.

    Raises:
        Settled: it is not.
    """
    if job.state.ended:
        raise Settled(job.state)
