"""The outcome of one chunk: its words, or the reason why it has none. The seam puts outcomes in order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import dropwhile
from typing import Any, Self

from wire.chunk import Chunk
from wire.messages import Content, Word

#: Maximum duration of a word that counts as speech, in seconds.
_WORD_S = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The words under the assumption of one spoken language."""

    words: tuple[Word, ...] = ()
    language: str | None = None  # of the words: English for a translation
    doubtful: bool = False  # the recogniser was unsure: a text repeated from before is rejected
    rejected: str = ""  # why some or all of the text was rejected (`rules.Reason`) and left out of the words


@dataclass(frozen=True, slots=True)
class Part:
    """The result of a chunk, or of its part between two turns of language.

    Attributes:
        readings: by candidate language, the likeliest first, or by the given language; "" if it is unknown.
        probabilities: of the languages, the likeliest first.
    """

    readings: Mapping[str, Reading]
    probabilities: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, readings: Mapping[str, Reading], probabilities: Mapping[str, float]) -> Self:
        """A part without negligible probabilities: all of a hundred languages would make the seam's state long."""
        likely = sorted(probabilities.items(), key=lambda item: (-item[1], item[0]))
        return cls(readings, {language: round(p, 3) for language, p in likely if p >= 0.001})

    @property
    def likeliest(self) -> Reading:
        """The reading in the likeliest language, or in the given one."""
        return next(iter(self.readings.values()))

    def speech_s(self, from_s: float = -float("inf")) -> float:
        """Total duration of the words that begin at `from_s` or later.

        Each is limited, because a misheard word may extend over the pause after it.
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
    """A chunk without its audio, but with its words. Times are on the source's clock.

    Attributes:
        parts: one for each part between turns of language, so one if there is no turn; none if it was not decoded.
        model: that decoded it.
        told: the configured language of its source.
        follows: as of the chunk.
        window: identifies the window that it was decoded in together with other chunks; empty if it was decoded alone.
    """

    epoch: int
    seq: int
    start_s: float  # of the new audio; the lead before it repeats the end of the previous chunk
    end_s: float
    lead_s: float
    tail_s: float = 0.0  # at its end, repeated as the lead of the next chunk
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
    def of(cls, chunk: Chunk, parts: Iterable[Part] = (), *, model: str = "", window: str = "") -> Outcome:
        """The outcome of a chunk; without parts, that of one that was not decoded."""
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
            window=window,
        )

    @classmethod
    def lost(cls, chunk: Chunk, reason: str) -> Outcome:
        """The outcome of a chunk that could not be transcribed."""
        return cls.of(chunk.without_audio(reason))

    def without_lead(self) -> Outcome:
        """The outcome without its lead, whose words the previous chunk of the same window already has."""
        parts = []
        for part in self.parts:
            readings = {
                spoken: replace(reading, words=tuple(dropwhile(lambda w: w.middle_s < self.start_s, reading.words)))
                for spoken, reading in part.readings.items()
            }
            parts.append(replace(part, readings=readings))
        return replace(self, parts=tuple(parts), lead_s=0.0)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values, without defaults."""
        usual = {f.name: f.default for f in dataclasses.fields(self)}
        values = {name: getattr(self, name) for name in usual if getattr(self, name) != usual[name]}
        return values | ({"parts": [part.as_list() for part in self.parts]} if self.parts else {})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `as_dict`; fields of other versions are ignored."""
        names = {f.name for f in dataclasses.fields(cls)}
        known = {name: value for name, value in values.items() if name in names}
        parts = tuple(Part.from_list(part) for part in values.get("parts", ()))
        if "words" in values:  # written by a version without turns within a chunk
            words = tuple(unpack(word) for word in values["words"])
            reading = Reading(words, values.get("language"), values.get("doubtful", False))
            parts = (Part({reading.language or "": reading}, values.get("probabilities", {})),)
        follows = tuple(known["follows"]) if known.get("follows") else None
        content = Content(values.get("content", Content.SPEECH))
        return cls(**{**known, "content": content, "parts": parts, "follows": follows})


def pack(word: Word) -> list[Any]:
    """A word as a short JSON array, because the seam's state is rewritten with every chunk."""
    return [word.text, round(word.start_s, 3), round(word.end_s, 3), word.confidence]


def unpack(values: list[Any]) -> Word:
    """The inverse of `pack`."""
    return Word(*values)
