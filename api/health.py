"""`/healthz`: this process responds. `/readyz`: captions can be made."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from api.context import context
from api.http.problems import Problem
from wire import workers

blueprint = Blueprint("health", __name__)

# If MODEL is wrong, a transcriber exits before its first heartbeat, again and again: only its log shows why.
_NONE = (
    "No transcriber is running, here or on another machine, so nothing would be captioned. It may be loading its "
    "model; if it cannot start, for example because MODEL is wrong, its log says why (docker compose logs transcriber)."
)


@blueprint.get("/healthz")
def healthz() -> dict[str, Any]:
    """Always OK, as long as this process responds."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz() -> dict[str, Any]:
    """Check that Redis answers and at least one transcriber is running.

    Raises:
        Problem: 503; its detail names what is missing, and where to look.
    """
    alive = sorted(workers.alive(context().redis))
    if not workers.count(alive, "transcriber"):
        raise Problem(503, _NONE, {"Retry-After": "2"})
    return {"status": "ready", "workers": alive}
