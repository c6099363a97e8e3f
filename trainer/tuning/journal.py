"""Storage of a study: Optuna's journal of its events, in Redis or in the study's folder.

Optuna's own journal for Redis uses one key per entry, so that a study cannot expire as a whole; its reader waits
forever for a lost entry; and an entry that is sent again over a new connection is stored twice, which adds a trial.
This journal is a single list that expires as a whole and stores each entry once.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileBackend

from trainer.errors import TrainerError
from wire import keys
from wire.bus import Redis

#: A study in Redis expires after this time without changes, in seconds (90 days).
STUDY_TTL_S = 90 * 24 * 3600
#: How long the token of a write is kept, in seconds; no client retries a write after that.
_WRITTEN_TTL_S = 600

# Append the entries unless the token shows that they were appended. Returns 0 if entries that we have read are gone.
_APPEND = """
if redis.call('LLEN', KEYS[1]) < tonumber(ARGV[3]) then
    return 0
end
if redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[1]) then
    for place = 4, #ARGV do
        redis.call('RPUSH', KEYS[1], ARGV[place])
    end
    redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return 1
"""


class StudyGone(TrainerError):
    """Redis has lost a study: it was restarted without persistence."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Redis has lost study {name}, but the folders of its trials still exist: choose another --study, and run "
            "Redis with --appendonly yes, so that it keeps studies on disk"
        )


class RedisJournal(BaseJournalBackend):
    """The journal of one study as a list in Redis."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis, self._name, self._key = redis, name, keys.study(name)
        self._read = 0  # number of entries read so far
        self._append = redis.register_script(_APPEND)

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Return the entries from a number on.

        Raises:
            StudyGone: entries that were read before are gone.
        """
        with self._redis.pipeline() as pipeline:
            pipeline.llen(self._key)
            pipeline.lrange(self._key, log_number_from, -1)
            count, entries = pipeline.execute()
        if count < self._read:
            raise StudyGone(self._name)
        self._read = count
        return [json.loads(entry) for entry in entries]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append entries atomically.

        Raises:
            StudyGone: entries that were read before are gone.
        """
        written = f"{self._key}:{secrets.token_hex(8)}"
        entries = [json.dumps(log, separators=(",", ":")) for log in logs]
        if not self._append(keys=[self._key, written], args=[_WRITTEN_TTL_S, STUDY_TTL_S, self._read, *entries]):
            raise StudyGone(self._name)


def redis_storage(redis: Redis, name: str) -> JournalStorage:
    """Return the storage of a study shared with workers."""
    return JournalStorage(RedisJournal(redis, name))


def local_storage(folder: Path) -> JournalStorage:
    """Return the storage of a study whose trials run in this process; it is in the study's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(folder / "study.journal")))
