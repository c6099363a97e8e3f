"""Whispers with random weights, on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Whisper: bytes as vocabulary, 7 s of context, two languages."""
    from tests.whispers import tiny

    return tiny(tmp_path_factory.mktemp("tiny-whisper"))


@pytest.fixture
def copy(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint, which tests may modify."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "models" / "tiny"))


@pytest.fixture(scope="session")
def openai_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`openai_checkpoint(large=False)`: random weights with OpenAI's tokenizer, of tiny or of large-v3."""
    from tests.whispers import OPENAI, like_openai

    if OPENAI is None:
        pytest.skip("UNDERTEXT_SPEECH does not say where OpenAI's tokenizer is")
    return lambda *, large=False: like_openai(tmp_path_factory.mktemp("openai-whisper"), large=large, own=True)
