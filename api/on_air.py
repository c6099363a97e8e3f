"""What the models on air can do: languages and tasks that none of them can are refused before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Set

from wire import workers
from wire.bus import Redis, RedisError
from wire.errors import BadRequest
from wire.languages import CODES
from wire.messages import Task
from wire.metrics import model_languages, model_names, model_tasks


def known_languages(redis: Redis) -> Set[str]:
    """Codes of the languages that the models on air know; of all that Whisper knows while no transcriber says."""
    return model_languages(_expositions(redis)) or CODES


def models(redis: Redis) -> list[str]:
    """Names of the models on air; none while no transcriber says."""
    return sorted(model_names(_expositions(redis)))


def known_language(code: str | None, redis: Redis) -> str | None:
    """A language that captions can be in; None, if it is to be detected.

    While no transcriber says what its model knows, any is taken: the model may have been trained for it.

    Raises:
        BadRequest: no model on air knows it.
    """
    known = model_languages(_expositions(redis)) if code else set()
    if known and code not in known:
        names = ", ".join(sorted(known))
        raise BadRequest(
            f"no model on air knows {code!r}, only {names}; leave it out, or set MODEL to one that does", "language"
        )
    return code


def known_task(task: Task | None, redis: Redis) -> Task | None:
    """A task that captions can be made for; None, as the transcribers' TASK says.

    Raises:
        BadRequest: no model on air can do it.
    """
    known = model_tasks(_expositions(redis)) if task else set()
    if known and task not in known:
        raise BadRequest(f"no model on air can {task}; leave task out, or set MODEL to one that can", "task")
    return task


def _expositions(redis: Redis) -> Iterable[bytes]:
    """The metrics of the workers that live; of none, if Redis does not answer: whoever writes to it says so."""
    try:
        return workers.alive(redis).values()
    except RedisError:
        return ()
