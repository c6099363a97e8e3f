"""Training examples without end: random windows of rendered bulletins, disturbed as radio is.

Example i is a function of (seed, i). Most windows are cut anywhere, so words are cut at both ends; a word counts as
said only if all of it is inside the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from demo import noise
from demo.bulletins import LANGUAGES
from demo.noise import Audio
from demo.pool import BULLETINS_PER_SHARD, Bulletin, Pool
from demo.voices import SAMPLE_RATE
from trainer.examples import Example, TimedWord

#: A word may stick out of the window by this much and still count: its edges are faint.
TOLERANCE_S = 0.06
#: The longest window; the model's acoustic context.
LONGEST_S = 7.0

#: Share of windows cut anywhere, of windows of whole sentences, and (the rest) without speech.
CUT_SHARE, WHOLE_SHARE = 0.75, 0.19
#: Share of examples with noise, with a narrowed band, at another speed, and with silence appended.
NOISE_SHARE, NARROW_SHARE, SPEED_SHARE, PADDED_SHARE = 0.85, 0.2, 0.3, 0.3
SNR_DB = (5.0, 40.0)
GAIN_DB = (-30.0, 0.0)
SPEED = (0.92, 1.08)

#: Index offsets of the random streams of one example: what is planned is drawn apart from how it is disturbed.
_PLAN, _DISTURB = 0, 1


@dataclass(frozen=True)
class Window:
    """Which part of the pool an example is: `span_s` seconds from `start_s` of a bulletin, in `duration_s` of audio."""

    kind: Literal["cut", "whole", "quiet"]
    bulletin: int
    start_s: float
    span_s: float
    speed: float
    duration_s: float
    #: Digital silence after all of it: a shorter window in a transcriber's fixed context.
    silence_s: float = 0.0


class Corpus:
    """An ExampleSource over the pool under `folder`; `shards` of it are used."""

    def __init__(self, folder: Path, seed: int, shards: int, wait: bool = False) -> None:
        self._pool = Pool(folder, seed, wait)
        self._seed = seed
        self._bulletins = shards * BULLETINS_PER_SHARD

    def duration_s(self, index: int) -> float:
        window = self.window(index)
        return window.duration_s + window.silence_s

    def window(self, index: int) -> Window:
        """Plan example `index`."""
        rng = np.random.default_rng([self._seed, _PLAN, index])
        number = int(rng.integers(0, self._bulletins))
        speed = float(rng.uniform(*SPEED)) if rng.random() < SPEED_SHARE else 1.0
        kind = rng.random()
        if kind < CUT_SHARE:
            bulletin = self._pool.bulletin(number)
            duration_s = _cut_duration_s(rng)
            span_s = duration_s * speed
            start_s = float(rng.uniform(0, bulletin.duration_s - span_s))
            silence_s = float(rng.uniform(0, LONGEST_S - duration_s)) if rng.random() < PADDED_SHARE else 0.0
            return Window("cut", number, start_s, span_s, speed, duration_s, silence_s)
        if kind < CUT_SHARE + WHOLE_SHARE:
            start_s, end_s = _whole_span(self._pool.bulletin(number), speed, rng)
            duration_s = (end_s - start_s) / speed
            padded_s = duration_s
            if rng.random() < PADDED_SHARE:
                padded_s = float(rng.uniform(duration_s, LONGEST_S))
            return Window("whole", number, start_s, end_s - start_s, speed, padded_s)
        duration_s = float(rng.uniform(1.0, LONGEST_S))
        return Window("quiet", number, 0.0, duration_s, 1.0, duration_s)

    def example(self, index: int) -> Example:
        window = self.window(index)
        rng = np.random.default_rng([self._seed, _DISTURB, index])
        samples = round(window.duration_s * SAMPLE_RATE)
        if window.kind == "quiet":
            language = LANGUAGES[int(rng.integers(0, len(LANGUAGES)))]
            return Example(_quiet(samples, rng), language, (), speech=False)
        bulletin = self._pool.bulletin(window.bulletin)
        audio = _slice(bulletin, window)
        spoken = min(round(window.span_s / window.speed * SAMPLE_RATE), samples)
        audio = noise.faster(audio, spoken) if window.speed != 1.0 else audio[:spoken]
        audio = np.pad(audio, (0, samples - len(audio)))
        silence = np.zeros(round(window.silence_s * SAMPLE_RATE), np.float32)
        audio = np.concatenate([self._disturb(audio, rng), silence])
        return Example(audio, bulletin.language, words_inside(bulletin, window))

    def _disturb(self, audio: Audio, rng: np.random.Generator) -> Audio:
        if rng.random() < NOISE_SHARE and audio.any():
            snr_db = float(rng.uniform(*SNR_DB))
            audio = noise.at_snr(audio, self._disturbance(len(audio), rng), snr_db)
        if rng.random() < NARROW_SHARE:
            audio = noise.narrow(audio, rng)
        return _at_gain(audio, float(rng.uniform(*GAIN_DB)))

    def _disturbance(self, samples: int, rng: np.random.Generator) -> Audio:
        choice = int(rng.integers(0, len(noise.KINDS) + 1))
        if choice < len(noise.KINDS):
            return noise.noise(noise.KINDS[choice], samples, rng)
        babble = np.zeros(samples, np.float32)
        for _ in range(4):
            bulletin = self._pool.bulletin(int(rng.integers(0, self._bulletins)))
            start = int(rng.integers(0, len(bulletin.audio) - samples))
            voice = bulletin.audio[start : start + samples].astype(np.float32)
            babble += voice / max(noise.rms(voice), 1.0)
        return babble


def words_inside(bulletin: Bulletin, window: Window) -> tuple[TimedWord, ...]:
    """The words whose whole span lies inside the window, TOLERANCE_S aside, at their times in the window."""
    end_s = window.start_s + window.span_s
    first = int(np.searchsorted(bulletin.starts_s, window.start_s - TOLERANCE_S))
    last = int(np.searchsorted(bulletin.ends_s, end_s + TOLERANCE_S, side="right"))
    return tuple(
        TimedWord(
            bulletin.texts[i],
            max(0.0, float(bulletin.starts_s[i] - window.start_s) / window.speed),
            min(window.span_s, float(bulletin.ends_s[i] - window.start_s)) / window.speed,
        )
        for i in range(first, last)
    )


def _cut_duration_s(rng: np.random.Generator) -> float:
    """Mostly what a transcriber hears (a chunk and its lead fill the context), but every shorter length too."""
    kind = rng.random()
    if kind < 0.55:
        return float(rng.uniform(0.9 * LONGEST_S, LONGEST_S))
    return float(rng.uniform(1.0, 4.5) if kind < 0.75 else rng.uniform(4.5, 0.9 * LONGEST_S))


def _whole_span(bulletin: Bulletin, speed: float, rng: np.random.Generator) -> tuple[float, float]:
    """Start and end of one to three whole sentences, from within the pause before to within the pause after."""
    firsts = bulletin.sentence_first
    sentence = int(rng.integers(0, len(firsts)))
    start_s = float(bulletin.starts_s[firsts[sentence]])
    before_s = float(bulletin.ends_s[firsts[sentence] - 1]) if sentence else start_s
    wanted_s = float(rng.uniform(1.0, LONGEST_S)) * speed
    until = sentence
    while until + 1 < len(firsts) and _end_s(bulletin, until + 1) - start_s < wanted_s:
        until += 1
    end_s = _end_s(bulletin, until)
    after_s = bulletin.duration_s if until + 1 == len(firsts) else float(bulletin.starts_s[firsts[until + 1]])
    start_s = float(rng.uniform(before_s, start_s))
    end_s = float(rng.uniform(end_s, after_s))
    longest_s = (LONGEST_S - 0.01) * speed
    return start_s, min(end_s, start_s + longest_s)


def _end_s(bulletin: Bulletin, sentence: int) -> float:
    firsts = bulletin.sentence_first
    last = firsts[sentence + 1] if sentence + 1 < len(firsts) else len(bulletin.texts)
    return float(bulletin.ends_s[last - 1])


def _slice(bulletin: Bulletin, window: Window) -> Audio:
    start = round(window.start_s * SAMPLE_RATE)
    end = start + round(window.span_s * SAMPLE_RATE)
    return bulletin.audio[start:end].astype(np.float32) / np.float32(32768)


def _quiet(samples: int, rng: np.random.Generator) -> Audio:
    """Silence, noise or music, and nobody speaking."""
    if rng.random() < 0.2:
        return np.zeros(samples, np.float32)
    kind = noise.KINDS[int(rng.integers(0, len(noise.KINDS)))]
    if rng.random() < 0.4:
        kind = "music"
    return _at_gain(noise.noise(kind, samples, rng), float(rng.uniform(-60, 0)))


def _at_gain(audio: NDArray[np.float32], gain_db: float) -> Audio:
    """The same with its peak `gain_db` below full scale."""
    peak = float(np.abs(audio).max(initial=0.0))
    if peak <= 0:
        return audio
    return np.asarray(audio * (10 ** (gain_db / 20) / peak), np.float32)
