"""What became of one chunk: the words heard in it, or why there are none. The seam puts these in order."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

from wire.messages import Chunk, Content, Word


@dataclass(frozen=True, slots=True)
class Outcome:
    """A chunk without its audio, and what was heard in it. Times are on the source's clock."""

    epoch: int
    seq: int
    start_s: float  # of the new audio; the words of the lead before it are repeated from the chunk before
    end_s: float
    lead_s: float
    tail_s: float = 0.0  # at its end, to be heard in the next chunk, too
    words: tuple[Word, ...] = ()
    language: str | None = None
    content: Content = Content.SPEECH
    reason: str = ""
    last: bool = False
    captured_s: float = 0.0
    doubtful: bool = False  # the recogniser was not sure: what was said before is not believed again

    @classmethod
    def of(
        cls, chunk: Chunk, words: tuple[Word, ...] = (), language: str | None = None, *, doubtful: bool = False
    ) -> Outcome:
        """The outcome of a chunk in which `words` were heard."""
        return cls(
            epoch=chunk.epoch,
            seq=chunk.seq,
            start_s=chunk.start_s,
            end_s=chunk.end_s,
            lead_s=chunk.lead_s,
            tail_s=chunk.tail_s,
            words=words,
            language=language or chunk.language,
            content=chunk.content,
            reason=chunk.reason,
            last=chunk.last,
            captured_s=chunk.captured_s,
            doubtful=doubtful,
        )

    @classmethod
    def lost(cls, chunk: Chunk, reason: str) -> Outcome:
        """The outcome of a chunk that could not be transcribed."""
        return cls.of(chunk.without_audio(reason))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values, without those that are as usual."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if getattr(self, f.name) != f.default}
        if self.words:
            values["words"] = [pack(word) for word in self.words]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `as_dict`."""
        words = tuple(unpack(word) for word in values.get("words", ()))
        content = Content(values.get("content", Content.SPEECH))
        return cls(**{**values, "words": words, "content": content})


def pack(word: Word) -> list[Any]:
    """A word as a short JSON array: the seam's state is rewritten with every chunk."""
    return [word.text, round(word.start_s, 3), round(word.end_s, 3), word.confidence]


def unpack(values: list[Any]) -> Word:
    """The inverse of `pack`."""
    return Word(*values)
