"""`/healthz`: this process answers. `/readyz`: captions can be made."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from api.context import context
from api.problems import Problem
from wire import workers

blueprint = Blueprint("health", __name__)

# One whose MODEL is wrong ends before it has a heartbeat, and is started again and again: only its log knows.
_NONE = (
    "No transcriber is running: nothing would be captioned. It may be loading its model; if it cannot start, as where "
    "MODEL is wrong, its log says why (docker compose logs transcriber)."
)


@blueprint.get("/healthz")
def healthz() -> dict[str, Any]:
    """Always well, as long as it answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz() -> dict[str, Any]:
    """Redis answers and at least one transcriber lives.

    Raises:
        Problem: 503, saying which is missing, and where to look.
    """
    alive = sorted(workers.alive(context().redis))
    if not any(name.startswith("transcriber-") for name in alive):
        raise Problem(503, _NONE, {"Retry-After": "2"})
    return {"status": "ready", "workers": alive}
