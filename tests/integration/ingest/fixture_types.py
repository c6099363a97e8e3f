"""Types of the fixtures in conftest.py, for the signatures of tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from wire.chunk import Chunk
from wire.messages import Job

Chunks = Callable[[str], list[Chunk]]
Decode = Callable[..., Job]
Make = Callable[..., Path]
Start = Callable[..., subprocess.Popen[bytes]]
Wait = Callable[..., None]
