"""Paths that tests need, independent of their own location."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Golden messages, also read by the tests of the page.
MESSAGES = ROOT / "tests" / "data" / "messages"
