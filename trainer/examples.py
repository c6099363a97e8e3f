"""What a corpus gives the trainer: audio, what is said in it, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

#: Samples per second that Whisper hears.
SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class TimedWord:
    """A word as it is written, punctuation and all, and when it is spoken: seconds from the start of the audio."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Example:
    """One utterance: mono float32 audio at SAMPLE_RATE in -1..1, and its words; no words means no speech to write.

    Attributes:
        speech: False where nobody speaks at all: the model then learns <|nospeech|> in place of a language.
        id: of the clip that it is made of; empty: of none.
        previous: what was said right before it in the same recording, for prompts; empty: not known.
        segments: start, end (seconds from its beginning) and text of its parts, for timestamps; empty: not known.
        timed: whether it is known when each word is spoken; otherwise all words have the times of the whole audio.
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
    """Examples without end, each a function of its index alone, so that training resumes exactly where it stopped."""

    def duration_s(self, index: int) -> float:
        """How long example `index` is; cheap, because batches are planned by it."""

    def example(self, index: int) -> Example:
        """Make example `index`."""
