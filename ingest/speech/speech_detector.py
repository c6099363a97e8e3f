"""The detector of speech: only audio that is certainly not speech is withheld from the transcribers.

Silero misses more faint speech, especially in noise, so all sources are brought to about the same loudness.
"""

from __future__ import annotations

import copy
import functools
import logging

import numpy as np

from ingest.settings import Settings
from ingest.speech.detector import NOW_SAMPLES, MakeDetector, SilenceDetector
from ingest.speech.hysteresis import Hysteresis
from ingest.speech.silero import FRAME_SAMPLES, Audio, Memory, Silero
from wire.audio import samples, seconds
from wire.messages import Content

log = logging.getLogger(__name__)

#: Audio without speech is silence if it is nowhere louder than this, else music.
SILENCE_DBFS = -60.0

#: Loudness to which fainter sources are amplified, and the maximum gain.
TARGET_DBFS, MAX_GAIN_DB = -20.0, 30.0

#: Decay of the estimated loudness.
DECAY_DB_PER_S = 0.6

#: Loudness is the RMS over this many samples.
_BLOCK_SAMPLES = samples(0.1)


class SpeechDetector:
    """Classifies the pieces of one epoch of one source.

    Args:
        model: shared by all detectors.
        threshold: see `Hysteresis`.
    """

    def __init__(self, model: Silero, threshold: float) -> None:
        self._model = model
        self._memory = Memory()
        self._hysteresis = Hysteresis(threshold)
        self._loudest_dbfs = -100.0
        self._rest: Audio = np.zeros(0, np.float32)  # less than a frame, processed with the next piece
        self.onset_samples = 0
        self.now = Content.SPEECH

    def fork(self) -> SpeechDetector:
        """An independent detector with the same state."""
        other = copy.copy(self)
        other._hysteresis = copy.copy(self._hysteresis)
        return other

    def __call__(self, new: bytes) -> Content:
        """`SPEECH` if any part of it may be speech, else `MUSIC` or `SILENCE`."""
        audio = np.frombuffer(new, dtype="<i2").astype(np.float32) / np.float32(32768)
        now_dbfs = loudest_dbfs(audio)
        self._loudest_dbfs = max(now_dbfs, self._loudest_dbfs - DECAY_DB_PER_S * seconds(len(audio)))
        gain_db = min(max(TARGET_DBFS - self._loudest_dbfs, 0.0), MAX_GAIN_DB)
        amplified = np.concatenate([self._rest, np.clip(audio * np.float32(10 ** (gain_db / 20)), -1, 1)])
        before, (probabilities, self._memory) = len(self._rest), self._model(amplified, self._memory)
        self._rest = amplified[len(probabilities) * FRAME_SAMPLES :]
        speech = self._hysteresis.feed(probabilities.tolist())
        self.onset_samples = max(0, self._hysteresis.onset_frames * FRAME_SAMPLES - before)
        lately = self._hysteresis.frames_since_speech * FRAME_SAMPLES < NOW_SAMPLES
        self.now = Content.SPEECH if lately else _music_or_silence(loudest_dbfs(audio[-NOW_SAMPLES:]))
        return Content.SPEECH if speech else _music_or_silence(now_dbfs)


def _music_or_silence(dbfs: float) -> Content:
    return Content.MUSIC if dbfs > SILENCE_DBFS else Content.SILENCE


def loudest_dbfs(audio: Audio) -> float:
    """The RMS of the loudest tenth of a second, in dB relative to full scale; at least −100."""
    starts = np.arange(0, len(audio), _BLOCK_SAMPLES)
    if not len(starts):
        return -100.0
    lengths = np.diff(np.append(starts, len(audio)))
    power = float((np.add.reduceat(np.square(audio), starts) / lengths).max())
    return float(10 * np.log10(max(power, 1e-10)))


def make_detectors(settings: Settings) -> MakeDetector:
    """A factory of the detectors that the settings select, which share one model.

    If ONNX Runtime cannot be loaded, they only detect digital silence, and a warning is logged.
    """
    if settings.vad == "off":
        return SilenceDetector
    try:
        model = Silero()
    except (ImportError, OSError) as error:
        log.warning("no speech detector: music is transcribed like speech, as with VAD=off: %s", error)
        return SilenceDetector
    return functools.partial(SpeechDetector, model, settings.vad_threshold)
