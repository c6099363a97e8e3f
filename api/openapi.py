"""`/openapi.json`: the description of this API, from `openapi.yaml` beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from flask import Blueprint

blueprint = Blueprint("openapi", __name__)


@blueprint.get("/openapi.json")
def show() -> dict[str, Any]:
    """The document."""
    return document()


@cache
def document() -> dict[str, Any]:
    """The document, parsed."""
    specification: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return specification
