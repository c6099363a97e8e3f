"""What the models on air support: a language or task that none supports is rejected before anything is decoded."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from wire import workers
from wire.bus import Redis, RedisError
from wire.errors import BadRequest
from wire.languages import CODES
from wire.messages import Task
from wire.metrics import model_languages, model_names, model_tasks


def abilities(redis: Redis) -> dict[str, Any]:
    """What the running transcribers support, as JSON.

    Returns:
        `transcribers`, their number, or None if Redis does not answer; the codes of `languages`, all of Whisper's while
        no transcriber reports any; and `tasks`, none while no transcriber reports any.
    """
    alive = _alive(redis)
    expositions = (alive or {}).values()
    return {
        "transcribers": None if alive is None else workers.count(alive, "transcriber"),
        "languages": sorted(model_languages(expositions) or CODES),
        "tasks": sorted(model_tasks(expositions)),
    }


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
            f"no model on air supports {language!r}, only {names}; choose one of these, or set MODEL to one that does",
            "language",
        )
    tasks = model_tasks(expositions) if task else set()
    if tasks and task not in tasks:
        can = " and ".join(sorted(tasks))
        raise BadRequest(f"no model on air can {task}, only {can}; choose that, or set MODEL to one that can", "task")


def _expositions(redis: Redis) -> Collection[bytes]:
    """The metrics of the running workers; empty if Redis does not answer, which the next write will report."""
    return (_alive(redis) or {}).values()


def _alive(redis: Redis) -> dict[str, bytes] | None:
    """Name and metrics of the running workers; None if Redis does not answer."""
    try:
        return workers.alive(redis)
    except RedisError:
        return None
