"""The detector that hears speech: only what is certainly none is withheld from the transcribers.

Silero misses more of faint speech, above all in noise, so it is given all sources at about one loudness.
"""

from __future__ import annotations

import copy
import functools
import logging

import numpy as np

from ingest.detector import NOW_SAMPLES, MakeDetector, SilenceDetector
from ingest.hysteresis import Hysteresis
from ingest.settings import Settings
from ingest.silero import FRAME_SAMPLES, Audio, Memory, Silero
from wire.audio import samples, seconds
from wire.messages import Content

log = logging.getLogger(__name__)

#: What is nowhere louder than this, and no speech, is silence; the rest that is no speech is music.
SILENCE_DBFS = -60.0

#: Loudness that sources are brought to if they are fainter, and the most that they are amplified by for it.
TARGET_DBFS, MAX_GAIN_DB = -20.0, 30.0

#: How fast a loud sound is forgotten.
DECAY_DB_PER_S = 0.6

#: Loudness is the RMS over so much.
_BLOCK_SAMPLES = samples(0.1)


class SpeechDetector:
    """One epoch of one source.

    Args:
        model: shared by all.
        threshold: see `Hysteresis`.
    """

    def __init__(self, model: Silero, threshold: float) -> None:
        self._model = model
        self._memory = Memory()
        self._hysteresis = Hysteresis(threshold)
        self._loudest_dbfs = -100.0
        self._rest: Audio = np.zeros(0, np.float32)  # less than a frame, heard with the next piece
        self.onset_samples = 0
        self.now = Content.SPEECH

    def fork(self) -> SpeechDetector:
        """Another that has heard the same."""
        other = copy.copy(self)
        other._hysteresis = copy.copy(self._hysteresis)
        return other

    def __call__(self, new: bytes) -> Content:
        """`SPEECH` if a moment of it may be, else `MUSIC` or `SILENCE`."""
        audio = np.frombuffer(new, dtype="<i2").astype(np.float32) / np.float32(32768)
        now_dbfs = loudest_dbfs(audio)
        self._loudest_dbfs = max(now_dbfs, self._loudest_dbfs - DECAY_DB_PER_S * seconds(len(audio)))
        gain_db = min(max(TARGET_DBFS - self._loudest_dbfs, 0.0), MAX_GAIN_DB)
        heard = np.concatenate([self._rest, np.clip(audio * np.float32(10 ** (gain_db / 20)), -1, 1)])
        before, (probabilities, self._memory) = len(self._rest), self._model(heard, self._memory)
        self._rest = heard[len(probabilities) * FRAME_SAMPLES :]
        speech = self._hysteresis.feed(probabilities.tolist())
        self.onset_samples = max(0, self._hysteresis.onset * FRAME_SAMPLES - before)
        lately = self._hysteresis.without * FRAME_SAMPLES < NOW_SAMPLES
        self.now = Content.SPEECH if lately else _wordless(loudest_dbfs(audio[-NOW_SAMPLES:]))
        return Content.SPEECH if speech else _wordless(now_dbfs)


def _wordless(dbfs: float) -> Content:
    return Content.MUSIC if dbfs > SILENCE_DBFS else Content.SILENCE


def loudest_dbfs(audio: Audio) -> float:
    """The RMS of the loudest tenth of a second, in dB relative to full scale; −100 at least."""
    starts = np.arange(0, len(audio), _BLOCK_SAMPLES)
    if not len(starts):
        return -100.0
    lengths = np.diff(np.append(starts, len(audio)))
    power = float((np.add.reduceat(np.square(audio), starts) / lengths).max())
    return float(10 * np.log10(max(power, 1e-10)))


def make_detectors(settings: Settings) -> MakeDetector:
    """What makes the detectors that the settings ask for, with one model for all of them.

    Where ONNX Runtime cannot be loaded, they find digital silence only, and the log says so.
    """
    if settings.vad == "off":
        return SilenceDetector
    try:
        model = Silero()
    except (ImportError, OSError) as error:
        log.warning("music is sent to the transcribers like speech (VAD=off): no speech detector here: %s", error)
        return SilenceDetector
    return functools.partial(SpeechDetector, model, settings.vad_threshold)
