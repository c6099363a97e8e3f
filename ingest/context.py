"""What the parts of one process share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from ingest.settings import Settings
from ingest.speech.detector import MakeDetector, SilenceDetector
from wire.bus import Redis
from wire.metrics import IngestMetrics


@dataclass(frozen=True)
class Context:
    """The resources of a process, its name among the workers, and their clock; `stopping` is set to stop it."""

    redis: Redis
    settings: Settings
    metrics: IngestMetrics
    client: httpx.Client
    make_detector: MakeDetector = SilenceDetector
    worker: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.time  # returns Unix time
