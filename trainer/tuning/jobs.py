"""Trials as RQ jobs: the search hands them out, any number of workers take them, and what a dead one had goes on."""

from __future__ import annotations

import time
from contextlib import suppress

import optuna
from rq import Retry, Worker, get_current_job
from rq.exceptions import NoSuchJobError
from rq.job import Job
from transformers.utils import logging

from trainer.tuning import trial
from trainer.tuning.folders import needed
from trainer.tuning.journal import StudyGone, shared
from trainer.tuning.results import described, ending
from trainer.tuning.study import load, options_of, trials_of
from trainer.tuning.worker import FOLDERS
from wire.bus import Redis
from wire.jobs import TRIALS, queue

#: What a worker runs, called with the study's name and the trial's number.
PERFORM = "trainer.tuning.jobs.perform"
#: How often a trial is taken up whose workers are killed: out of memory, it would kill all of them.
ATTEMPTS = 10
#: How often the search looks what has become of its trials, in seconds.
POLL_S = 0.5
#: How long RQ remembers a job that ended, in seconds; the study remembers the trial.
_KEPT_S = 3600


class Workers:
    """Everyone who runs `trainer worker` on the same Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis, self._queue = redis, queue(TRIALS, redis)

    def width(self) -> int:
        """As many as there are workers; one, if there is none yet."""
        return max(1, self._alive())

    def see_to(self, study: optuna.Study, number: int) -> None:
        id = f"{study.study_name}-{number}"
        try:
            job = Job.fetch(id, connection=self._redis, serializer=self._queue.serializer)
        except NoSuchJobError:
            self._queue.enqueue(
                PERFORM,
                study.study_name,
                number,
                job_id=id,
                meta={FOLDERS: self._folders(study, number)},
                job_timeout=-1,
                retry=Retry(max=ATTEMPTS - 1),
                result_ttl=_KEPT_S,
                failure_ttl=_KEPT_S,
            )
            return
        if job.is_failed:
            result = job.latest_result()
            last = ((result.exc_string if result else None) or "").strip().splitlines()
            trial.fail(study, number, f"{ATTEMPTS} workers could not bring it to its end: {last[-1] if last else ''}")

    def _folders(self, study: optuna.Study, number: int) -> list[str]:
        options = options_of(study, trials_of(study)[number])
        return [str(folder) for folder in (options.run.parent, *needed(options))]

    def pause(self) -> None:
        time.sleep(POLL_S)

    def news(self) -> str:
        count = self._alive()
        return f"{count} worker{'s' * (count > 1)}" if count else "waiting for workers: python -m trainer worker"

    def _alive(self) -> int:
        return len(Worker.all(queue=self._queue, serializer=self._queue.serializer))


def perform(name: str, number: int) -> None:
    """RQ calls this in a worker."""
    logging.disable_progress_bar()  # of writing weights; that of training is enough
    job = get_current_job()
    assert job is not None
    while True:
        try:
            study = load(shared(job.connection, name), name)
        except KeyError:  # another worker would not find it, either
            print(f"{name}, trial {number}: {StudyGone(name)}", flush=True)
            return
        with suppress(StudyGone):  # a Redis that was killed has lost the last second of it
            print(f"{name}, trial {number}: {described(study, number)}", flush=True)
            trial.perform(study, number)
            print(f"{name}, trial {number}: {ending(study, number)}", flush=True)
            return
