"""Trials of a study in a real Redis, run by worker processes, two of which are killed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from optuna.trial import TrialState
from rq import SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from tests.places import ROOT
from tests.redis_server import running_redis
from tests.unit.trainer.metrics import steps_told
from tests.unit.trainer.tuning.searches import SPACE, FakeTraining
from trainer.__main__ import main
from trainer.errors import PlanError
from trainer.training.options import Options
from trainer.training.train import OnMeasure, Outcome
from trainer.tuning import trial, worker
from trainer.tuning.jobs import ATTEMPTS, Workers
from trainer.tuning.journal import redis_storage
from trainer.tuning.running import LocalRunner, add, run_search
from trainer.tuning.space import parse
from trainer.tuning.study import StudySpec, begin, trials_of
from wire.bus import Redis, connect
from wire.gpus import VISIBLE
from wire.jobs import TRIALS, queue

#: Each worker starts Python and torch, on a busy machine.
pytestmark = pytest.mark.timeout(600)

#: A worker with shorter heartbeats.
WORKER = """\
import sys
from trainer.tuning import worker
from wire.bus import connect
worker.BEAT_S, worker.TTL_S = 1, 3
worker.work(connect(sys.argv[1]))
"""


@contextlib.contextmanager
def _worker(url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, url], cwd=ROOT, stdout=out, stderr=out, env={**os.environ, "COLUMNS": "80"}
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _one_trial(folder: Path, corpus: Path, checkpoint: Path, measures: int) -> StudySpec:
    """Return a study of one trial that logs every step and writes a checkpoint after it."""
    fixed = {
        **{"corpus": str(corpus), "model": str(checkpoint), "measures": measures, "epochs": 15, "batch": 8},
        **{"log_every": 1, "checkpoint_every_s": 0, "workers": 0},
    }
    spec = StudySpec(folder / "tones", parse(["learning-rate=1e-3,2e-3"]), fixed, search="grid", trials=1)
    spec.folder.mkdir()  # as `tune` does
    return spec


def _steps_done(spec: StudySpec) -> int:
    """Return the number of logged steps of the first trial."""
    return steps_told(spec.folder / "trial-0000")


def test_a_killed_workers_trial_is_resumed_by_another(
    redis: Redis,
    redis_url: str,
    corpus: Path,
    checkpoint: Path,
    tmp_path: Path,
    wait_until: Callable[..., None],
) -> None:
    spec = _one_trial(tmp_path, corpus, checkpoint, measures=2)
    study, runner = begin(redis_storage(redis, "tones"), spec), Workers(redis)
    assert runner.status() == "waiting for workers: python -m trainer worker"

    assert add(study, spec)
    runner.ensure_running(study, 0)
    with _worker(redis_url, tmp_path / "first.log") as first:
        wait_until(lambda: _steps_done(spec) >= 5, 120, "the first worker trains")
        assert runner.status() == "1 worker"
        first.send_signal(signal.SIGKILL)
    trained = _steps_done(spec)
    with _worker(redis_url, tmp_path / "second.log") as second:
        wait_until(lambda: _steps_done(spec) >= trained + 20, 120, "the second worker goes on")
        # An orderly stop returns the trial at once, and is not a failed attempt.
        second.send_signal(signal.SIGTERM)
        assert second.wait(timeout=60) == 0
    handed_back = Job.fetch("tones-0", connection=redis, serializer=JSONSerializer)
    assert (handed_back.get_status(), handed_back.retries_left) == ("queued", ATTEMPTS - 2), "one worker was killed"
    with _worker(redis_url, tmp_path / "third.log"):
        wait_until(lambda: trials_of(study)[0].state == TrialState.COMPLETE, 120, "the third worker ends it")
    assert sorted(trials_of(study)[0].intermediate_values) == [1, 2]
    assert "tones, trial 0: learning-rate 0.00" in (tmp_path / "third.log").read_text()
    for name in ("second", "third"):
        first_percent = re.search(r"train:\s+(\d+)%", (tmp_path / f"{name}.log").read_text())
        assert first_percent, "it did not train"
        assert int(first_percent[1]) > 0, "it began anew"


def test_a_worker_waits_for_an_unreachable_redis_and_its_trial_continues(
    free_port: Callable[[], int], tmp_path: Path, corpus: Path, checkpoint: Path, wait_until: Callable[..., None]
) -> None:
    spec = _one_trial(tmp_path, corpus, checkpoint, measures=4)
    port, log = free_port(), tmp_path / "log"
    with contextlib.ExitStack() as stack:
        with running_redis(tmp_path, port, keeps=True) as url, connect(url) as redis:
            study = begin(redis_storage(redis, "tones"), spec)
            assert add(study, spec)
            Workers(redis).ensure_running(study, 0)
            process = stack.enter_context(_worker(url, log))
            wait_until(lambda: _steps_done(spec) >= 5, 120, "it trains")
        wait_until(lambda: "Redis is unreachable, waiting for it" in log.read_text(), 60, "it says so")
        with running_redis(tmp_path, port, keeps=True) as url, connect(url) as redis:
            study = begin(redis_storage(redis, "tones"), spec)
            wait_until(lambda: trials_of(study)[0].state == TrialState.COMPLETE, 120, "the trial goes on")
            wait_until(lambda: "trial 0: complete" in log.read_text(), 60)
            assert log.read_text().count("Redis is unreachable") == 1
            redis.flushall()
            wait_until(lambda: Workers(redis).status() == "1 worker", 60, "one that was forgotten tells of itself")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    assert "Traceback" not in log.read_text()
    assert "could not connect" not in log.read_text()


class AtOnce(Workers):
    """Runs the waiting trials while the search pauses."""

    def pause(self) -> None:
        kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        worker = SimpleWorker([self._queue], connection=self._redis, serializer=JSONSerializer)
        worker.work(burst=True, logging_level="CRITICAL")
        for number, handler in kept.items():
            signal.signal(number, handler)


def test_workers_and_a_local_search_give_the_same_result(
    redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeTraining()

    def training(options: Options, on_measure: OnMeasure | None) -> Outcome:
        if options.run.name == "trial-0002":
            raise PlanError("too few clips")
        return fake(options, on_measure)

    monkeypatch.setattr(trial, "train_run", training)
    found = []
    for name, runner in (("alone", LocalRunner()), ("shared", AtOnce(redis))):
        spec = StudySpec(tmp_path / name, parse(SPACE), {"corpus": "c", "model": "m", "measures": 4}, trials=6)
        study = begin(redis_storage(redis, name), spec)
        run_search(study, spec, runner)
        found.append([(each.params, each.state, each.value, each.user_attrs) for each in trials_of(study)])
    assert found[0] == found[1]
    assert [state for _, state, _, _ in found[0]].count(TrialState.FAIL) == 1
    assert "shared, trial 2: failed: too few clips" in capsys.readouterr().out
    assert queue(TRIALS, redis).count == 0


def test_a_trial_that_no_worker_survives_fails(redis: Redis, tmp_path: Path) -> None:
    spec = StudySpec(tmp_path / "tones", parse(SPACE), {"corpus": "c", "model": "m", "measures": 2}, trials=1)
    study, runner = begin(redis_storage(redis, "tones"), spec), Workers(redis)

    assert add(study, spec)
    runner.ensure_running(study, 0)
    job = Job.fetch("tones-0", connection=redis, serializer=JSONSerializer)
    assert (job.retries_left, job.timeout) == (9, -1)
    assert queue(TRIALS, redis).job_ids == ["tones-0"]
    runner.ensure_running(study, 0)
    assert queue(TRIALS, redis).job_ids == ["tones-0"], "one that waits is not handed out twice"
    job.set_status("failed")
    runner.ensure_running(study, 0)
    assert trials_of(study)[0].state == TrialState.FAIL
    assert "10 workers failed to finish it" in trials_of(study)[0].user_attrs["reason"]


def test_a_worker_without_the_folders_returns_its_trial_and_exits(
    redis: Redis, redis_url: str, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = tmp_path / "sounds"
    fixed = {"corpus": str(corpus), "model": "new:tiny-demo", "measures": 2, "augment": f"noise:0.5:0..20:{away}"}
    spec = StudySpec(tmp_path / "tones", parse(SPACE), fixed, trials=1)
    study, runner = begin(redis_storage(redis, "tones"), spec), Workers(redis)
    assert add(study, spec)
    runner.ensure_running(study, 0)
    spec.folder.mkdir()
    for folder in (away, spec.folder):
        if folder == spec.folder:
            away.mkdir()
            spec.folder.rmdir()
        assert main(["worker", "--redis", redis_url, "--burst"]) == 1
        assert f"trial tones-0 needs {folder}, which does not exist here, and was returned" in capsys.readouterr().err
        assert queue(TRIALS, redis).job_ids == ["tones-0"]
        assert Job.fetch("tones-0", connection=redis, serializer=JSONSerializer).retries_left == ATTEMPTS - 1
    assert not redis.exists(queue(TRIALS, redis).intermediate_queue_key), "it would be handed out once more"
    assert trials_of(study)[0].state == TrialState.RUNNING
    assert not spec.folder.exists(), "no trial made a folder of its own"


def test_a_worker_connects_once(redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connections() -> int:
        return int(redis.info("stats")["total_connections_received"])  # type: ignore[index]

    monkeypatch.setenv(VISIBLE, "")
    monkeypatch.setattr(worker, "work", lambda *_: None)
    before = connections()
    assert main(["worker", "--redis", redis_url]) == 0
    assert connections() == before + 1


def test_a_worker_without_redis_is_refused(free_port: Callable[[], int], capsys: pytest.CaptureFixture[str]) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    assert main(["worker", "--redis", url]) == 1
    assert f"no Redis at {url}" in capsys.readouterr().err
