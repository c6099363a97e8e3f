"""A listening sheet: an HTML page with clips before and after each augmentation effect, as audio and spectrogram.

The page is self-contained: audio is lossless FLAC, and the log-mel features are PNG.
"""

from __future__ import annotations

import base64
import html
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import matplotlib.image
import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from trainer.augmentation import noises
from trainer.augmentation.augment import KINDS, Augmentation, Setting, text_of
from trainer.corpus.clips import Clip, Corpus
from trainer.examples import SAMPLE_RATE
from trainer.models.features import LogMel
from trainer.reports import page

Audio = NDArray[np.float32]

#: Random draws of all effects together, as in training, per clip.
TOGETHER = 4
#: The cost of an effect is measured on at least this much audio, for this much time.
_COST_S, _MEASURED_S = 5.0, 0.15

#: The columns of `cost_rows`.
COST_HEAD = ("effect", "probability", "strength", "ms per second of audio", "on average")

#: The name of the clip without augmentation.
_ORIGINAL = "original"

_STYLE = """\
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem }
figure { margin: 0; padding: .6rem; border: 1px solid var(--line); border-radius: .4rem }
figure.before { background: var(--code) }
figcaption { font-size: .85rem; min-height: 2.6em }
img { width: 100%; height: 7rem; image-rendering: auto; display: block }
audio { width: 100%; height: 2.2rem; margin-top: .4rem }
"""


@dataclass(frozen=True)
class Sample:
    """One player of the sheet: its name, a description, and the audio."""

    name: str
    description: str
    audio: Audio


@dataclass(frozen=True)
class Cost:
    """The cost of an effect in milliseconds of one core per second of audio; on average, weighted by probability."""

    setting: Setting
    ms_per_s: float

    @property
    def average_ms_per_s(self) -> float:
        return self.ms_per_s * self.setting.probability


def choose(clips: Sequence[Clip], count: int, seed: int) -> list[Clip]:
    """Random clips with speech, of different speakers if there are enough."""
    spoken = [clip for clip in clips if clip.text]
    order = np.random.default_rng(seed).permutation(len(spoken))
    by_speaker = {spoken[i].speaker or spoken[i].id: spoken[i] for i in reversed(order)}
    first = list(reversed(by_speaker.values()))
    chosen = {clip.id for clip in first}
    rest = [spoken[i] for i in order if spoken[i].id not in chosen]
    return [*first, *rest][:count]


def effects_on(audio: Audio, augmentation: Augmentation, place: float, seed: int) -> Iterator[Sample]:
    """The original clip, then with each effect alone, then with all effects at their probabilities.

    Args:
        place: 0…1, within the range of each strength.
    """
    yield Sample(_ORIGINAL, f"{len(audio) / SAMPLE_RATE:.2f} s", audio)
    for setting in augmentation.settings:
        strength = setting.low + place * (setting.high - setting.low)
        augmented = augmentation.only(setting, strength)(audio, np.random.default_rng([seed, 0]))
        unit = f" {strength:.4g} {KINDS[setting.name].unit}" if KINDS[setting.name].unit else ""
        yield Sample(f"{setting.name}{unit}", KINDS[setting.name].does, augmented)
    for index in range(TOGETHER):
        augmented = augmentation(audio, np.random.default_rng([seed, index, 1]))
        effects = augmentation.drawn(np.random.default_rng([seed, index, 1]))
        description = ", ".join(f"{name} {strength:.4g}" for name, strength in effects.items()) or "no effect"
        yield Sample(f"as in training, {index + 1}", description, augmented)


def costs(audio: Audio, augmentation: Augmentation) -> list[Cost]:
    """Measure each effect on one core of this machine, excluding the one-off generation of noises."""
    audio = np.resize(audio, max(len(audio), round(_COST_S * SAMPLE_RATE)))
    for kind in (*noises.NOISES, noises.MUSIC):
        noises.bank(kind)
    measured = []
    for setting in augmentation.settings:
        effect = augmentation.only(setting, setting.low)
        effect(audio, np.random.default_rng(0))
        rounds, start_s = 0, time.perf_counter()
        while (elapsed_s := time.perf_counter() - start_s) < _MEASURED_S:
            effect(audio, np.random.default_rng(rounds))
            rounds += 1
        measured.append(Cost(setting, 1000 * elapsed_s / rounds / (len(audio) / SAMPLE_RATE)))
    return measured


def sheet(corpus: Corpus, clips: Sequence[Clip], augmentation: Augmentation, seed: int) -> tuple[str, list[Cost]]:
    """The sheet, and the costs of the effects."""
    measured = costs(np.concatenate([corpus.audio(clip) for clip in clips]), augmentation)
    parts = [
        page.code(f"--augment {text_of(augmentation.settings)}"),
        page.text(
            "Each effect has its lowest value on the first clip, and its highest on the last. The images are Whisper's "
            "log-mel features: 80 mel bands from 0 to 8 kHz, one column per 10 ms."
        ),
        page.table(COST_HEAD, cost_rows(measured), words=3),
    ]
    log_mel = LogMel()
    for number, clip in enumerate(clips):
        about = ", ".join(filter(None, (clip.speaker[:12], clip.accent, clip.gender, clip.source)))
        parts += [f"<h2>{html.escape(clip.text)}</h2>", page.text(f"{clip.id}: {about}")]
        place = number / max(1, len(clips) - 1)
        samples = effects_on(corpus.audio(clip), augmentation, place, seed + number)
        parts += ['<div class="cards">', *[_card(sample, log_mel) for sample in samples], "</div>"]
    return page.page("Augmentation", parts, _STYLE), measured


def cost_rows(measured: Sequence[Cost]) -> list[tuple[str, str, str, str, str]]:
    """Effect, probability, strength, ms per second of audio, and the same on average."""
    rows = [
        (
            cost.setting.name,
            f"{100 * cost.setting.probability:g} %",
            f"{cost.setting.low:g} to {cost.setting.high:g} {KINDS[cost.setting.name].unit}"
            if KINDS[cost.setting.name].unit
            else "",
            f"{cost.ms_per_s:.2f}",
            f"{cost.average_ms_per_s:.2f}",
        )
        for cost in measured
    ]
    return [*rows, ("all", "", "", "", f"{sum(cost.average_ms_per_s for cost in measured):.2f}")]


def _card(sample: Sample, log_mel: LogMel) -> str:
    kind = ' class="before"' if sample.name == _ORIGINAL else ""
    name, description = html.escape(sample.name), html.escape(sample.description)
    return (
        f'<figure{kind}><img alt="log-mel of: {name}" src="data:image/png;base64,{_picture(sample.audio, log_mel)}">'
        f'<audio controls preload="none" src="data:audio/flac;base64,{_flac(sample.audio)}"></audio>'
        f"<figcaption><b>{name}</b><br>{description}</figcaption></figure>"
    )


def _flac(audio: Audio) -> str:
    with io.BytesIO() as file:
        soundfile.write(file, np.clip(audio, -1, 1), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        return base64.b64encode(file.getvalue()).decode()


def _picture(audio: Audio, log_mel: LogMel) -> str:
    mels = log_mel(torch.from_numpy(np.ascontiguousarray(audio))[None])[0].numpy()
    with io.BytesIO() as file:
        matplotlib.image.imsave(file, mels, cmap="magma", origin="lower", vmin=-1.0, vmax=1.5, format="png")
        return base64.b64encode(file.getvalue()).decode()
