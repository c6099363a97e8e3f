"""Reasons for dropping clips: a closed list, and the limits on duration, level and pace of a clip."""

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
    """All reasons; each dropped clip has exactly one, the first that applies."""

    # Found before the audio is decoded.
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
    # Found when it is decoded.
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


#: Reasons that are found when a recording is decoded.
OF_AUDIO = frozenset(list(Reason)[list(Reason).index(Reason.MISSING) :])


@dataclass(frozen=True)
class Limits:
    """Limits for clips.

    Attributes:
        min_s, max_s: the duration. Whisper's window is 30 s.
        silent_dbfs: the minimum level (root mean square). Speech of FLEURS at -67 is still understood.
        max_chars_per_s: letters per second (see `cleaning.spoken_length`); the fastest readers reach 25.
        min_chars_per_s, pause_s: minimum letters per second beyond `pause_s`, the silence allowed in a one-word clip.
        truncated_percent, truncated_s: how much shorter than its header a recording may be, whichever is more.
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
        """Return why a clip's audio, [n_samples] at 16 kHz, is rejected; None if it is not."""
        if not len(samples):
            return Reason.EMPTY
        duration_s = len(samples) / SAMPLE_RATE
        if duration_s < self.min_s:
            return Reason.TOO_SHORT
        if duration_s > self.max_s + 0.5 / SAMPLE_RATE:
            return Reason.TOO_LONG
        return Reason.SILENT if level_dbfs(samples) < self.silent_dbfs else None

    def of_pace(self, letters: int, duration_s: float) -> Reason | None:
        """Return whether a text is too long or too short for its duration; None if it is neither."""
        if letters > self.max_chars_per_s * duration_s:
            return Reason.TOO_MUCH_TEXT
        if letters < self.min_chars_per_s * (duration_s - self.pause_s):
            return Reason.TOO_LITTLE_TEXT
        return None

    def of_length(self, duration_s: float, declared_s: float) -> Reason | None:
        """Return TRUNCATED if audio is shorter than declared; else None."""
        allowed_s = max(self.truncated_s, declared_s * self.truncated_percent / 100)
        return Reason.TRUNCATED if declared_s - duration_s > allowed_s else None


def level_dbfs(samples: NDArray[np.int16]) -> float:
    """Return the root mean square in decibels relative to full scale; -inf for digital silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) / 32768**2
    return 10 * float(np.log10(power)) if power else -np.inf


class Dropped:
    """Appends to dropped.jsonl, the list of dropped clips, and reads what is in it. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.reasons: dict[str, Reason] = {}
        self.counts: Counter[Reason] = Counter()
        self._file = (folder / DROPPED_NAME).open("a+b")
        self._file.seek(0)
        data = self._file.read()
        self._file.truncate(data.rfind(b"\n") + 1)  # a killed writer may leave an incomplete line
        for line in data.split(b"\n")[:-1]:
            values = json.loads(line)
            self._note(values["id"], Reason(values["reason"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, id: str, reason: Reason, detail: str = "") -> None:
        """Record a dropped clip; `detail` specifies the reason."""
        values = {"id": id, "reason": reason.value, **({"detail": detail} if detail else {})}
        self._file.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        self._note(id, reason)

    def _note(self, id: str, reason: Reason) -> None:
        self.reasons[id] = reason
        self.counts[reason] += 1
