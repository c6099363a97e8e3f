"""Why a clip is not in a prepared corpus: a closed list of reasons, and the rules that can be told from its numbers."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trainer.examples import SAMPLE_RATE

DROPPED_NAME = "dropped.jsonl"


class Reason(StrEnum):
    """Every reason there is; each dropped clip has exactly one, the first that was found."""

    # Before its audio is read.
    LISTED_TWICE = "listed twice"
    DAMAGED_ROW = "damaged row"
    NOT_CORRECTED = "not corrected"
    NO_TEXT = "no text"
    ONLY_SOUNDS = "subtitle without spoken words"
    UNREADABLE_TEXT = "unreadable text"
    ONLY_PUNCTUATION = "only punctuation"
    WRONG_SCRIPT = "wrong script"
    VOTED_DOWN = "more down than up votes"
    REPEATED = "said too often by its speaker"
    HELD_OUT = "of a speaker in dev or test"
    # When it is read.
    MISSING = "missing file"
    UNREADABLE = "unreadable audio"
    EMPTY = "empty audio"
    TRUNCATED = "truncated audio"
    TOO_SHORT = "too short"
    TOO_LONG = "too long"
    SILENT = "silent audio"
    TOO_MUCH_TEXT = "text too long for its audio"
    TOO_LITTLE_TEXT = "text too short for its audio"
    DUPLICATE = "same audio as another clip"


#: Reasons that are found when a recording is read.
OF_AUDIO = frozenset(list(Reason)[list(Reason).index(Reason.MISSING) :])


@dataclass(frozen=True)
class Limits:
    """What a clip may be.

    Attributes:
        min_s, max_s: its duration. Whisper hears 30 s.
        silent_dbfs: its level (root mean square). Speech of FLEURS at -67 is still understood.
        max_chars_per_s: letters a second (see `cleaning.spoken_length`); the fastest readers say 25.
        min_chars_per_s, pause_s: letters for each second beyond `pause_s`, which a one-word clip may be silent for.
        truncated_percent, truncated_s: how much may be missing of what the header says, whichever is more.
    """

    min_s: float = 0.1
    max_s: float = 30.0
    silent_dbfs: float = -75.0
    max_chars_per_s: float = 40.0
    min_chars_per_s: float = 1.0
    pause_s: float = 6.0
    truncated_percent: float = 3.0
    truncated_s: float = 0.2

    def of_audio(self, samples: NDArray[np.int16]) -> Reason | None:
        """What is wrong with a clip's audio, [n_samples] at 16 kHz; nothing, if None."""
        if not len(samples):
            return Reason.EMPTY
        duration_s = len(samples) / SAMPLE_RATE
        if duration_s < self.min_s:
            return Reason.TOO_SHORT
        if duration_s > self.max_s + 0.5 / SAMPLE_RATE:
            return Reason.TOO_LONG
        return Reason.SILENT if level_dbfs(samples) < self.silent_dbfs else None

    def of_pace(self, letters: int, duration_s: float) -> Reason | None:
        """Whether so many letters cannot be said in this time, or this time cannot be filled with them."""
        if letters > self.max_chars_per_s * duration_s:
            return Reason.TOO_MUCH_TEXT
        if letters < self.min_chars_per_s * (duration_s - self.pause_s):
            return Reason.TOO_LITTLE_TEXT
        return None

    def of_length(self, duration_s: float, declared_s: float) -> Reason | None:
        """Whether audio ended before it should have."""
        allowed_s = max(self.truncated_s, declared_s * self.truncated_percent / 100)
        return Reason.TRUNCATED if declared_s - duration_s > allowed_s else None


def level_dbfs(samples: NDArray[np.int16]) -> float:
    """Root mean square in decibels below full scale; -inf for digital silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) / 32768**2
    return 10 * float(np.log10(power)) if power else -np.inf


class Dropped:
    """The list of dropped clips, dropped.jsonl: appended to, and gone on from. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.reasons: dict[str, Reason] = {}
        self.counts: Counter[Reason] = Counter()
        self._file = (folder / DROPPED_NAME).open("a+b")
        self._file.seek(0)
        data = self._file.read()
        self._file.truncate(data.rfind(b"\n") + 1)  # half a line of a killed writer goes
        for line in data.split(b"\n")[:-1]:
            values = json.loads(line)
            self._note(values["id"], Reason(values["reason"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, id: str, reason: Reason, detail: str = "") -> None:
        """Drop a clip; `detail` says more, where there is more to say."""
        values = {"id": id, "reason": reason.value, **({"detail": detail} if detail else {})}
        self._file.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        self._note(id, reason)

    def _note(self, id: str, reason: Reason) -> None:
        self.reasons[id] = reason
        self.counts[reason] += 1
