"""What became of one chunk: the words heard in it, or why there are none. The seam puts these in order."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from wire.messages import Chunk, Content, Word

#: Longest time for which a word counts as speech, in seconds.
_WORD_S = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """A chunk's words, if it is spoken in a certain language."""

    words: tuple[Word, ...] = ()
    language: str | None = None  # that the words are in: English for a translation
    doubtful: bool = False  # the recogniser was not sure: what was said before is not believed again


@dataclass(frozen=True, slots=True)
class Outcome:
    """A chunk without its audio, and what was heard in it. Times are on the source's clock.

    Attributes:
        words, doubtful: as in a `Reading`, in the likeliest language, or in the one that was given.
        probabilities: of the languages, the likeliest first; empty where it was given.
        others: what was heard in other languages that may be spoken, by their codes.
        model: that heard it.
    """

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
    doubtful: bool = False
    probabilities: Mapping[str, float] = field(default_factory=dict)
    others: Mapping[str, Reading] = field(default_factory=dict)
    model: str = ""

    @classmethod
    def of(
        cls,
        chunk: Chunk,
        readings: Mapping[str, Reading] | None = None,
        probabilities: Mapping[str, float] | None = None,
        *,
        model: str = "",
    ) -> Outcome:
        """The outcome of a chunk that was heard in some languages, the likeliest first; of one without speech."""
        (_, first), *others = (readings or {"": Reading()}).items()
        likely = sorted((probabilities or {}).items(), key=lambda item: (-item[1], item[0]))
        return cls(
            epoch=chunk.epoch,
            seq=chunk.seq,
            start_s=chunk.start_s,
            end_s=chunk.end_s,
            lead_s=chunk.lead_s,
            tail_s=chunk.tail_s,
            words=first.words,
            language=first.language or chunk.language,
            content=chunk.content,
            reason=chunk.reason,
            last=chunk.last,
            captured_s=chunk.captured_s,
            doubtful=first.doubtful,
            # All of a hundred languages would make the seam's state long.
            probabilities={language: round(p, 3) for language, p in likely if p >= 0.001},
            others=dict(others),
            model=model,
        )

    @classmethod
    def lost(cls, chunk: Chunk, reason: str) -> Outcome:
        """The outcome of a chunk that could not be transcribed."""
        return cls.of(chunk.without_audio(reason))

    @property
    def speech_s(self) -> float:
        """How long the words are that begin in the new audio; those of the lead have been counted.

        A word that was heard wrongly may reach over the pause behind it; no word takes that long.
        """
        return sum(min(_WORD_S, word.end_s - word.start_s) for word in self.words if word.start_s >= self.start_s)

    def spoken_in(self, language: str | None) -> Reading | None:
        """What was heard in a language; None if that is out of the question."""
        if language == next(iter(self.probabilities), ""):
            return Reading(self.words, self.language, self.doubtful)
        return self.others.get(language or "")

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values, without those that are as usual."""
        usual = {f.name: f.default for f in dataclasses.fields(self)} | {"probabilities": {}, "others": {}}
        values = {name: getattr(self, name) for name in usual if getattr(self, name) != usual[name]}
        if self.words:
            values["words"] = [pack(word) for word in self.words]
        if self.others:
            values["others"] = {
                spoken: [reading.language, reading.doubtful, [pack(word) for word in reading.words]]
                for spoken, reading in self.others.items()
            }
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `as_dict`; what another version has besides is left out."""
        names = {f.name for f in dataclasses.fields(cls)}
        known = {name: value for name, value in values.items() if name in names}
        words = tuple(unpack(word) for word in values.get("words", ()))
        content = Content(values.get("content", Content.SPEECH))
        others = {
            spoken: Reading(tuple(unpack(word) for word in words), language, doubtful)
            for spoken, (language, doubtful, words) in values.get("others", {}).items()
        }
        return cls(**{**known, "words": words, "content": content, "others": others})


def pack(word: Word) -> list[Any]:
    """A word as a short JSON array: the seam's state is rewritten with every chunk."""
    return [word.text, round(word.start_s, 3), round(word.end_s, 3), word.confidence]


def unpack(values: list[Any]) -> Word:
    """The inverse of `pack`."""
    return Word(*values)
