"""What the models on air can do: languages and tasks that none of them can are refused before anything is decoded."""

from __future__ import annotations

from collections.abc import Collection, Set

from wire import workers
from wire.bus import Redis, RedisError
from wire.errors import BadRequest
from wire.languages import CODES
from wire.messages import Task
from wire.metrics import model_languages, model_names, model_tasks


def known_languages(redis: Redis) -> Set[str]:
    """Codes of the languages that the models on air know; of all that Whisper knows while no transcriber says."""
    return model_languages(_expositions(redis)) or CODES


def known_tasks(redis: Redis) -> Set[str]:
    """Tasks that the models on air can do; none while no transcriber says."""
    return model_tasks(_expositions(redis))


def models(redis: Redis) -> list[str]:
    """Names of the models on air; none while no transcriber says."""
    return sorted(model_names(_expositions(redis)))


def check(redis: Redis, language: str | None, task: Task | None) -> None:
    """Refuse what no model on air can do. What is None is not asked for.

    While no transcriber says what its model knows, any language is taken: the model may have been trained for it.

    Raises:
        BadRequest: no model on air knows the language, or can do the task.
    """
    expositions = _expositions(redis) if language or task else ()
    languages = model_languages(expositions) if language else set()
    if languages and language not in languages:
        names = ", ".join(sorted(languages))
        raise BadRequest(
            f"no model on air knows {language!r}, only {names}; leave it out, or set MODEL to one that does", "language"
        )
    tasks = model_tasks(expositions) if task else set()
    if tasks and task not in tasks:
        raise BadRequest(f"no model on air can {task}; ask for something else, or set MODEL to one that can", "task")


def _expositions(redis: Redis) -> Collection[bytes]:
    """The metrics of the workers that live; of none, if Redis does not answer: whoever writes to it says so."""
    try:
        return workers.alive(redis).values()
    except RedisError:
        return ()
