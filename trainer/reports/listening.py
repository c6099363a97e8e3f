"""A listening sheet: one HTML page of clips as they are and as each effect leaves them, to hear and to see.

Everything is inside the page: audio as FLAC, which changes no sample, and the log-mel that Whisper hears as PNG.
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

#: Draws of all effects together, as training hears them, on each clip.
TOGETHER = 4
#: The cost of an effect is measured on so much audio at least, over so much time.
_COST_S, _MEASURED_S = 5.0, 0.15

#: What a row of `cost_rows` has.
COST_HEAD = ("effect", "how often", "how strong", "ms a second of audio", "on average")

_STYLE = """\
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem }
figure { margin: 0; padding: .6rem; border: 1px solid var(--line); border-radius: .4rem }
figure.before { background: var(--code) }
figcaption { font-size: .85rem; min-height: 2.6em }
img { width: 100%; height: 7rem; image-rendering: auto; display: block }
audio { width: 100%; height: 2.2rem; margin-top: .4rem }
"""


@dataclass(frozen=True)
class Heard:
    """One player of the sheet: a name, what was done, and the audio."""

    name: str
    told: str
    audio: Audio


@dataclass(frozen=True)
class Cost:
    """What an effect costs: milliseconds of one core for a second of audio; and on average, as often as it comes."""

    setting: Setting
    ms_per_s: float

    @property
    def average_ms_per_s(self) -> float:
        return self.ms_per_s * self.setting.probability


def choose(clips: Sequence[Clip], count: int, seed: int) -> list[Clip]:
    """Clips with speech of different speakers, as far as there are so many."""
    spoken = [clip for clip in clips if clip.text]
    order = np.random.default_rng(seed).permutation(len(spoken))
    by_speaker = {spoken[i].speaker or spoken[i].id: spoken[i] for i in reversed(order)}
    first = list(reversed(by_speaker.values()))
    taken = {clip.id for clip in first}
    rest = [spoken[i] for i in order if spoken[i].id not in taken]
    return [*first, *rest][:count]


def effects_on(audio: Audio, augmentation: Augmentation, place: float, seed: int) -> Iterator[Heard]:
    """The clip as it is, after each effect alone, and after all together as often as they come.

    Args:
        place: 0…1, where in the range of each strength.
    """
    yield Heard("as it is", f"{len(audio) / SAMPLE_RATE:.2f} s", audio)
    for setting in augmentation.settings:
        strength = setting.low + place * (setting.high - setting.low)
        made = augmentation.only(setting, strength)(audio, np.random.default_rng([seed, 0]))
        unit = f" {strength:.4g} {KINDS[setting.name].unit}" if KINDS[setting.name].unit else ""
        yield Heard(f"{setting.name}{unit}", KINDS[setting.name].does, made)
    for index in range(TOGETHER):
        made = augmentation(audio, np.random.default_rng([seed, index, 1]))
        names = augmentation.drawn(np.random.default_rng([seed, index, 1]))
        told = ", ".join(f"{name} {strength:.4g}" for name, strength in names.items()) or "nothing, this time"
        yield Heard(f"as in training, {index + 1}", told, made)


def costs(audio: Audio, augmentation: Augmentation) -> list[Cost]:
    """Measure each effect on this machine, on one core, once the noises are made."""
    audio = np.resize(audio, max(len(audio), round(_COST_S * SAMPLE_RATE)))
    for kind in (*noises.NOISES, noises.MUSIC):
        noises.bank(kind)
    found = []
    for setting in augmentation.settings:
        alone = augmentation.only(setting, setting.low)
        alone(audio, np.random.default_rng(0))
        rounds, began_s = 0, time.perf_counter()
        while (took_s := time.perf_counter() - began_s) < _MEASURED_S:
            alone(audio, np.random.default_rng(rounds))
            rounds += 1
        found.append(Cost(setting, 1000 * took_s / rounds / (len(audio) / SAMPLE_RATE)))
    return found


def sheet(corpus: Corpus, clips: Sequence[Clip], augmentation: Augmentation, seed: int) -> tuple[str, list[Cost]]:
    """The sheet, and what the effects cost."""
    measured = costs(np.concatenate([corpus.audio(clip) for clip in clips]), augmentation)
    parts = [
        page.code(f"--augment {text_of(augmentation.settings)}"),
        page.text(
            "On the first clip each effect has its lowest value, on the last its highest. Pictures: what Whisper "
            "hears, 80 mel bands from 0 to 8 kHz, one column for 10 ms."
        ),
        page.table(COST_HEAD, cost_rows(measured), words=3),
    ]
    log_mel = LogMel()
    for number, clip in enumerate(clips):
        about = ", ".join(filter(None, (clip.speaker[:12], clip.accent, clip.gender, clip.source)))
        parts += [f"<h2>{html.escape(clip.text)}</h2>", page.text(f"{clip.id}: {about}")]
        place = number / max(1, len(clips) - 1)
        heard = effects_on(corpus.audio(clip), augmentation, place, seed + number)
        parts += ['<div class="cards">', *[_card(each, log_mel) for each in heard], "</div>"]
    return page.page("Augmentation", parts, _STYLE), measured


def cost_rows(measured: Sequence[Cost]) -> list[tuple[str, str, str, str, str]]:
    """Effect, how often, how strong, ms for a second of audio, and the same on average."""
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


def _card(heard: Heard, log_mel: LogMel) -> str:
    kind = ' class="before"' if heard.name == "as it is" else ""
    name, told = html.escape(heard.name), html.escape(heard.told)
    return (
        f'<figure{kind}><img alt="log-mel of: {name}" src="data:image/png;base64,{_picture(heard.audio, log_mel)}">'
        f'<audio controls preload="none" src="data:audio/flac;base64,{_flac(heard.audio)}"></audio>'
        f"<figcaption><b>{name}</b><br>{told}</figcaption></figure>"
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
