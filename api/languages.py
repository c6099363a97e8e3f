"""The languages that the models on air know: others are refused before anything is decoded."""

from __future__ import annotations

from collections.abc import Set

from wire import workers
from wire.bus import Redis, RedisError
from wire.errors import BadRequest
from wire.languages import CODES
from wire.metrics import model_languages


def known_languages(redis: Redis) -> Set[str]:
    """Codes of the languages that the models on air know; of all that Whisper knows while no transcriber says."""
    return _told(redis) or CODES


def on_air(code: str | None, redis: Redis) -> str | None:
    """A language that captions can be in; None, if it is to be detected.

    While no transcriber says what its model knows, any is taken: the model may have been trained for it.

    Raises:
        BadRequest: no model on air knows it.
    """
    if code is not None and (known := _told(redis)) and code not in known:
        names = ", ".join(sorted(known))
        raise BadRequest(
            f"no model on air knows {code!r}, only {names}; leave it out, or set MODEL to one that does", "language"
        )
    return code


def _told(redis: Redis) -> Set[str]:
    """What the transcribers tell of their models; nothing while there are none."""
    try:
        return model_languages(workers.alive(redis).values())
    except RedisError:
        return frozenset()
