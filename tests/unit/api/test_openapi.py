"""The OpenAPI document is valid and describes every route."""

from __future__ import annotations

import re

from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import create_app
from api.openapi import document
from api.settings import Settings

#: Files of the page.
UNDESCRIBED = {"/<path:path>"}


def test_document_is_valid() -> None:
    OpenAPIV31SpecValidator(document()).validate()


def test_document_has_exactly_the_routes_and_their_methods() -> None:
    routes: dict[str, set[str]] = {}
    for rule in create_app(Settings()).url_map.iter_rules():
        if rule.rule not in UNDESCRIBED:
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            routes.setdefault(path, set()).update(
                m.lower() for m in (rule.methods or ()) if m not in ("HEAD", "OPTIONS")
            )
    described = {
        path: set(item) & {"get", "post", "put", "patch", "delete"} for path, item in document()["paths"].items()
    }
    assert described == routes


def test_every_operation_describes_its_errors() -> None:
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            if method != "parameters" and path not in ("/metrics", "/healthz", "/about", "/openapi.json", "/"):
                failures = [status for status in operation["responses"] if status == "default" or status >= "400"]
                assert failures, f"{method} {path}"
