"""Where a study is kept: Optuna's journal of all that happened to it, in Redis or in the study's folder.

Optuna has a journal for Redis, too. It keeps each entry in a key of its own, so the whole cannot expire, and its reader
waits for ever for an entry that is gone; and an entry that is sent again over a new connection stands there twice, and
is a trial more. This one is a list that expires as a whole, and writes each entry once.
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

#: A study in Redis that nobody has touched for so long is forgotten, in seconds (90 days).
STUDY_TTL_S = 90 * 24 * 3600
#: How long it is known that an entry was written, in seconds; nobody sends one again after that.
_WRITTEN_TTL_S = 600

# Append the entries, unless the token says that they have been. 0: entries that we have read are gone.
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
    """Redis has lost a study: it was started anew, and kept nothing on disk."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Redis has lost study {name}, whose trials' folders are still there: a Redis keeps studies on disk with "
            "--appendonly yes; choose another --study"
        )


class RedisJournal(BaseJournalBackend):
    """The journal of one study as a list in Redis."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis, self._name, self._key = redis, name, keys.study(name)
        self._read = 0  # entries that are known to be there
        self._append = redis.register_script(_APPEND)

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Entries from a number on.

        Raises:
            StudyGone: there are fewer than there were.
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
        """Add entries, all or none.

        Raises:
            StudyGone: there are fewer than there were.
        """
        written = f"{self._key}:{secrets.token_hex(8)}"
        entries = [json.dumps(log, separators=(",", ":")) for log in logs]
        if not self._append(keys=[self._key, written], args=[_WRITTEN_TTL_S, STUDY_TTL_S, self._read, *entries]):
            raise StudyGone(self._name)


def shared(redis: Redis, name: str) -> JournalStorage:
    """The storage of a study that workers share."""
    return JournalStorage(RedisJournal(redis, name))


def alone(folder: Path) -> JournalStorage:
    """The storage of a study whose trials run in this process, in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(folder / "study.journal")))
