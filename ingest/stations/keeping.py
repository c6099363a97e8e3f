"""Keeps a station's recent speech for playback."""

from __future__ import annotations

import io
import logging

import soundfile

from wire.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from wire.bus import Redis, RedisError
from wire.chunk import Chunk
from wire.kept_audio import Clip, KeptAudio
from wire.metrics import IngestMetrics

log = logging.getLogger(__name__)

#: Bytes encoded at once: libvorbis uses stack in proportion.
_BLOCK_BYTES = SAMPLE_RATE_HZ * SAMPLE_BYTES


class Keeper:
    """Keeps the new audio of a station's speech chunks.

    Args:
        kept_s: how long to keep it, in seconds; 0 deletes what was kept before.
    """

    def __init__(self, redis: Redis, metrics: IngestMetrics, *, kept_s: float) -> None:
        self._kept = KeptAudio(redis)
        self._metrics = metrics
        self._kept_s = kept_s
        self._failed = False

    def __call__(self, chunk: Chunk) -> None:
        """Keep a chunk, and delete what is too old. A failure is logged once and does not affect the captions."""
        try:
            with self._metrics.stage_s.labels("keep").time():
                self._keep(chunk)
        except (RedisError, soundfile.SoundFileError) as error:
            if not self._failed:
                log.warning("%s: speech cannot be kept for playback: %s", chunk.source, error)
            self._failed = True
        else:
            self._failed = False

    def _keep(self, chunk: Chunk) -> None:
        if chunk.pcm and self._kept_s:
            vorbis = encode(chunk.pcm[chunk.lead_samples * SAMPLE_BYTES :])
            self._kept.add(chunk.source, Clip(chunk.start_s, chunk.n_samples, vorbis), kept_s=self._kept_s)
        else:
            self._kept.delete_before(chunk.source, chunk.end_s - self._kept_s)


def encode(pcm: bytes) -> bytes:
    """Encode 16 kHz mono s16le as Ogg Vorbis of the same length."""
    file = io.BytesIO()
    # Opus would be a third smaller, but takes twelve times as long to encode.
    with soundfile.SoundFile(file, "w", SAMPLE_RATE_HZ, 1, format="OGG", subtype="VORBIS") as audio:
        for begin in range(0, len(pcm), _BLOCK_BYTES):
            audio.buffer_write(pcm[begin : begin + _BLOCK_BYTES], "int16")
    return file.getvalue()
