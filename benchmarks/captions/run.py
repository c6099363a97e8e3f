"""The result of one method on one programme: its captions, and when they arrived."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch

from benchmarks.alignment import normalised
from transcriber import engine as engines
from transcriber.engine import Engine, Utterance
from transcriber.joining.lines import Lines, Origin
from wire.audio import SAMPLE_RATE_HZ
from wire.messages import Caption, Task, Word

#: Windows per batch.
BATCH = 8


@dataclass(frozen=True)
class TimedWord:
    """A word of a caption, normalised, with its times in the programme."""

    text: str
    start_s: float
    end_s: float


@dataclass
class Run:
    """Captions of one programme, in order of arrival.

    `events` holds, for each step, the time in the programme at which all audio that it needs is available, and its
    captions; `borders` holds the overlap of each two successive windows, of length 0 if they only meet.
    """

    events: list[tuple[float, tuple[Caption, ...]]] = field(default_factory=list)
    borders: list[tuple[float, float]] = field(default_factory=list)
    decoded_s: float = 0.0  # given to the engine
    sent_s: float = 0.0  # of the programme, without what a detector withheld
    withheld: list[tuple[float, float]] = field(default_factory=list)
    windows: int = 0
    busy_s: float = 0.0  # of the engine

    @property
    def window_s(self) -> float:
        """The engine's time per window, which is added to every event's time."""
        return self.busy_s / self.windows if self.windows else 0.0

    def finals(self) -> list[tuple[float, Caption]]:
        """Final captions, with the time at which they were available."""
        return [(at_s + self.window_s, c) for at_s, captions in self.events for c in captions if c.final and c.text]


class Meter:
    """Wraps an engine and measures its time: on a CPU, processor time, which other load does not affect."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.audio_s = 0.0
        self.windows = 0
        self.busy_s = 0.0

    @property
    def name(self) -> str:
        return self._engine.name

    @property
    def title(self) -> str:
        return self._engine.title

    @property
    def uses_prompts(self) -> bool:
        return self._engine.uses_prompts

    @property
    def device(self) -> str:
        return self._engine.device

    @property
    def context_s(self) -> float:
        return self._engine.context_s

    def check(self, language: str | None, task: Task) -> None:
        """See `Engine`."""
        self._engine.check(language, task)

    def transcribe(self, utterances: Sequence[Utterance]) -> list[engines.Recognition]:
        """See `Engine`."""
        began_s = self._clock()
        recognitions = self._engine.transcribe(utterances)
        self.busy_s += self._clock() - began_s
        self.windows += len(utterances)
        self.audio_s += sum(len(utterance.audio) for utterance in utterances) / SAMPLE_RATE_HZ
        return recognitions

    def settle(self, run: Run) -> None:
        """Write the measurements since the last call into `run`."""
        run.decoded_s, run.windows, run.busy_s = self.audio_s, self.windows, self.busy_s
        self.audio_s, self.windows, self.busy_s = 0.0, 0, 0.0

    def _clock(self) -> float:
        return time.process_time() if self.device == "cpu" else time.perf_counter()


def spelled(words: Iterable[Word]) -> list[TimedWord]:
    """Words normalised for comparison with the reference."""
    return [TimedWord(text, word.start_s, word.end_s) for word in words for text in normalised(word.text)]


def in_lines(words: Sequence[Word], language: str | None) -> tuple[Caption, ...]:
    """Final captions of words, broken into lines like ours."""
    lines, origin = Lines(), Origin(language=language)
    lines.settle(words, origin, quiet_until_s=0.0)
    lines.flush(origin)
    return lines.emit((), origin, live=False)


def one_thread() -> None:
    """Use one thread, like a worker."""
    torch.set_num_threads(1)
