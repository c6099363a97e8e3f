"""What one way of captioning made of one programme: its captions, and when they came. Every row of the table is one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch

from benchmarks.alignment import normalised
from transcriber import engine as engines
from transcriber.engine import Engine, Utterance
from transcriber.lines import Lines, Origin
from wire.audio import SAMPLE_RATE_HZ
from wire.messages import Caption, Task, Word

#: Windows that are decoded together.
BATCH = 8


@dataclass(frozen=True)
class Heard:
    """A word of a caption, normalised, with its times in the programme."""

    text: str
    start_s: float
    end_s: float


@dataclass
class Run:
    """Captions of one programme, as they came.

    `events` holds when the last audio that a step needs had been spoken, in seconds of the programme, and the step's
    captions; `borders` holds the overlap of each two windows, of no length where they only meet.
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
        """What the engine needs for one window: it comes on top of every event's time."""
        return self.busy_s / self.windows if self.windows else 0.0

    def finals(self) -> list[tuple[float, Caption]]:
        """Captions that stay, with the time at which they were known."""
        return [(at_s + self.window_s, c) for at_s, captions in self.events for c in captions if c.final and c.text]


class Meter:
    """An engine that keeps account of what it costs: processor time on a CPU, so that a busy machine does not count."""

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
    def remembers(self) -> bool:
        return self._engine.remembers

    @property
    def device(self) -> str:
        return self._engine.device

    @property
    def context_s(self) -> float:
        return self._engine.context_s

    def check(self, language: str | None, task: Task) -> None:
        """See `Engine`."""
        self._engine.check(language, task)

    def transcribe(self, utterances: Sequence[Utterance]) -> list[engines.Heard]:
        """See `Engine`."""
        began_s = self._clock()
        heard = self._engine.transcribe(utterances)
        self.busy_s += self._clock() - began_s
        self.windows += len(utterances)
        self.audio_s += sum(len(utterance.audio) for utterance in utterances) / SAMPLE_RATE_HZ
        return heard

    def settle(self, run: Run) -> None:
        """Write what was used since the last time into `run`."""
        run.decoded_s, run.windows, run.busy_s = self.audio_s, self.windows, self.busy_s
        self.audio_s, self.windows, self.busy_s = 0.0, 0, 0.0

    def _clock(self) -> float:
        return time.process_time() if self.device == "cpu" else time.perf_counter()


def spelled(words: Iterable[Word]) -> list[Heard]:
    """Words as they are compared with the truth."""
    return [Heard(text, word.start_s, word.end_s) for word in words for text in normalised(word.text)]


def in_lines(words: Sequence[Word], language: str | None) -> tuple[Caption, ...]:
    """Words that are final at once, as captions like ours."""
    lines, origin = Lines(), Origin(language=language)
    lines.settle(words, origin, quiet_until_s=0.0)
    lines.flush(origin)
    return lines.emit((), origin, live=False)


def one_thread() -> None:
    """As a worker runs."""
    torch.set_num_threads(1)
