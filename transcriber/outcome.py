"""What became of one chunk: the words heard in it, or why there are none. The seam puts these in order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import dropwhile
from typing import Any, Self

from wire.chunk import Chunk
from wire.messages import Content, Word

#: Longest time for which a word counts as speech, in seconds.
_WORD_S = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The words, if they are spoken in a certain language."""

    words: tuple[Word, ...] = ()
    language: str | None = None  # that the words are in: English for a translation
    doubtful: bool = False  # the recogniser was not sure: what was said before is not believed again
    rejected: str = ""  # why some or all that was heard is not believed (`rules.Reason`), and not among the words


@dataclass(frozen=True, slots=True)
class Part:
    """What was heard in a chunk, or between two turns of its language.

    Attributes:
        readings: by the language that may be spoken, the likeliest first; the one that was given, or "" for none.
        probabilities: of the languages, the likeliest first.
    """

    readings: Mapping[str, Reading]
    probabilities: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, readings: Mapping[str, Reading], probabilities: Mapping[str, float]) -> Self:
        """A part with what is worth keeping of it: all of a hundred languages would make the seam's state long."""
        likely = sorted(probabilities.items(), key=lambda item: (-item[1], item[0]))
        return cls(readings, {language: round(p, 3) for language, p in likely if p >= 0.001})

    @property
    def likeliest(self) -> Reading:
        """The reading in the likeliest language, or in the one that was given."""
        return next(iter(self.readings.values()))

    def speech_s(self, from_s: float = -float("inf")) -> float:
        """How long the words are that begin at `from_s` or later.

        A word that was heard wrongly may reach over the pause behind it; no word takes that long.
        """
        return sum(min(_WORD_S, w.end_s - w.start_s) for w in self.likeliest.words if w.start_s >= from_s)

    def as_list(self) -> list[Any]:
        """JSON-ready values."""
        readings = {
            spoken: [reading.language, reading.doubtful, [pack(word) for word in reading.words], reading.rejected]
            for spoken, reading in self.readings.items()
        }
        return [readings, dict(self.probabilities)]

    @classmethod
    def from_list(cls, values: list[Any]) -> Self:
        """The inverse of `as_list`."""
        readings = {
            spoken: Reading(tuple(unpack(word) for word in words), language, doubtful, *rejected)
            for spoken, (language, doubtful, words, *rejected) in values[0].items()
        }
        return cls(readings, values[1])


@dataclass(frozen=True, slots=True)
class Outcome:
    """A chunk without its audio, and what was heard in it. Times are on the source's clock.

    Attributes:
        parts: what was heard between the turns of its language: one, unless it turns; none where nothing was heard.
        model: that heard it.
        told: the language that its source was said to be in.
        follows: as of the chunk.
        window: names the hearing that it has in common with chunks beside it; empty of one that was heard alone.
    """

    epoch: int
    seq: int
    start_s: float  # of the new audio; the words of the lead before it are repeated from the chunk before
    end_s: float
    lead_s: float
    tail_s: float = 0.0  # at its end, to be heard in the next chunk, too
    parts: tuple[Part, ...] = ()
    content: Content = Content.SPEECH
    reason: str = ""
    last: bool = False
    captured_s: float = 0.0
    model: str = ""
    told: str | None = None
    follows: tuple[int, int] | None = None
    window: str = ""

    @classmethod
    def of(cls, chunk: Chunk, parts: Iterable[Part] = (), *, model: str = "") -> Outcome:
        """The outcome of a chunk; without parts, of one in which nobody listened for speech."""
        return cls(
            epoch=chunk.epoch,
            seq=chunk.seq,
            start_s=chunk.start_s,
            end_s=chunk.end_s,
            lead_s=chunk.lead_s,
            tail_s=chunk.tail_s,
            parts=tuple(parts),
            content=chunk.content,
            reason=chunk.reason,
            last=chunk.last,
            captured_s=chunk.captured_s,
            model=model,
            told=chunk.language,
            follows=chunk.follows,
        )

    @classmethod
    def lost(cls, chunk: Chunk, reason: str) -> Outcome:
        """The outcome of a chunk that could not be transcribed."""
        return cls.of(chunk.without_audio(reason))

    def going_on(self) -> Outcome:
        """What is new in it behind a chunk of the same hearing, which has the words in its lead already."""
        parts = []
        for part in self.parts:
            readings = {
                spoken: replace(reading, words=tuple(dropwhile(lambda w: w.middle_s < self.start_s, reading.words)))
                for spoken, reading in part.readings.items()
            }
            parts.append(replace(part, readings=readings))
        return replace(self, parts=tuple(parts), lead_s=0.0)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values, without those that are as usual."""
        usual = {f.name: f.default for f in dataclasses.fields(self)}
        values = {name: getattr(self, name) for name in usual if getattr(self, name) != usual[name]}
        return values | ({"parts": [part.as_list() for part in self.parts]} if self.parts else {})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `as_dict`; what another version has besides is left out."""
        names = {f.name for f in dataclasses.fields(cls)}
        known = {name: value for name, value in values.items() if name in names}
        parts = tuple(Part.from_list(part) for part in values.get("parts", ()))
        if "words" in values:  # as the version before languages turned within a chunk wrote it
            words = tuple(unpack(word) for word in values["words"])
            reading = Reading(words, values.get("language"), values.get("doubtful", False))
            parts = (Part({reading.language or "": reading}, values.get("probabilities", {})),)
        follows = tuple(known["follows"]) if known.get("follows") else None
        content = Content(values.get("content", Content.SPEECH))
        return cls(**{**known, "content": content, "parts": parts, "follows": follows})


def pack(word: Word) -> list[Any]:
    """A word as a short JSON array: the seam's state is rewritten with every chunk."""
    return [word.text, round(word.start_s, 3), round(word.end_s, 3), word.confidence]


def unpack(values: list[Any]) -> Word:
    """The inverse of `pack`."""
    return Word(*values)
