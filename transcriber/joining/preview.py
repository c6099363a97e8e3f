"""What viewers have read of a source's next chunk, which is not complete yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transcriber.outcome import pack, unpack
from wire.messages import Word


@dataclass(frozen=True, slots=True)
class Preview:
    """The provisional words after a partial chunk that ends at `end_s`, also those of the chunk before."""

    epoch: int
    end_s: float
    language: str | None  # of the captions
    model: str
    words: list[Word]

    def as_list(self) -> list[Any]:
        """JSON-ready values."""
        return [self.epoch, self.end_s, self.language, self.model, [pack(word) for word in self.words]]

    @classmethod
    def from_list(cls, values: list[Any]) -> Preview:
        """The inverse of `as_list`."""
        epoch, end_s, language, model, words = values
        return cls(epoch, end_s, language, model, [unpack(word) for word in words])
