"""The protocol of a speech recogniser: takes batches of utterances, returns hypotheses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from transcriber.prompt import NO_PROMPT, Prompt
from wire.messages import Task, Word


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """Audio to be recognised: float32 samples in -1…1, 16 kHz, shape [n]."""

    audio: NDArray[np.float32]
    language: str | None = None  # None: detect it
    task: Task = "transcribe"
    prompt: Prompt = NO_PROMPT
    may_turn: bool = True  # look for changes of language, which may cost encoding every part of it


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The text of one utterance. Word times are seconds from the beginning of its audio."""

    words: tuple[Word, ...] = ()
    text: str = ""
    language: str | None = None  # of the words
    mean_log_probability: float = 0.0  # over the tokens of the text and the end token, natural logarithm
    no_speech_probability: float = 0.0
    tokens: int = 0  # only those that begin a character
    truncated: bool = False  # the token limit was reached before the end token


class Turn(NamedTuple):
    """A change of language: where the new one begins, in seconds from the beginning of the utterance's audio."""

    start_s: float
    language: str


@dataclass(frozen=True, slots=True)
class Recognition:
    """The result for one utterance.

    Attributes:
        hypotheses: by spoken language, the likeliest first; several only if the language is in doubt.
        probabilities: of each language that the model supports, adding up to 1, even if a language was given; empty for
            an English-only model.
        turns: each language and where it begins; empty unless there are at least two. If there are, the hypotheses are
            unreliable, and the audio between two turns should be decoded separately.
    """

    hypotheses: Mapping[str, Hypothesis]
    probabilities: Mapping[str, float] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()

    @property
    def likeliest(self) -> Hypothesis:
        """The hypothesis in the likeliest language."""
        return next(iter(self.hypotheses.values()))


#: Callback that records how long a stage of a batch took: its name, and seconds.
Observe = Callable[[str, float], None]


class Engine(Protocol):
    """A loaded model."""

    @property
    def name(self) -> str:
        """The model's folder, or its name on the hub."""

    @property
    def title(self) -> str:
        """The model's name in captions; reveals nothing about this machine."""

    @property
    def uses_prompts(self) -> bool:
        """Whether it was trained with the previous text as a prompt."""

    @property
    def device(self) -> str:
        """The device that it runs on, such as `cpu` or `cuda:0`."""

    @property
    def context_s(self) -> float:
        """Maximum length of an utterance, in seconds."""

    def check(self, language: str | None, task: Task) -> None:
        """Check that the model supports a task in a language (None: any).

        Raises:
            Unsupported: it does not.
        """

    def transcribe(self, utterances: Sequence[Utterance]) -> list[Recognition]:
        """Recognise utterances; results are in the same order, and do not depend on the rest of the batch.

        Raises:
            ModelError: an utterance needs something that the model does not support.
        """
