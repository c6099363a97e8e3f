"""What the models on air support: a language or task that none supports is rejected before anything is decoded."""

from __future__ import annotations

from collections.abc import Collection, Set

from wire import workers
from wire.bus import Redis, RedisError
from wire.errors import BadRequest
from wire.languages import CODES
from wire.messages import Task
from wire.metrics import model_languages, model_names, model_tasks


def known_languages(redis: Redis) -> Set[str]:
    """Codes of the languages that the models on air support; all of Whisper's while no transcriber reports any."""
    return model_languages(_expositions(redis)) or CODES


def known_tasks(redis: Redis) -> Set[str]:
    """Tasks that the models on air support; none while no transcriber reports any."""
    return model_tasks(_expositions(redis))


def transcribers(redis: Redis) -> int | None:
    """Number of running transcribers; None if Redis does not answer."""
    try:
        return len(workers.identities(redis, "transcriber"))
    except RedisError:
        return None


def models(redis: Redis) -> list[str]:
    """Names of the models on air; none while no transcriber reports any."""
    return sorted(model_names(_expositions(redis)))


def check(redis: Redis, language: str | None, task: Task | None) -> None:
    """Reject what no model on air supports. None means not requested.

    While no transcriber reports its languages, any language is accepted: the model may have been trained for it.

    Raises:
        BadRequest: no model on air supports the language, or the task.
    """
    expositions = _expositions(redis) if language or task else ()
    languages = model_languages(expositions) if language else set()
    if languages and language not in languages:
        names = ", ".join(sorted(languages))
        raise BadRequest(
            f"no model on air supports {language!r}, only {names}; omit it, or set MODEL to one that does", "language"
        )
    tasks = model_tasks(expositions) if task else set()
    if tasks and task not in tasks:
        raise BadRequest(f"no model on air supports {task}; omit task, or set MODEL to one that does", "task")


def _expositions(redis: Redis) -> Collection[bytes]:
    """The metrics of the running workers; empty if Redis does not answer, which the next write will report."""
    try:
        return workers.alive(redis).values()
    except RedisError:
        return ()
