"""Start a transcriber: read settings, load the model, start the heartbeat, run the loop until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry

from transcriber.on_air import NoRoom, OnAir, Replaceable
from transcriber.settings import Settings
from transcriber.whisper.edition import snapshot
from transcriber.whisper.second_try import SecondTry
from transcriber.worker import Transcriber
from wire.bus import UNAVAILABLE, connect
from wire.errors import ModelError, UndertextError, Unsupported
from wire.gpus import reserve_gpu
from wire.metrics import TranscriberMetrics, exposition
from wire.queue import ChunkQueue
from wire.settings import describe, load
from wire.stopping import stop_on_signals
from wire.workers import Worker

log = logging.getLogger(__name__)

#: Time-out of Redis commands, in seconds: longer than our longest blocking read, and short enough to notice a frozen
#: connection before live audio is too old.
REDIS_TIMEOUT_S = 5.0

_DESCRIPTION = """\
Turns chunks of audio that ingest has queued in Redis into captions. Start any number of
transcribers, on any number of machines: they share the work without knowing of each other.
If one is killed, nothing is lost; another takes over its chunks.

environment variables and their defaults:
"""

_EPILOG = """\
examples:
  python -m transcriber
  MODEL=KBLab/kb-whisper-small BATCH_SIZE=16 DEVICE=cuda python -m transcriber

On SIGTERM or Ctrl-C it commits the current batch and stops. Exit codes: 0 stopped on request,
1 failed while running, 2 a setting or the model is invalid (the last line names it).
"""


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run a transcriber and return the exit code."""
    _parser().parse_args(argv)
    try:
        settings = load(Settings, environ)
        logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
        logging.getLogger("huggingface_hub").propagate = False  # it installs its own handler
        if settings.device not in ("auto", "cuda"):
            return run(settings)
        with reserve_gpu(connect(settings.redis_url), os.environ):  # CUDA reads this environment
            return run(settings)
    except UNAVAILABLE as error:
        # Do not log the URL: it may contain a password.
        print(f"transcriber: no Redis answers at REDIS_URL: {error}", file=sys.stderr)
        return 1
    except UndertextError as error:
        print(f"transcriber: {error}", file=sys.stderr)
        return 2


def run(settings: Settings) -> int:
    """Load the model, transcribe until stopped, and return the exit code.

    Raises:
        ModelError: the model cannot be loaded.
        UNAVAILABLE: Redis was unreachable for too long.
    """
    registry = CollectorRegistry()
    metrics = TranscriberMetrics(registry)
    loaded = snapshot(settings.model)
    engine = make_engine(settings, metrics)
    on_air = OnAir(
        engine,
        metrics,
        loaded=loaded,
        snapshot=lambda: snapshot(settings.model),
        load=lambda: make_engine(settings, metrics),
        release=release_memory,
    )
    del engine  # or this reference would keep the first model in memory after it is replaced
    return serve(settings, on_air, metrics, registry)


def serve(settings: Settings, on_air: OnAir, metrics: TranscriberMetrics, registry: CollectorRegistry) -> int:
    """Transcribe with the loaded model and its replacements until stopped, and return the exit code.

    The heartbeat starts after the model is loaded and warm, so that only ready transcribers are counted.

    Raises:
        UNAVAILABLE: Redis was unreachable for too long.
    """
    redis = connect(settings.redis_url, timeout_s=REDIS_TIMEOUT_S)
    try:
        with Worker(redis, "transcriber", lambda: exposition(registry)) as worker, on_air:
            transcriber = Transcriber(
                redis,
                worker.name,
                on_air,
                metrics,
                settings,
                queue=ChunkQueue(redis, claim_after_s=settings.claim_after_s, max_deliveries=settings.max_deliveries),
                clock=worker.clock,
            )
            stop_on_signals(transcriber.stop)
            log.info("%s is ready", worker.name)
            transcriber.run()
    except UndertextError as error:
        print(f"transcriber: {error}", file=sys.stderr)
        return 1
    return 0


def make_engine(settings: Settings, metrics: TranscriberMetrics) -> Replaceable:
    """Load the model and run it once.

    Raises:
        ModelError: it cannot be loaded, or does not support the default task (TASK).
        NoRoom: it does not fit into the device's memory.
    """
    # torch's thread pools read these at its first import.
    os.environ.setdefault("OMP_NUM_THREADS", str(settings.threads))
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import torch
    import transformers

    from transcriber.whisper.model import load as load_model
    from transcriber.whisper.transformers_engine import TransformersEngine

    torch.set_num_threads(settings.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        model = load_model(settings.model, device=settings.device, dtype=settings.dtype)
        engine = TransformersEngine(
            model,
            lambda stage, duration_s: metrics.stage_s.labels(stage).observe(duration_s),
            SecondTry(settings.retry_below, settings.beams),
        )
        engine.check(None, settings.task)
        engine.warm_up()
    except torch.OutOfMemoryError as error:
        raise NoRoom(f"{settings.model} does not fit into the memory of DEVICE={settings.device}") from error
    except Unsupported as error:
        raise ModelError(f"TASK={settings.task}: {error}; {settings.model} can only transcribe") from error
    return engine


def release_memory() -> None:
    """Free the memory of a model that is no longer used."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="python -m transcriber",
        description=_DESCRIPTION + describe(Settings),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
