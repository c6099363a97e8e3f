"""Sounds for the detector's benchmark: long recordings with known times of speech, and without any speech.

All sounds are synthetic except the recordings of `--audio`. The same seeds give the same sounds.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from demo import music, noise, programme
from demo.bulletins import LANGUAGES, sentence
from demo.voices import Voice, speak, voice_names
from ingest.media.ffmpeg import Process, decode_command
from wire.audio import SAMPLE_RATE_HZ, samples, seconds

Audio = NDArray[np.float32]
Span = tuple[float, float]

#: Loudness of speech on the radio, and of barely audible speech.
SPEECH_DBFS, FAINT_DBFS = -23.0, -49.0
#: Pause between two readers, so that many chunks contain only the beginning or the end of a sentence.
GAP_S = (4.0, 14.0)
#: A block of a recording counts as speech if it is at most this far below the loudest blocks, and at least this far
#: above the faintest ones, which are room noise.
REAL_SPEECH_BELOW_DB, REAL_SPEECH_ABOVE_DB = 25.0, 6.0
#: Values of the column `kind` in SOURCES.tsv: with and without speech.
KINDS = ("speech", "nospeech")

_LONE = {"sv": ("Ja.", "Nej.", "Tack.", "Just det."), "en": ("Yes.", "No.", "Thanks.", "Quite so.")}


@dataclass(frozen=True)
class Sound:
    """Mono 16 kHz audio, and the times of speech in it, in seconds."""

    name: str
    audio: Audio = field(repr=False)
    speech: tuple[Span, ...] = ()

    def changed(self, how: str, audio: Audio) -> Sound:
        """The same times of speech with other audio."""
        return Sound(f"{self.name}, {how}", np.asarray(audio, np.float32), self.speech)


def radio(duration_s: float, seed: int = 1) -> Sound:
    """The demo station: readers, beds, jingles, stings, music between stories."""
    parts: list[Audio] = []
    spans: list[Span] = []
    at_s = 0.0
    for item in programme.endless(seed):
        audio = _mono(item.audio.astype(np.float32) / np.float32(32768))
        spans += [(at_s + word.start_s, at_s + word.end_s) for spoken in item.spoken for word in spoken.words]
        parts.append(audio)
        at_s += seconds(len(audio))
        if at_s >= duration_s:
            return Sound("demo station", np.concatenate(parts), tuple(spans))
    raise AssertionError("the station is endless")


def readers(count: int, *, lone_words: bool = False, seed: int = 2) -> Sound:
    """A sentence, or a lone word, by each of many voices, with long pauses between them."""
    rng = random.Random(seed)
    clips = []
    for number in range(count):
        language = LANGUAGES[number % len(LANGUAGES)]
        names = voice_names(language, "held-out")
        voice = Voice(names[number * 7 % len(names)], language, rng.randint(25, 75), rng.randint(135, 195))
        speech = speak(rng.choice(_LONE[language]) if lone_words else sentence(language, rng, "held-out"), voice)
        words = [(word.start_s, word.end_s) for word in speech.words]
        clips.append((speech.audio.astype(np.float32) / np.float32(32768), words))
    return _with_gaps("lone words" if lone_words else "readers", clips, rng)


def disturbed(clean: Sound) -> Iterator[Sound]:
    """The same speech unchanged, in noise and music, by telephone, and at a very low level."""
    rng = np.random.default_rng(3)
    count = len(clean.audio)
    yield clean
    for kind in ("white", "pink", "brown", "hum"):
        yield clean.changed(f"{kind} at 10 dB", noise.at_snr(clean.audio, _noise(kind, count, rng), 10))
    bed = np.resize(_mono(music.bed(120, random.Random(4))), count)
    for snr_db in (20, 10, 5):
        yield clean.changed(f"music at {snr_db} dB", noise.at_snr(clean.audio, bed, snr_db))
    yield clean.changed("telephone", noise.band(clean.audio, 300, 3400))
    faint = np.float32(10 ** ((FAINT_DBFS - SPEECH_DBFS) / 20))
    yield clean.changed(f"{FAINT_DBFS:g} dBFS", clean.audio * faint)
    faint_pink = noise.at_snr(clean.audio, _noise("pink", count, rng), 10) * faint
    yield clean.changed(f"{FAINT_DBFS:g} dBFS, pink at 10 dB", faint_pink)


def speechless(duration_s: float) -> Iterator[Sound]:
    """Music, noise and silence, each of the given duration."""
    rng, numpy_rng, count = random.Random(5), np.random.default_rng(5), samples(duration_s)
    pieces: list[Audio] = []
    while sum(map(len, pieces)) < count:
        played = (music.jingle(rng.choice(LANGUAGES), rng), music.sting(rng), music.bed(rng.uniform(5, 40), rng))
        for stereo in played:
            pieces += [_mono(music.at_level(stereo, SPEECH_DBFS)), np.zeros(samples(rng.uniform(0, 2)), np.float32)]
    yield Sound("jingles, stings, beds", np.concatenate(pieces)[:count])
    for kind in noise.KINDS:
        for dbfs in (-20, -50):
            audio = _noise(kind, count, numpy_rng) * np.float32(10 ** (dbfs / 20))
            yield Sound(f"{'tones' if kind == 'music' else kind} at {dbfs} dBFS", audio)
    yield Sound("dither", numpy_rng.normal(0, 10 ** (-80 / 20), count).astype(np.float32))


def recordings(folder: Path) -> tuple[Sound | None, list[Sound]]:
    """The speech of a folder, joined with pauses, and each of its recordings without speech.

    They are classified by SOURCES.tsv (columns `file` and `kind`) if there is one, else by a subfolder `nospeech`.
    """
    clips, without = [], []
    for path, kind in sorted(_listed(folder)):
        audio = _decoded(path)
        if kind == "speech" and len(audio):
            clips.append((audio, _loud_spans(audio)))
        elif kind == "nospeech":
            without.append(Sound(path.name, audio))
    return (_with_gaps("recordings", clips, random.Random(6)) if clips else None), without


def _listed(folder: Path) -> Iterable[tuple[Path, str]]:
    table = folder / "SOURCES.tsv"
    if table.exists():
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return [(folder / row["file"], row["kind"]) for row in rows if row["kind"] in KINDS]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [(path, "nospeech" if path.parent.name == "nospeech" else "speech") for path in files]


def _decoded(path: Path) -> Audio:
    with Process(decode_command(str(path), remote=False, live=False)) as process:
        pcm = b"".join(process.read(stall_s=60))
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)


def _loud_spans(audio: Audio) -> list[Span]:
    """Times of recorded speech, estimated from its loudness."""
    step = samples(0.02)
    blocks = audio[: len(audio) // step * step].reshape(-1, step)
    levels = np.sqrt(np.square(blocks).mean(1))
    room, loudest = np.percentile(levels, (5, 95)) * 10 ** (
        np.array([REAL_SPEECH_ABOVE_DB, -REAL_SPEECH_BELOW_DB]) / 20
    )
    loud = levels > max(room, loudest)
    return [(seconds(int(n) * step), seconds((int(n) + 1) * step)) for n in np.flatnonzero(loud)]


def _with_gaps(name: str, clips: Sequence[tuple[Audio, list[Span]]], rng: random.Random) -> Sound:
    parts: list[Audio] = []
    spans: list[Span] = []
    at_s = 0.0
    for audio, words in clips:
        levelled = audio * np.float32(10 ** (SPEECH_DBFS / 20) / max(noise.active_rms(audio), 1e-6))
        pause = np.zeros(samples(rng.uniform(*GAP_S)), np.float32)
        spans += [(at_s + start_s, at_s + end_s) for start_s, end_s in words]
        parts += [levelled, pause]
        at_s += seconds(len(audio) + len(pause))
    return Sound(name, np.concatenate(parts), tuple(spans))


def _noise(kind: str, count: int, rng: np.random.Generator) -> Audio:
    """Noise that may be longer than the bank it is cut from."""
    step = samples(noise.BANK_S / 2)
    return np.concatenate([noise.noise(kind, step, rng) for _ in range(0, count, step)])[:count]


def _mono(stereo: Audio) -> Audio:
    return np.asarray(soxr.resample(stereo.mean(1), music.RATE_HZ, SAMPLE_RATE_HZ), np.float32)
