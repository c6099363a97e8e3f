"""Sends audio as the API does for a microphone."""

from __future__ import annotations

import numpy as np

from wire.microphone import Microphones


def tone(hz: float, duration_s: float, rate_hz: int, channels: int = 1) -> bytes:
    wave = 9000 * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate_hz)) / rate_hz)
    return np.repeat(wave.astype("<i2"), channels).tobytes()


def speak(api: Microphones, id: str, pcm: bytes, frame_bytes: int = 4001, connection: int = 1) -> None:
    for start in range(0, len(pcm), frame_bytes):  # frames may end within a sample
        assert api.send(id, pcm[start : start + frame_bytes], connection)
