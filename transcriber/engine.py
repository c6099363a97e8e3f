"""What recognises speech: batches of utterances in, hypotheses out. Every engine hides behind this protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from transcriber.context import NO_PROMPT, Prompt
from wire.messages import Word

Task = Literal["transcribe", "translate"]


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """Audio to be recognised: float32 samples in -1…1, 16 kHz, shape [n]."""

    audio: NDArray[np.float32]
    language: str | None = None  # None: to be detected
    task: Task = "transcribe"
    prompt: Prompt = NO_PROMPT


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was recognised in one utterance. Times of words are seconds from the beginning of its audio."""

    words: tuple[Word, ...] = ()
    text: str = ""
    language: str | None = None
    mean_log_probability: float = 0.0  # over the tokens of the text and the end token, natural logarithm
    no_speech_probability: float = 0.0
    tokens: int = 0
    truncated: bool = False  # the cap on tokens was reached before the end token


#: Decides on the language of an utterance (by its index in the batch) from the probabilities of those the model knows.
Choose = Callable[[int, Mapping[str, float]], str]

#: Is told how long a stage of a batch took: its name, and seconds.
Observe = Callable[[str, float], None]


def most_likely(_: int, probabilities: Mapping[str, float]) -> str:
    """The simplest `Choose`."""
    return max(probabilities, key=lambda language: probabilities[language])


class Engine(Protocol):
    """A loaded model."""

    @property
    def name(self) -> str:
        """Which model: a folder or a name on the hub."""

    @property
    def device(self) -> str:
        """Where it runs, such as `cpu` or `cuda:0`."""

    @property
    def context_s(self) -> float:
        """Longest audio of one utterance, in seconds."""

    def transcribe(self, utterances: Sequence[Utterance], choose: Choose = most_likely) -> list[Hypothesis]:
        """One hypothesis for each utterance, in their order.

        Args:
            choose: asked for the language of every utterance that comes without one.

        Raises:
            ModelError: an utterance asks for something that the model cannot do.
        """
