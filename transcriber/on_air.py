"""The model on air: the engine that a worker requests before every batch, and its replacement by a new edition.

A thread polls the model's folder. When it holds another edition and has stopped changing, the edition is loaded and
run once while the engine on air keeps working; the worker switches to it between two batches, when it holds no chunks.
An edition that cannot be used is refused once, and the engine on air stays.

If the device has no room for two models, the worker itself, between two batches, moves the current weights to the
host's memory, loads the new ones, and moves the old ones back if the new ones cannot be used.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from transcriber.engine import Engine
from transcriber.whisper.edition import Snapshot
from wire.errors import ModelError
from wire.metrics import TranscriberMetrics

log = logging.getLogger(__name__)

#: Polling interval, in seconds; a folder that is the same in two successive polls has stopped changing.
POLL_INTERVAL_S = 2.0

#: How long to wait at exit for a model that is being loaded, in seconds.
_JOIN_S = 15.0


class NoRoom(ModelError):
    """The device does not have enough memory for a model."""


class Replaceable(Engine, Protocol):
    """An engine that lists its capabilities, and can be moved off its device to make room for another."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that its model supports."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that its model supports."""

    def offload(self) -> None:
        """Move the weights off the device; the engine cannot transcribe until they are back."""

    def restore(self) -> None:
        """Move the weights back to the device."""


@dataclass(frozen=True)
class _Offer:
    """A new edition for the worker to switch to; without an engine if there is no room beside the one on air."""

    snapshot: Snapshot
    engine: Replaceable | None


class OnAir:
    """Call it to get the current engine. As a context manager, it watches the model's folder.

    Args:
        engine: the first, loaded and warm.
        loaded: snapshot of its folder from before it was loaded; None if it has none.
        snapshot: takes a snapshot of the folder now.
        load: loads the model in the folder and warms it up; raises ModelError, or any error that a broken file causes.
        release: called after an engine is dropped, to free its memory.
    """

    def __init__(
        self,
        engine: Replaceable,
        metrics: TranscriberMetrics,
        *,
        loaded: Snapshot | None = None,
        snapshot: Callable[[], Snapshot | None] = lambda: None,
        load: Callable[[], Replaceable] | None = None,
        release: Callable[[], None] = lambda: None,
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._snapshot = snapshot
        self._load = load
        self._release = release
        self._poll_interval_s = poll_interval_s
        self._known = loaded  # the edition on air, or the newest that was refused
        self._last = loaded  # at the previous poll
        self._offer: _Offer | None = None  # set by the watching thread, taken by the worker
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="model", daemon=True)
        self._export_info(None)

    def __enter__(self) -> OnAir:
        if self._load and self._known is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)

    def __call__(self) -> Engine:
        """The engine for the next batch. Only the worker may call this, and only between two batches."""
        if self._offer is not None:
            engine = self._offer.engine or self._load_in_place(self._offer.snapshot)
            self._offer = None
            if engine is not None:
                self._change(engine)
        return self._engine

    def poll(self) -> None:
        """Poll the folder once, and load a new edition that has stopped changing."""
        current = self._snapshot()
        at_rest, self._last = current == self._last, current
        if self._offer is None and current is not None and current != self._known and at_rest:
            self._known = current
            self._offer = self._prepare(current)
            if self._offer is None:
                self._release()

    def _watch(self) -> None:
        while not self._stop.wait(self._poll_interval_s):
            self.poll()

    def _prepare(self, snapshot: Snapshot) -> _Offer | None:
        """Load a new edition beside the engine on air; None if that one stays."""
        log.info("loading a new model from %s; %s stays on air meanwhile", self._engine.name, self._engine.title)
        try:
            engine: Replaceable | None = self._load_engine()
        except NoRoom as error:
            log.warning("%s beside the model on air, which is unloaded first: transcription pauses", error)
            engine = None
        except Exception as error:  # noqa: BLE001  # a broken checkpoint may raise anything, and the old one must stay on air
            self._refuse(snapshot, error)
            return None
        if self._snapshot() != snapshot:  # perhaps a mix of two editions: leave it to the next poll
            log.info("the model changed again while it was loaded")
            return None
        if engine is not None and engine.title == self._engine.title:
            log.info("%s is on air already", engine.title)
            return None
        return _Offer(snapshot, engine)

    def _load_in_place(self, snapshot: Snapshot) -> Replaceable | None:
        """Load a new edition in place of the engine on air; None if that one was restored."""
        self._engine.offload()
        self._release()
        try:
            engine = self._load_engine()
        except Exception as error:  # noqa: BLE001  # as above
            self._refuse(snapshot, error)
        else:
            if self._snapshot() == snapshot:
                return engine
            log.info("the model changed again while it was loaded")
            del engine
        self._release()
        self._engine.restore()
        return None

    def _load_engine(self) -> Replaceable:
        assert self._load is not None, "the folder is watched only if there is a loader"
        return self._load()

    def _change(self, engine: Replaceable) -> None:
        old, self._engine = self._engine, engine
        log.info("on air: %s, instead of %s", engine.title, old.title)
        self._metrics.model_changes.labels("changed").inc()
        self._export_info(old)
        del old
        self._release()

    def _refuse(self, snapshot: Snapshot, error: Exception) -> None:
        if self._snapshot() != snapshot:
            return  # it was just being replaced: leave it to the next poll
        self._metrics.model_changes.labels("refused").inc()
        reason = error if isinstance(error, ModelError) else repr(error)
        log.error("refused the new model, %s stays on air: %s", self._engine.title, reason)

    def _export_info(self, old: Replaceable | None) -> None:
        self._metrics.model_info.labels(*_labels(self._engine)).set(1)
        if old is not None and _labels(old) != _labels(self._engine):
            self._metrics.model_info.remove(*_labels(old))


def _labels(engine: Replaceable) -> tuple[str, ...]:
    return engine.title, engine.device, " ".join(engine.languages), " ".join(engine.tasks)
