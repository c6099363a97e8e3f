"""Recordings to upload and to speak: bulletins that are not broadcast."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo.bulletins import Language, bulletin
from demo.encoder import ffmpeg
from demo.voices import SAMPLE_RATE, draw_voice, speak

FRAME_S = 0.1


@dataclass(frozen=True)
class Recording:
    """A bulletin that is not broadcast."""

    text: str
    language: Language
    audio: NDArray[np.int16]  # mono, 16 kHz

    @property
    def duration_s(self) -> float:
        """Its length."""
        return len(self.audio) / SAMPLE_RATE

    def encoded(self, path: Path, *options: str) -> Path:
        """Write it to `path` with ffmpeg; the extension selects the format."""
        pcm = ["-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "pipe:0"]
        command = [ffmpeg(), "-v", "error", "-y", *pcm, *options, str(path)]
        subprocess.run(command, input=self.audio.tobytes(), check=True)
        return path


def record(language: Language, sentences: int, seed: int) -> Recording:
    """Held-out sentences by one reader, with pauses as on the radio."""
    rng = random.Random(f"recording-{language}-{seed}")
    reader = draw_voice(language, rng, "held-out")
    texts = bulletin(language, rng, "held-out", sentences)
    parts = [np.zeros(SAMPLE_RATE // 2, np.int16)]
    for text in texts:
        # espeak-ng speaks near full scale; a studio does not.
        parts.append((speak(text, reader).audio * 0.5).astype(np.int16))
        parts.append(np.zeros(round(rng.uniform(0.3, 0.9) * SAMPLE_RATE), np.int16))
    return Recording(" ".join(texts), language, np.concatenate(parts))


def spoken(audio: NDArray[np.int16], rate_hz: int) -> Iterator[bytes]:
    """Frames of a tenth of a second, in real time."""
    began = time.monotonic()
    for number, frame in enumerate(np.array_split(audio, max(1, round(len(audio) / rate_hz / FRAME_S)))):
        time.sleep(max(0.0, began + number * FRAME_S - time.monotonic()))
        yield frame.tobytes()
