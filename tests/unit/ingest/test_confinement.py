"""What ffmpeg and ffprobe are limited to."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from ingest.media.confinement import MAX_MEMORY_BYTES, confined


@pytest.mark.skipif(not shutil.which("prlimit"), reason="util-linux is not installed")
def test_memory_is_limited() -> None:
    program = f"bytearray({MAX_MEMORY_BYTES})"
    done = subprocess.run(confined([sys.executable, "-c", program]), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "MemoryError" in done.stderr
