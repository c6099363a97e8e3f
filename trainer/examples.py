"""Training examples: audio, its transcript, and the times of its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

#: Samples per second of Whisper's input.
SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class TimedWord:
    """A word as written, with its punctuation, and when it is spoken: seconds from the start of the audio."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Example:
    """One utterance: mono float32 audio at SAMPLE_RATE in -1..1, and its words; without words, the text is empty.

    Attributes:
        speech: False if the audio has no speech: the model then learns <|nospeech|> in place of a language token.
        id: of the clip it is made from; empty if it is made from no clip.
        previous: the text right before it in the same recording, for prompts; empty if unknown.
        segments: start, end (seconds from the start of the audio) and text of its parts, for timestamps; empty if
            unknown.
        timed: whether the time of each word is known; otherwise every word has the times of the whole audio.
    """

    audio: NDArray[np.float32]
    language: str
    words: tuple[TimedWord, ...]
    speech: bool = True
    id: str = ""
    previous: str = ""
    segments: tuple[tuple[float, float, str], ...] = ()
    timed: bool = True

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def duration_s(self) -> float:
        return len(self.audio) / SAMPLE_RATE


class ExampleSource(Protocol):
    """An endless sequence of examples, each determined by its index, so that training resumes exactly."""

    def duration_s(self, index: int) -> float:
        """Return the duration of example `index`; cheap, because batches are planned with it."""

    def example(self, index: int) -> Example:
        """Make example `index`."""
