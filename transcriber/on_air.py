"""The model on air: the engine that a worker asks for before every batch, and how a new one takes its place.

A thread looks at the model's folder. When another edition lies there and has come to rest, it is loaded and run once
while the engine on air works on; the worker takes it up between two batches, so no chunk is in anybody's hands. One
that cannot be used is refused, once, and the engine on air stays.

A device may have no room for two. Then the worker itself, between two batches, moves the weights on air into the
computer's memory, loads the new ones, and moves the old ones back if those cannot be used.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from transcriber.edition import Glance
from transcriber.engine import Engine
from wire.errors import ModelError
from wire.metrics import TranscriberMetrics

log = logging.getLogger(__name__)

#: Time between two looks, in seconds; what has not changed from one to the next is at rest.
LOOK_EVERY_S = 2.0

#: How long a stop waits for a model that is just being loaded, in seconds.
_JOIN_S = 15.0


class NoRoom(ModelError):
    """The device has not the memory that a model needs."""


class Replaceable(Engine, Protocol):
    """An engine that says what it knows, and can make room for another."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that its model knows."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """What its model can do with speech."""

    def leave(self) -> None:
        """Leave the device's memory to another engine; nothing is transcribed until `come_back`."""

    def come_back(self) -> None:
        """Take the place on the device again."""


@dataclass(frozen=True)
class _Offer:
    """What the worker takes up next; without an engine: one that has no room beside the one on air."""

    glance: Glance
    engine: Replaceable | None


class OnAir:
    """Call it for the engine to use. A context manager, which watches while it is entered.

    Args:
        engine: the first, loaded and warm.
        loaded: a glance at its folder from before it was loaded; None if it has none.
        glance: looks at the folder now.
        load: makes an engine of what lies there, warm; raises ModelError, and whatever a broken file brings forth.
        release: called when an engine was let go, for what it leaves behind.
    """

    def __init__(
        self,
        engine: Replaceable,
        metrics: TranscriberMetrics,
        *,
        loaded: Glance | None = None,
        glance: Callable[[], Glance | None] = lambda: None,
        load: Callable[[], Replaceable] | None = None,
        release: Callable[[], None] = lambda: None,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._glance = glance
        self._load = load
        self._release = release
        self._look_every_s = look_every_s
        self._known = loaded  # the edition on air, or the newest that was refused
        self._last = loaded  # what the look before saw
        self._offer: _Offer | None = None  # given by the watching thread, taken by the worker
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="model", daemon=True)
        self._tell(None)

    def __enter__(self) -> OnAir:
        if self._load and self._known is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)

    def __call__(self) -> Engine:
        """The engine for the next batch. For the worker alone, when it has no batch in hand."""
        if self._offer is not None:
            engine = self._offer.engine or self._loaded_alone(self._offer.glance)
            self._offer = None
            if engine is not None:
                self._change(engine)
        return self._engine

    def look(self) -> None:
        """Look at the folder once, and load what is new and at rest there."""
        found = self._glance()
        at_rest, self._last = found == self._last, found
        if self._offer is None and found is not None and found != self._known and at_rest:
            self._known = found
            self._offer = self._prepared(found)
            if self._offer is None:
                self._release()

    def _watch(self) -> None:
        while not self._stop.wait(self._look_every_s):
            self.look()

    def _prepared(self, found: Glance) -> _Offer | None:
        """A new edition, loaded beside the engine on air; None if that stays."""
        log.info("a new model lies in %s: it is loaded while %s works on", self._engine.name, self._engine.title)
        try:
            engine: Replaceable | None = self._loaded()
        except NoRoom as error:
            log.warning("%s beside the one on air, which makes room for it: nothing is transcribed meanwhile", error)
            engine = None
        except Exception as error:  # noqa: BLE001  # whatever a broken checkpoint brings forth, the old one works on
            self._refuse(found, error)
            return None
        if self._glance() != found:  # perhaps half of one edition and half of another: the next look sees to it
            log.info("the model changed again while it was loaded")
            return None
        if engine is not None and engine.title == self._engine.title:
            log.info("%s is on air already", engine.title)
            return None
        return _Offer(found, engine)

    def _loaded_alone(self, found: Glance) -> Replaceable | None:
        """Load a new edition in the place of the engine on air; None if that is back in its place."""
        self._engine.leave()
        self._release()
        try:
            engine = self._loaded()
        except Exception as error:  # noqa: BLE001  # as above
            self._refuse(found, error)
        else:
            if self._glance() == found:
                return engine
            log.info("the model changed again while it was loaded")
            del engine
        self._release()
        self._engine.come_back()
        return None

    def _loaded(self) -> Replaceable:
        assert self._load is not None, "nothing is watched that cannot be loaded"
        return self._load()

    def _change(self, engine: Replaceable) -> None:
        old, self._engine = self._engine, engine
        log.info("on air: %s, instead of %s", engine.title, old.title)
        self._metrics.model_changes.labels("changed").inc()
        self._tell(old)
        del old
        self._release()

    def _refuse(self, found: Glance, error: Exception) -> None:
        if self._glance() != found:
            return  # it was being replaced: the next look sees to it
        self._metrics.model_changes.labels("refused").inc()
        reason = error if isinstance(error, ModelError) else repr(error)
        log.error("the new model is refused and %s stays on air: %s", self._engine.title, reason)

    def _tell(self, old: Replaceable | None) -> None:
        self._metrics.model_info.labels(*_labels(self._engine)).set(1)
        if old is not None and _labels(old) != _labels(self._engine):
            self._metrics.model_info.remove(*_labels(old))


def _labels(engine: Replaceable) -> tuple[str, ...]:
    return engine.title, engine.device, " ".join(engine.languages), " ".join(engine.tasks)
