"""The items of a turn: which of their text was sent to the client of a session of OpenAI's Realtime API.

A client concatenates deltas, so that text sent in one stays; the transcript at the end is the final text.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from api.openai.realtime.client import Client
from api.openai.realtime.stable import StableWords
from api.openai.shapes import delta_text
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
        self._stable = StableWords()
        self._separate: set[int] = set()  # captions, not final yet, that are items of their own
        self._started: set[str] = set()  # items with at least one delta
        self._text = ""  # the final text of the turn's own item
        self._answered = False  # whether speech before the commit has become an item

    def take(self, caption: Caption, *, separate: bool) -> bool:
        """Send what a caption adds; return False if that is nothing.

        Args:
            separate: the caption is an item of its own; so is one that had a delta while this was True.
        """
        new_words = self._stable.take(caption)
        text = delta_text(caption, first=True) if caption.final else ""
        if separate:
            self._separate.update(word.caption for word in new_words)
            if text:
                self._separate.add(caption.id)
        item = self._item_of(caption.id)
        if self._detects and caption.final and (item != self._item or (text and not self._text)):
            self._client.committed(item)
        for to, words in groupby(new_words, lambda word: self._item_of(word.caption)):
            self._send(to, "".join(word.text for word in words))
        if item != self._item and caption.final:
            self._client.completed(item, text, caption.end_s - caption.start_s)
            self._separate.discard(caption.id)
            self._started.discard(item)
            self._answered = not separate
        elif caption.final:
            self._text += delta_text(caption, first=not self._text)
        return bool(new_words or text)

    def complete(self, duration_s: float) -> bool:
        """Send the whole text of the turn's own item; return False if turn detection found none."""
        if self._detects and not self._text:
            if self._item not in self._started:
                return self._answered
            self._client.committed(self._item)
        self._client.completed(self._item, self._text, duration_s)
        return True

    def fail(self, error: dict[str, Any]) -> None:
        """Report that the incomplete items have failed."""
        for item in (*(self._item_of(id) for id in sorted(self._separate)), self._item):
            self._client.transcript("failed", item, **error)

    def _item_of(self, caption: int) -> str:
        """The item of a caption."""
        return f"{self._item}_{caption}" if caption in self._separate else self._item

    def _send(self, item: str, text: str) -> None:
        self._client.transcript("delta", item, delta=text if item in self._started else text.lstrip())
        self._started.add(item)
