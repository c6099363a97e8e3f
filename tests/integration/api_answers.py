"""Checks of the API's responses."""

from __future__ import annotations

from typing import Any

import httpx
import jsonschema

from api.openapi import document


def fits(values: Any, schema: str) -> None:
    """Check against a schema of the OpenAPI document."""
    jsonschema.validate(values, {"$ref": f"#/components/schemas/{schema}", "components": document()["components"]})


def problem(answer: httpx.Response, status: int) -> str:
    """The detail of a problem, checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    values = answer.json()
    fits(values, "Problem")
    assert values["status"] == status
    return str(values["detail"])
