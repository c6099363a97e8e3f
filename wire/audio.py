"""The one audio format between services: 16 kHz, mono, signed 16-bit little-endian PCM."""

from __future__ import annotations

#: Whisper's sampling rate. Ingest probes the rate of each source and converts it.
SAMPLE_RATE_HZ = 16_000

#: Bytes of one sample (s16le, mono).
SAMPLE_BYTES = 2


def samples(duration_s: float) -> int:
    """Number of samples in `duration_s` seconds."""
    return round(duration_s * SAMPLE_RATE_HZ)


def seconds(n_samples: int) -> float:
    """Duration of `n_samples` samples, in seconds."""
    return n_samples / SAMPLE_RATE_HZ
