"""A study in a real Redis: shared, without repeated entries, and with an expiry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from trainer.tuning.journal import STUDY_TTL_S, RedisJournal, StudyGone, local_storage, redis_storage
from wire import keys
from wire.bus import Redis


def _study(storage: optuna.storages.BaseStorage) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(storage=storage, study_name="digits", load_if_exists=True)


@pytest.mark.parametrize("where", ["redis", "folder"])
def test_clients_see_each_others_entries(where: str, redis: Redis, tmp_path: Path) -> None:
    ours, theirs = (
        _study(redis_storage(redis, "digits") if where == "redis" else local_storage(tmp_path / "digits"))
        for _ in range(2)
    )
    ours.enqueue_trial({"dropout": 0.1})
    number = ours.ask({"dropout": optuna.distributions.FloatDistribution(0.0, 0.3)}).number
    assert theirs.trials[number].params == {"dropout": 0.1}
    theirs.tell(number, 12.5)
    assert [trial.value for trial in ours.trials] == [12.5]


def test_a_repeated_entry_is_stored_once(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = RedisJournal(redis, "digits")
    script = journal._append

    def sent_twice(**words: Any) -> Any:
        script(**words)
        return script(**words)

    monkeypatch.setattr(journal, "_append", sent_twice)
    journal.append_logs([{"op_code": 4, "worker_id": "a"}, {"op_code": 4, "worker_id": "b"}])
    journal.append_logs([{"op_code": 5, "worker_id": "a"}])
    found = list(journal.read_logs(0))
    assert [(entry["op_code"], entry["worker_id"]) for entry in found] == [(4, "a"), (4, "b"), (5, "a")]
    assert list(journal.read_logs(2)) == found[2:]


def test_studies_are_separate_and_expire(redis: Redis) -> None:
    first, second = RedisJournal(redis, "first"), RedisJournal(redis, "second")
    first.append_logs([{"op_code": 0}])
    assert list(second.read_logs(0)) == []
    assert 0 < redis.ttl(keys.study("first")) <= STUDY_TTL_S
    assert all(redis.ttl(key) > 0 for key in redis.scan_iter("undertext:study:*"))


def test_a_study_that_redis_lost_is_not_extended(redis: Redis) -> None:
    journal = RedisJournal(redis, "digits")
    journal.append_logs([{"op_code": 0}, {"op_code": 4}])
    assert len(list(journal.read_logs(0))) == 2
    redis.flushall()
    with pytest.raises(StudyGone, match="Redis has lost study digits"):
        journal.append_logs([{"op_code": 5}])
    with pytest.raises(StudyGone, match="appendonly yes"):
        journal.read_logs(2)
    assert not redis.exists(keys.study("digits"))
