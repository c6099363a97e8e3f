"""Converts a microphone's frames, of any sample rate, to the audio that services exchange: 16 kHz, mono."""

from __future__ import annotations

import numpy as np
import soxr

from wire.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ

#: Sample rates that are accepted from browsers, in Hz.
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4_000, 384_000

#: Maximum number of channels of a microphone.
MAX_CHANNELS = 32


class Converter:
    """Converts frames of any rate and number of channels to 16 kHz mono s16le, keeping the resampler's state.

    Raises:
        ValueError: the sample rate or the number of channels is out of range.
    """

    def __init__(self, sample_rate_hz: int, channels: int = 1) -> None:
        if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
            raise ValueError(f"the sample rate is {sample_rate_hz} Hz; allowed: {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ}")
        if not 1 <= channels <= MAX_CHANNELS:
            raise ValueError(f"the audio has {channels} channels; allowed: 1 to {MAX_CHANNELS}")
        self._channels = channels
        self._rest = b""
        self._stream = (
            None
            if sample_rate_hz == SAMPLE_RATE_HZ
            else soxr.ResampleStream(sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="int16")
        )

    def convert(self, pcm: bytes, *, last: bool = False) -> bytes:
        """Convert the next frame; `last` flushes the resampler."""
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % (SAMPLE_BYTES * self._channels)
        self._rest = pcm[whole:]
        samples = np.frombuffer(pcm[:whole], dtype="<i2")
        if self._channels > 1:
            samples = samples.reshape(-1, self._channels).mean(axis=1).round().astype("<i2")
        if self._stream is not None:
            samples = self._stream.resample_chunk(samples, last=last)
        return samples.astype("<i2", copy=False).tobytes()
