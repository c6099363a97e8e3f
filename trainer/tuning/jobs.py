"""Trials as RQ jobs: `tune` enqueues them, any number of workers run them, and another resumes those of a dead one."""

from __future__ import annotations

import time
from contextlib import suppress

import optuna
from rq import Retry, Worker, get_current_job
from rq.exceptions import NoSuchJobError
from rq.job import Job
from transformers.utils import logging

from trainer.tuning import trial
from trainer.tuning.folders import folders_of
from trainer.tuning.journal import StudyGone, redis_storage
from trainer.tuning.results import outcome_of, parameters_of
from trainer.tuning.study import load, options_of, trials_of
from trainer.tuning.worker import FOLDERS
from wire.bus import Redis
from wire.jobs import PERFORM, TRIALS, queue

#: How often a trial is retried after its worker was killed: one that exhausts memory would kill all workers.
ATTEMPTS = 10
#: Seconds between two checks of the trials.
POLL_S = 0.5
#: How long RQ keeps a job that ended, in seconds; the study keeps the trial.
_KEPT_S = 3600


class Workers:
    """Runs trials on all `trainer worker` processes of a Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis, self._queue = redis, queue(TRIALS, redis)

    def capacity(self) -> int:
        """Return the number of workers, at least one."""
        return max(1, self._alive())

    def ensure_running(self, study: optuna.Study, number: int) -> None:
        id = f"{study.study_name}-{number}"
        try:
            job = Job.fetch(id, connection=self._redis, serializer=self._queue.serializer)
        except NoSuchJobError:
            self._queue.enqueue(
                PERFORM,
                study.study_name,
                number,
                job_id=id,
                meta={FOLDERS: self._folders_of_trial(study, number)},
                job_timeout=-1,
                retry=Retry(max=ATTEMPTS - 1),
                result_ttl=_KEPT_S,
                failure_ttl=_KEPT_S,
            )
            return
        if job.is_failed:
            result = job.latest_result()
            last = ((result.exc_string if result else None) or "").strip().splitlines()
            trial.mark_failed(study, number, f"{ATTEMPTS} workers failed to finish it: {last[-1] if last else ''}")

    def _folders_of_trial(self, study: optuna.Study, number: int) -> list[str]:
        options = options_of(study, trials_of(study)[number])
        return [str(folder) for folder in (options.run.parent, *folders_of(options))]

    def pause(self) -> None:
        time.sleep(POLL_S)

    def status(self) -> str:
        count = self._alive()
        return f"{count} worker{'s' * (count > 1)}" if count else "waiting for workers: python -m trainer worker"

    def _alive(self) -> int:
        return len(Worker.all(queue=self._queue, serializer=self._queue.serializer))


def perform(name: str, number: int) -> None:
    """Run a trial in a worker. RQ calls this by its name, so it must not be renamed."""
    logging.disable_progress_bar()  # of writing weights; training has its own
    job = get_current_job()
    assert job is not None
    while True:
        try:
            study = load(redis_storage(job.connection, name), name)
        except KeyError:  # another worker would not find it either
            print(f"{name}, trial {number}: {StudyGone(name)}", flush=True)
            return
        with suppress(StudyGone):  # a killed Redis may have lost the last second: load the study again
            print(f"{name}, trial {number}: {parameters_of(study, number)}", flush=True)
            trial.run_trial(study, number)
            print(f"{name}, trial {number}: {outcome_of(study, number)}", flush=True)
            return
