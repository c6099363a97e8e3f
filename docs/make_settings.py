"""Writes docs/settings.md, the table of every environment variable, from the settings classes themselves.

    python docs/make_settings.py

tests/unit/test_docs.py fails when the file is out of date.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

#: Heading, module, class: in the order of the document.
SOURCES = (
    ("`make up`", "demo.settings", "Settings"),
    ("ingest", "ingest.settings", "Settings"),
    ("transcriber", "transcriber.settings", "Settings"),
    ("api", "api.settings", "Settings"),
)

HEAD = """\
# Settings

Every setting is an environment variable; `make up` also takes them as arguments: `make up PORT=9000`. An invalid value
stops the service that reads it, with a message that names the variable. With Docker, set them in the environment of
`docker compose` or in `.env`.

`make docs` generates this file from the settings classes.
"""


def document() -> str:
    """The whole file."""
    parts = [HEAD]
    for heading, module, name in SOURCES:
        cls = getattr(importlib.import_module(module), name)
        parts.append(f"\n## {heading}\n\n| variable | default | meaning |\n|---|---|---|\n")
        comments = _comments(inspect.getsource(cls))
        for field in dataclasses.fields(cls):
            if "variable" in field.metadata:
                meaning = comments.get(field.name, "")
                row = (f"`{field.metadata['variable']}`", _default(field.default), meaning + _bounds(field.metadata))
                parts.append("| " + " | ".join(row) + " |\n")
    return "".join(parts)


def _comments(source: str) -> dict[str, str]:
    """The `#:` comment above each field."""
    found: dict[str, str] = {}
    comment: list[str] = []
    for line in map(str.strip, source.splitlines()):
        if line.startswith("#:"):
            comment.append(line[2:].strip())
        elif match := re.match(r"(\w+): [^=]+= setting\(", line):
            found[match[1]] = " ".join(comment)
            comment = []
        elif line:
            comment = []
    return found


def _default(value: Any) -> str:
    text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value).replace(f"{ROOT}/", "")
    if isinstance(value, float):
        text = f"{value:g}"
    return f"`{text}`" if text else "none"


def _bounds(rules: Any) -> str:
    low, high, choices = rules["minimum"], rules["maximum"], rules["choices"]
    if choices:
        return " One of " + ", ".join(f"`{choice}`" for choice in choices) + "."
    if low is not None and high is not None:
        return f" From {low:g} to {high:g}."
    if low is not None:
        return f" At least {low:g}."
    return f" At most {high:g}." if high is not None else ""


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    (ROOT / "docs" / "settings.md").write_text(document(), encoding="utf-8")
