"""On-the-fly augmentation: effects with probabilities and strengths, as text for the command line and plan.json."""

from __future__ import annotations

import copy
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.augmentation import effects
from trainer.augmentation.sounds import Sounds
from trainer.errors import PlanError

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Kind:
    """An effect.

    Attributes:
        does, unit: shown in help texts.
        usual: default range of its strength.
        allowed: valid range of its strength.
        apply: the function on audio [n], with a strength, the sounds of its folder, and a random generator.
        takes_folder: whether it can use recordings of a folder.
        lengthens: whether its strength divides the length of the audio.
    """

    does: str
    unit: str
    usual: tuple[float, float]
    allowed: tuple[float, float]
    apply: Callable[[Audio, float, Sounds | None, np.random.Generator], Audio]
    takes_folder: bool = False
    lengthens: bool = False


#: In the order of the signal path: speaker, room, studio, line, transmitter.
KINDS: Mapping[str, Kind] = {
    "speed": Kind("faster or slower, with the pitch", "times", (0.9, 1.1), (0.5, 2.0), effects.speed, lengthens=True),
    "tempo": Kind("faster or slower at the same pitch", "times", (0.9, 1.1), (0.5, 2.0), effects.tempo, lengthens=True),
    "pitch": Kind("higher or lower at the same speed", "semitones", (-2, 2), (-12, 12), effects.pitch),
    "room": Kind(
        "reverberation: impulse responses, or decaying noise", "s to -60 dB", (0.1, 0.6), (0.02, 5), effects.room, True
    ),
    "noise": Kind("noise, at a signal-to-noise ratio", "dB", (5, 30), (-20, 80), effects.noise, True),
    "music": Kind("music, at a signal-to-noise ratio", "dB", (5, 30), (-20, 80), effects.music, True),
    "telephone": Kind("300-3400 Hz, 8 kHz, µ-law", "", (1, 1), (1, 1), effects.telephone),
    "band": Kind("low-pass filter", "Hz", (2500, 7000), (500, 8000), effects.band),
    "mp3": Kind("MP3 coding", "kbit/s", (12, 32), (9, 160), effects.mp3),
    "opus": Kind("Opus coding", "kbit/s", (6, 24), (6, 128), effects.opus),
    "overdrive": Kind("clipped peaks", "dB", (3, 12), (0, 40), effects.overdrive),
    "gain": Kind("louder or quieter", "dB", (-20, 0), (-60, 30), effects.gain),
}

PRESETS: Mapping[str, str] = {
    "none": "",
    "light": "speed:0.3:0.9..1.1,noise:0.3:15..40,gain:0.5:-20..0",
    # What stations broadcast: fast hosts, guests on the telephone, music beds, and low bit rates.
    "radio": "speed:0.2:0.95..1.05,tempo:0.2:0.9..1.15,pitch:0.2:-2..2,room:0.15:0.1..0.6,noise:0.3:5..35,"
    "music:0.3:3..30,telephone:0.08:1..1,band:0.15:2500..7000,mp3:0.15:12..32,opus:0.1:6..24,overdrive:0.05:3..12,"
    "gain:0.5:-25..0",
}


@dataclass(frozen=True)
class Setting:
    """The probability and strength of an effect, and the folder of its sounds (empty: synthesized)."""

    name: str
    probability: float
    low: float
    high: float
    folder: str = ""

    def __str__(self) -> str:
        words = [self.name, _number(self.probability), f"{_number(self.low)}..{_number(self.high)}"]
        return ":".join([*words, self.folder] if self.folder else words)


def parse(text: str) -> tuple[Setting, ...]:
    """Parse `PRESET,NAME:PROBABILITY:LOW..HIGH:FOLDER,…`; a later setting replaces an earlier one of the same effect.

    Trailing parts may be omitted: `pitch`, `pitch:0.3`, `pitch:0.3:-1..1`. `pitch:0` removes the effect.

    Raises:
        PlanError: a setting is invalid; the message names it.
    """
    settings: dict[str, Setting] = {}
    for word in filter(None, (word.strip() for word in text.split(","))):
        for setting in parse(PRESETS[word]) if word in PRESETS else (_setting(word),):
            settings[setting.name] = setting
    return tuple(settings[name] for name in KINDS if name in settings and settings[name].probability > 0)


def text_of(settings: Sequence[Setting]) -> str:
    """Format settings; the inverse of `parse`."""
    return ",".join(map(str, settings)) or "none"


class Augmentation:
    """A chain of effects on audio: an `Augment` of `trainer.training.clip_source`.

    Each effect has its own random stream, seeded by its name: adding an effect does not change the draws of the others.

    Raises:
        SourceError: a folder has no recordings.
    """

    def __init__(self, settings: Sequence[Setting], cache: Path | None = None) -> None:
        self.settings = tuple(settings)
        folders = dict.fromkeys(setting.folder for setting in self.settings if setting.folder)
        self._sounds = {folder: Sounds(Path(folder), cache) for folder in folders}

    @property
    def most_lengthening(self) -> float:
        """The maximum factor by which a clip may become longer."""
        return math.prod(1 / setting.low for setting in self.settings if KINDS[setting.name].lengthens)

    def only(self, setting: Setting, strength: float) -> Augmentation:
        """Return a chain of one of the effects, with probability 1 and a fixed strength."""
        alone = copy.copy(self)
        alone.settings = (replace(setting, probability=1.0, low=strength, high=strength),)
        return alone

    def drawn(self, rng: np.random.Generator) -> dict[str, float]:
        """Return the strengths of the effects that `__call__` would apply with the same generator."""
        return {setting.name: strength for setting, strength, _ in self._plan(rng)}

    def lengthening(self, rng: np.random.Generator) -> float:
        return math.prod(1 / strength for _, strength, _ in self._plan(rng, only_lengthening=True))

    def __call__(self, audio: Audio, rng: np.random.Generator) -> Audio:
        """Apply the effects to mono audio of SAMPLE_RATE in -1…1, [n]; the result is also in -1…1.

        Raises:
            ValueError: a sample is NaN or infinite.
        """
        if not np.isfinite(audio).all():
            raise ValueError("audio to augment has samples that are NaN or infinite")
        plan, lengthening = list(self._plan(rng)), 1.0
        samples = len(audio)
        for setting, strength, stream in plan if samples else ():
            kind = KINDS[setting.name]
            audio = kind.apply(audio, strength, self._sounds.get(setting.folder), stream)
            lengthening *= 1 / strength if kind.lengthens else 1.0
        peak = float(np.abs(audio).max(initial=0.0))
        audio = audio if peak <= 1 else audio / np.float32(peak)
        return _resized(audio, round(samples * lengthening))

    def _plan(
        self, rng: np.random.Generator, only_lengthening: bool = False
    ) -> Iterator[tuple[Setting, float, np.random.Generator]]:
        """Yield the drawn effects, their strengths, and their random streams."""
        key = int(rng.integers(0, 1 << 62))
        for setting in self.settings:
            if only_lengthening and not KINDS[setting.name].lengthens:
                continue
            stream = np.random.default_rng([key, zlib.crc32(setting.name.encode())])
            draw, strength = stream.random(), float(stream.uniform(setting.low, setting.high))
            if draw < setting.probability:
                yield setting, strength, stream


def _setting(word: str) -> Setting:
    name, *rest = word.split(":", 3)
    if name not in KINDS:
        raise PlanError(f"--augment: no effect or preset {name!r}; choose from {', '.join([*PRESETS, *KINDS])}")
    kind = KINDS[name]
    try:
        probability = float(rest[0]) if rest and rest[0] else 1.0
        low, high = map(float, rest[1].split("..")) if len(rest) > 1 and rest[1] else kind.usual
    except ValueError:
        raise PlanError(
            f"--augment: {word!r} is not NAME:PROBABILITY:LOW..HIGH, such as {name}:0.5:{_usual(kind)}"
        ) from None
    least, most = kind.allowed
    if not (0 <= probability <= 1 and least <= low <= high <= most):
        raise PlanError(
            f"--augment: {word!r}: the probability is from 0 to 1, and {name} from {least:g} to {most:g} {kind.unit}"
        )
    folder = rest[2] if len(rest) > 2 else ""
    if folder and not kind.takes_folder:
        raise PlanError(f"--augment: {name} takes no folder ({folder!r})")
    return Setting(name, probability, low, high, folder)


def _usual(kind: Kind) -> str:
    return "..".join(map(_number, kind.usual))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _resized(audio: Audio, samples: int) -> Audio:
    """Pad or cut audio: two effects that change the length may round differently from their product."""
    if len(audio) == samples:
        return audio
    return np.pad(audio, (0, max(0, samples - len(audio))))[:samples]
