"""The items of a turn: which of their text was sent to the client of a session of OpenAI's Realtime API.

A client concatenates deltas, so that text sent in one stays; the transcript at the end is the final text.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from api.openai_shapes import piece
from api.realtime_ahead import Ahead
from api.realtime_client import Client
from wire.messages import Caption


class Items:
    """A turn is one item, or each of its captions is.

    Args:
        item: the id of the turn's own item.
        detects: turn detection is on; otherwise commits are reported elsewhere.
    """

    def __init__(self, client: Client, item: str, *, detects: bool) -> None:
        self._client = client
        self._item = item
        self._detects = detects
        self._ahead = Ahead()
        self._alone: set[int] = set()  # captions, not final yet, that are items of their own
        self._begun: set[str] = set()  # items with at least one delta
        self._text = ""  # the final text of the turn's own item
        self._answered = False  # whether speech before the commit has become an item

    def take(self, caption: Caption, *, alone: bool) -> bool:
        """Send what a caption adds; return False if that is nothing.

        Args:
            alone: the caption is an item of its own; so is one that had a delta while this was True.
        """
        fresh = self._ahead.take(caption)
        text = piece(caption, first=True) if caption.final else ""
        if alone:
            self._alone.update(word.caption for word in fresh)
            if text:
                self._alone.add(caption.id)
        item = self._of(caption.id)
        if self._detects and caption.final and (item != self._item or (text and not self._text)):
            self._client.committed(item)
        for to, words in groupby(fresh, lambda word: self._of(word.caption)):
            self._send(to, "".join(word.text for word in words))
        if item != self._item and caption.final:
            self._client.completed(item, text, caption.end_s - caption.start_s)
            self._alone.discard(caption.id)
            self._begun.discard(item)
            self._answered = not alone
        elif caption.final:
            self._text += piece(caption, first=not self._text)
        return bool(fresh or text)

    def complete(self, duration_s: float) -> bool:
        """Send the whole text of the turn's own item; return False if turn detection found none."""
        if self._detects and not self._text:
            if self._item not in self._begun:
                return self._answered
            self._client.committed(self._item)
        self._client.completed(self._item, self._text, duration_s)
        return True

    def fail(self, error: dict[str, Any]) -> None:
        """Report that the incomplete items have failed."""
        for item in (*(self._of(id) for id in sorted(self._alone)), self._item):
            self._client.transcript("failed", item, **error)

    def _of(self, caption: int) -> str:
        """The item of a caption."""
        return f"{self._item}_{caption}" if caption in self._alone else self._item

    def _send(self, item: str, text: str) -> None:
        self._client.transcript("delta", item, delta=text if item in self._begun else text.lstrip())
        self._begun.add(item)
