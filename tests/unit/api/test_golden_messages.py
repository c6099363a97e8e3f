"""Messages of the API have the fields of the golden messages, which the page's tests load as well."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.live.follow import Follower
from api.live.viewer import Item, Missed, Signal
from tests.places import MESSAGES
from wire.captions import Progress
from wire.messages import Caption, State, Status


class EmptyLog:
    """A log that has lost everything."""

    def read(self, source: str, after: int = 0, limit: int = 1) -> list[Caption]:
        return []

    def progress(self, source: str) -> Progress:
        return Progress(finished=False)


class Items:
    """A queue of the signals that a hub may send."""

    def __init__(self) -> None:
        self._items: list[Item] = [Signal.INTERRUPTED, Signal.RESUMED, Missed(3), Signal.CLOSED]

    def take(self, timeout_s: float) -> Item:
        return self._items.pop(0)


def said() -> dict[str, dict[str, Any]]:
    station, job = Status("stations/demo"), Status("jobs/3f2a9c", State.FAILED)
    messages = [*Follower(EmptyLog(), Items(), station.source, 9, status=lambda: station).messages()]
    messages += [*Follower(EmptyLog(), Items(), job.source, 0, status=lambda: job).messages()]
    return {values["type"]: values for m in messages if m for values in [json.loads(m.text)]}


@pytest.mark.parametrize("type", ["reset", "interrupted", "resumed", "missed", "end", "status"])
def test_fields_equal_those_of_the_golden_message(type: str) -> None:
    golden = json.loads((MESSAGES / f"{type}.json").read_text())
    assert said()[type].keys() == golden.keys()
