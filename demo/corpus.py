"""Endless training examples: random windows of synthesized bulletins, with the distortions of radio.

Example i depends only on (seed, i). Most windows are cut at arbitrary points, so words are cut at both ends; a word
belongs to the text only if all of it is inside the window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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

#: A word may exceed the window by this much and still count, since its edges are faint.
TOLERANCE_S = 0.06
#: The longest window: the model's acoustic context.
LONGEST_S = 7.0

#: Share of windows cut at arbitrary points, and of windows with whole sentences; the rest has no speech.
CUT_SHARE, WHOLE_SHARE = 0.75, 0.19
#: Share of examples with noise, with a narrowed band, at another speed, and (if not quiet) with silence appended.
NOISE_SHARE, NARROW_SHARE, SPEED_SHARE, PADDED_SHARE = 0.85, 0.2, 0.3, 0.3
#: Share of cut windows with a longer pause than between two sentences, and its length in seconds: a model not trained
#: on such pauses takes them for the end and omits what is said after them.
GAP_SHARE, GAP_S = 0.35, (0.4, 4.0)
#: Share of gaps before all speech, and after it; the others are between two sentences.
GAP_FIRST_SHARE, GAP_LAST_SHARE = 0.4, 0.15
#: Share of windows without a gap in which sentences follow each other closely, and the pause between them, in seconds.
TIGHT_SHARE, TIGHT_S = 0.5, (0.0, 0.15)
#: Loudness of the sound in a gap, relative to the speech, in decibels.
GAP_MUSIC_DB, GAP_NOISE_DB = (-12.0, 4.0), (-50.0, -20.0)
#: Share of cut windows that begin at a word: ingest starts chunks in pauses and between words if possible.
AT_WORD_SHARE = 0.5
#: Signal-to-noise ratios in decibels. Half of the noise is loud, where results for whole sentences and cut windows
#: differ most.
LOUD_SHARE, LOUD_SNR_DB, SOFT_SNR_DB = 0.5, (3.0, 15.0), (15.0, 40.0)
GAIN_DB = (-30.0, 0.0)
SPEED = (0.92, 1.08)

#: Random streams of one example: its plan and its distortions are drawn separately.
_PLAN, _DISTURB = 0, 1


@dataclass(frozen=True)
class Gap:
    """A pause in a window: `duration_s` of a sound, inserted `at_s` into its speech."""

    at_s: float
    duration_s: float
    sound: Literal["silence", "noise", "music"]


@dataclass(frozen=True)
class Window:
    """The part of the pool that an example uses: `span_s` from `start_s` of a bulletin, in `duration_s` of audio.

    A gap is added to `duration_s`, and so is `silence_s`: digital silence at the end, as after a shorter window in a
    transcriber's fixed context.
    """

    kind: Literal["cut", "whole", "quiet"]
    bulletin: int
    start_s: float
    span_s: float
    speed: float
    duration_s: float
    gap: Gap | None = None
    silence_s: float = 0.0
    #: The longest pause between two sentences, in seconds; None: unchanged. Spans refer to the shortened bulletin.
    pause_s: float | None = None

    @property
    def whole_s(self) -> float:
        """Total length of its audio."""
        return self.duration_s + (self.gap.duration_s if self.gap else 0.0) + self.silence_s


class Corpus:
    """An ExampleSource over the first `shards` of the pool in `folder`."""

    def __init__(self, folder: Path, seed: int, shards: int, wait: bool = False) -> None:
        self._pool = Pool(folder, seed, wait)
        self._seed = seed
        self._bulletins = shards * BULLETINS_PER_SHARD

    def duration_s(self, index: int) -> float:
        return self.window(index).whole_s

    def window(self, index: int) -> Window:
        """Plan example `index`."""
        rng = np.random.default_rng([self._seed, _PLAN, index])
        number = int(rng.integers(0, self._bulletins))
        speed = float(rng.uniform(*SPEED)) if rng.random() < SPEED_SHARE else 1.0
        kind = rng.random()
        if kind < CUT_SHARE:
            return _cut_window(number, self._pool.bulletin(number), speed, rng)
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
        bulletin = with_short_pauses(self._pool.bulletin(window.bulletin), window.pause_s)
        audio = _slice(bulletin, window)
        spoken = min(round(window.span_s / window.speed * SAMPLE_RATE), samples)
        audio = noise.faster(audio, spoken) if window.speed != 1.0 else audio[:spoken]
        audio = np.pad(audio, (0, samples - len(audio)))
        if window.gap:
            place = round(window.gap.at_s * SAMPLE_RATE)
            audio = np.concatenate([audio[:place], _sound(window.gap, audio, rng), audio[place:]])
        silence = np.zeros(round(window.silence_s * SAMPLE_RATE), np.float32)
        audio = np.concatenate([self._disturb(audio, rng), silence])
        return Example(audio, bulletin.language, words_inside(bulletin, window))

    def _disturb(self, audio: Audio, rng: np.random.Generator) -> Audio:
        if rng.random() < NOISE_SHARE and audio.any():
            snr_db = float(rng.uniform(*(LOUD_SNR_DB if rng.random() < LOUD_SHARE else SOFT_SNR_DB)))
            audio = noise.at_snr(audio, self._disturbance(len(audio), rng), snr_db)
        if rng.random() < NARROW_SHARE:
            audio = noise.narrow(audio, rng)
        return _at_gain(audio, float(rng.uniform(*GAIN_DB)))

    def _disturbance(self, samples: int, rng: np.random.Generator) -> Audio:
        kinds = (*noise.KINDS, noise.BED)
        choice = int(rng.integers(0, len(kinds) + 1))
        if choice < len(kinds):
            return noise.noise(kinds[choice], samples, rng)
        babble = np.zeros(samples, np.float32)
        for _ in range(4):
            bulletin = self._pool.bulletin(int(rng.integers(0, self._bulletins)))
            start = int(rng.integers(0, len(bulletin.audio) - samples))
            voice = bulletin.audio[start : start + samples].astype(np.float32)
            babble += voice / max(noise.rms(voice), 1.0)
        return babble


def words_inside(bulletin: Bulletin, window: Window) -> tuple[TimedWord, ...]:
    """The words that lie completely inside the window, within TOLERANCE_S, with their times in the window."""
    end_s = window.start_s + window.span_s
    first = int(np.searchsorted(bulletin.starts_s, window.start_s - TOLERANCE_S))
    last = int(np.searchsorted(bulletin.ends_s, end_s + TOLERANCE_S, side="right"))
    words = []
    for i in range(first, last):
        start_s = max(0.0, float(bulletin.starts_s[i] - window.start_s) / window.speed)
        stop_s = min(window.span_s, float(bulletin.ends_s[i] - window.start_s)) / window.speed
        # A gap is between two sentences; a word belongs to the side that contains most of it.
        late_s = window.gap.duration_s if window.gap and (start_s + stop_s) / 2 >= window.gap.at_s else 0.0
        words.append(TimedWord(bulletin.texts[i], start_s + late_s, stop_s + late_s))
    return tuple(words)


def with_short_pauses(bulletin: Bulletin, pause_s: float | None) -> Bulletin:
    """The bulletin with pauses between sentences shortened to at most `pause_s`; None leaves it unchanged."""
    if pause_s is None:
        return bulletin
    firsts = bulletin.sentence_first[1:]
    pauses = [(float(bulletin.ends_s[first - 1]) + pause_s, float(bulletin.starts_s[first])) for first in firsts]
    parts, start, earlier_s = [], 0, np.zeros(len(bulletin.starts_s))
    for first, (from_s, to_s) in zip(firsts, pauses, strict=True):
        if to_s > from_s:
            parts.append(bulletin.audio[start : round(from_s * SAMPLE_RATE)])
            start = round(to_s * SAMPLE_RATE)
            earlier_s[first:] += to_s - from_s
    audio = np.concatenate([*parts, bulletin.audio[start:]])
    return replace(bulletin, audio=audio, starts_s=bulletin.starts_s - earlier_s, ends_s=bulletin.ends_s - earlier_s)


def _cut_window(number: int, bulletin: Bulletin, speed: float, rng: np.random.Generator) -> Window:
    """A window cut at arbitrary points, perhaps with a gap."""
    whole_s = _cut_duration_s(rng)
    if rng.random() < GAP_SHARE and whole_s > GAP_S[0] + 1.0:
        return _gapped_window(number, bulletin, speed, whole_s, rng)
    pause_s = float(rng.uniform(*TIGHT_S)) if rng.random() < TIGHT_SHARE else None
    bulletin = with_short_pauses(bulletin, pause_s)
    span_s = whole_s * speed
    start_s = float(rng.uniform(0, bulletin.duration_s - span_s))
    if rng.random() < AT_WORD_SHARE:
        next_word = min(int(np.searchsorted(bulletin.starts_s, start_s)), len(bulletin.starts_s) - 1)
        before_s = float(rng.uniform(0.0, 0.1))
        start_s = float(np.clip(bulletin.starts_s[next_word] - before_s, 0.0, bulletin.duration_s - span_s))
    silence_s = float(rng.uniform(0, LONGEST_S - whole_s)) if rng.random() < PADDED_SHARE else 0.0
    return Window("cut", number, start_s, span_s, speed, whole_s, None, silence_s, pause_s)


def _gapped_window(number: int, bulletin: Bulletin, speed: float, whole_s: float, rng: np.random.Generator) -> Window:
    """A window with a gap where a sentence begins."""
    gap_s = float(rng.uniform(GAP_S[0], min(GAP_S[1], whole_s - 1.0)))
    duration_s = whole_s - gap_s
    sentence = int(rng.integers(0, len(bulletin.sentence_first)))
    first = bulletin.sentence_first[sentence]
    before_s = float(bulletin.ends_s[first - 1]) if first else 0.0
    border_s = float(rng.uniform(before_s, float(bulletin.starts_s[first])))
    kind = rng.random()
    at_s = 0.0 if kind < GAP_FIRST_SHARE else duration_s if kind > 1 - GAP_LAST_SHARE else rng.uniform(0, duration_s)
    span_s = duration_s * speed
    start_s = float(np.clip(border_s - at_s * speed, 0.0, bulletin.duration_s - span_s))
    at_s = float(np.clip((border_s - start_s) / speed, 0.0, duration_s))
    sounds: tuple[Literal["silence", "noise", "music"], ...] = ("silence", "noise", "music", "music")
    return Window(
        "cut", number, start_s, span_s, speed, duration_s, Gap(at_s, gap_s, sounds[int(rng.integers(0, len(sounds)))])
    )


def _sound(gap: Gap, speech: Audio, rng: np.random.Generator) -> Audio:
    """The sound in a gap of `speech`."""
    samples = round(gap.duration_s * SAMPLE_RATE)
    if gap.sound == "silence":
        return np.zeros(samples, np.float32)
    kind = ("music", noise.BED)[int(rng.integers(0, 2))] if gap.sound == "music" else "pink"
    level_db = float(rng.uniform(*(GAP_MUSIC_DB if gap.sound == "music" else GAP_NOISE_DB)))
    loudness = max(noise.active_rms(speech), 1e-4) * 10 ** (level_db / 20)
    return np.asarray(noise.noise(kind, samples, rng) * loudness, np.float32)


def _cut_duration_s(rng: np.random.Generator) -> float:
    """Mostly the length that a transcriber decodes (a chunk and its lead fill the context), but also shorter ones."""
    kind = rng.random()
    if kind < 0.6:
        return float(rng.uniform(0.78 * LONGEST_S, LONGEST_S))
    return float(rng.uniform(1.0, 4.5) if kind < 0.8 else rng.uniform(4.5, 0.78 * LONGEST_S))


def _whole_span(bulletin: Bulletin, speed: float, rng: np.random.Generator) -> tuple[float, float]:
    """Start and end of one to three whole sentences, within the pauses before and after them."""
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
    """Silence, noise or music, without speech."""
    if rng.random() < 0.2:
        return np.zeros(samples, np.float32)
    kind = noise.KINDS[int(rng.integers(0, len(noise.KINDS)))]
    if rng.random() < 0.4:
        kind = ("music", noise.BED)[int(rng.integers(0, 2))]
    return _at_gain(noise.noise(kind, samples, rng), float(rng.uniform(-60, 0)))


def _at_gain(audio: NDArray[np.float32], gain_db: float) -> Audio:
    """Scale audio so that its peak is `gain_db` relative to full scale."""
    peak = float(np.abs(audio).max(initial=0.0))
    if peak <= 0:
        return audio
    return np.asarray(audio * (10 ** (gain_db / 20) / peak), np.float32)
