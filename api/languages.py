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
    try:
        return model_languages(workers.alive(redis).values()) & CODES or CODES
    except RedisError:
        return CODES


def on_air(code: str | None, redis: Redis) -> str | None:
    """A language that captions can be in; None, if it is to be detected.

    Raises:
        BadRequest: no model on air knows it.
    """
    if code is not None and code not in (known := known_languages(redis)):
        names = ", ".join(sorted(known))
        raise BadRequest(
            f"no model on air knows {code!r}, only {names}; leave it out, or set MODEL to one that does", "language"
        )
    return code
