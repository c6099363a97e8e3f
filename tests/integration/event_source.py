"""A client of server-sent events that follows the standard."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.integration.api_server import Api


@dataclass(frozen=True)
class Event:
    """One block of a stream; `data` may be empty."""

    type: str
    data: dict[str, Any]
    id: str | None
    comment: bool = False


class Stream:
    """An open stream."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.last_id = ""  #: what EventSource would send as Last-Event-ID
        self.retry_ms = 0
        self._blocks = self._read()

    def _read(self) -> Generator[Event]:
        fields: dict[str, str] = {}
        for line in self.answer.iter_lines():
            if line:
                name, _, value = line.partition(":")
                assert name not in fields, "two lines of the same name in one event"
                fields[name] = value.removeprefix(" ")
                continue
            self.last_id = fields.get("id", self.last_id)
            self.retry_ms = int(fields.get("retry", self.retry_ms))
            data = json.loads(fields["data"]) if "data" in fields else {}
            yield Event(fields.get("event", ""), data, fields.get("id"), "" in fields)
            fields = {}

    def next(self, *types: str) -> Event:
        """The next event, of one of `types` if any are given."""
        return next(block for block in self._blocks if block.data and (not types or block.type in types))

    def until(self, last: Callable[[Event], bool]) -> list[Event]:
        """Events up to the one for which `last` is true."""
        found = [self.next()]
        while not last(found[-1]):
            found.append(self.next())
        return found

    def comment(self) -> None:
        """Wait for a comment."""
        next(block for block in self._blocks if block.comment)

    def rest(self) -> list[Event]:
        """Events up to the end of the stream."""
        return [block for block in self._blocks if block.data]

    def close(self) -> None:
        """Close the stream; the garbage collector might do so within another request, whose lock it needs."""
        self._blocks.close()


@contextmanager
def opened(api: Api, path: str, **headers: str) -> Iterator[Stream]:
    """The stream at a path."""
    with api.http.stream("GET", path, headers={"Accept": "text/event-stream", **headers}) as answer:
        assert answer.status_code == 200
        with closing(Stream(answer)) as stream:
            yield stream
