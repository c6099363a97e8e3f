"""Keeps what a station says, so that it can be heard again for a while."""

from __future__ import annotations

import io

import soundfile

from wire.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from wire.bus import Redis
from wire.chunk import Chunk
from wire.kept_audio import KeptAudio, Stretch
from wire.metrics import IngestMetrics


class Keeper:
    """Keeps the new audio of chunks that hold some: of what may be speech.

    Args:
        kept_s: how long, in seconds.
    """

    def __init__(self, redis: Redis, metrics: IngestMetrics, *, kept_s: float) -> None:
        self._kept = KeptAudio(redis)
        self._metrics = metrics
        self._kept_s = kept_s

    def __call__(self, chunk: Chunk) -> None:
        """Keep a chunk.

        Raises:
            RedisError: Redis does not answer, or refuses.
        """
        if not chunk.pcm:
            return
        with self._metrics.stage_s.labels("keep").time():
            vorbis = encode(chunk.pcm[chunk.lead_samples * SAMPLE_BYTES :])
            self._kept.add(chunk.source, Stretch(chunk.start_s, chunk.n_samples, vorbis), kept_s=self._kept_s)


def encode(pcm: bytes) -> bytes:
    """16 kHz mono s16le as Ogg Vorbis of the same length."""
    file = io.BytesIO()
    # Opus would be a third smaller, and takes twelve times as long to make.
    with soundfile.SoundFile(file, "w", SAMPLE_RATE_HZ, 1, format="OGG", subtype="VORBIS") as audio:
        audio.buffer_write(pcm, "int16")
    return file.getvalue()
