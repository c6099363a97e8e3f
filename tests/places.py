"""Where things are, wherever a test that needs them is."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Golden messages, which the page's own tests read as well.
MESSAGES = ROOT / "tests" / "data" / "messages"
