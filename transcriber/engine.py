"""What recognises speech: batches of utterances in, hypotheses out. Every engine hides behind this protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from transcriber.context import NO_PROMPT, Prompt
from wire.messages import Task, Word


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """Audio to be recognised: float32 samples in -1…1, 16 kHz, shape [n]."""

    audio: NDArray[np.float32]
    language: str | None = None  # None: to be detected
    task: Task = "transcribe"
    prompt: Prompt = NO_PROMPT
    may_turn: bool = True  # where its language turns is looked for; that may cost encoding all of its parts


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was recognised in one utterance. Times of words are seconds from the beginning of its audio."""

    words: tuple[Word, ...] = ()
    text: str = ""
    language: str | None = None  # of the words
    mean_log_probability: float = 0.0  # over the tokens of the text and the end token, natural logarithm
    no_speech_probability: float = 0.0
    tokens: int = 0  # that begin a character
    truncated: bool = False  # the cap on tokens was reached before the end token


class Turn(NamedTuple):
    """Where a language begins, in seconds from the beginning of an utterance's audio."""

    start_s: float
    language: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in one utterance.

    Attributes:
        hypotheses: by the language that is spoken, the likeliest first: one, unless that is in doubt.
        probabilities: of all languages that the model knows, among themselves, whatever language was given; empty for
            a model that knows English only.
        turns: which language begins where; empty unless there are two at least. What was written there is not to be
            trusted: the audio between two turns is to be heard alone.
    """

    hypotheses: Mapping[str, Hypothesis]
    probabilities: Mapping[str, float] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()

    @property
    def likeliest(self) -> Hypothesis:
        """The hypothesis in the likeliest language."""
        return next(iter(self.hypotheses.values()))


#: Is told how long a stage of a batch took: its name, and seconds.
Observe = Callable[[str, float], None]


class Engine(Protocol):
    """A loaded model."""

    @property
    def name(self) -> str:
        """Which model: a folder or a name on the hub."""

    @property
    def title(self) -> str:
        """What captions say of where they come from; nothing of this machine."""

    @property
    def remembers(self) -> bool:
        """Whether it was trained to be told what was said before."""

    @property
    def device(self) -> str:
        """Where it runs, such as `cpu` or `cuda:0`."""

    @property
    def context_s(self) -> float:
        """Longest audio of one utterance, in seconds."""

    def check(self, language: str | None, task: Task) -> None:
        """Whether utterances of a language (None: of any) can be put to a task.

        Raises:
            Unsupported: the model cannot do that.
        """

    def transcribe(self, utterances: Sequence[Utterance]) -> list[Heard]:
        """What was heard in each utterance, in their order. It does not depend on what is in the batch beside it.

        Raises:
            ModelError: an utterance asks for something that the model cannot do.
        """
