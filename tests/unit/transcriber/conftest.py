"""Whispers with random weights, on disk."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Whisper: bytes as vocabulary, 7 s of context, two languages."""
    from tests.whispers import tiny

    return tiny(tmp_path_factory.mktemp("tiny-whisper"))
