"""Speed of `prepare`, compared with simple decoding loops, on 48 kHz MP3 as in Common Voice.

The peers only decode and resample: a plain loop over soundfile and soxr, and transformers' `ffmpeg_read`, which its
pipelines use. Ours also checks each clip, removes duplicates, splits by speaker, and writes the corpus. All take turns,
so that other load on the machine affects each of them.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr
from tqdm import tqdm
from transformers.pipelines.audio_utils import ffmpeg_read

from benchmarks.training.measurement import Measurement
from demo import exam
from trainer.corpus.clips import Corpus, total_s
from trainer.corpus.decode import find_ffmpeg
from trainer.examples import SAMPLE_RATE

#: Clips, and rounds; the same with --quick.
CLIPS, ROUNDS = 900, 3
QUICK_CLIPS, QUICK_ROUNDS = 24, 1
#: Number of distinct sentences; the other clips repeat them with different noise.
SENTENCES = 100
#: Name of our own method, which has two rows if there are several cores.
OURS = "prepare"
#: Sample rate of the clips on disk, in Hz.
MP3_RATE = 48_000
_REPORTED = re.compile(r"([\d.]+) hours of audio prepared a minute")
#: ffmpeg starts a process per clip, so it reads only one clip in this many.
FFMPEG_ONE_IN = 6


@dataclass(frozen=True)
class Way:
    """A method to read the clips of a release: all of them, or one in `one_in`.

    `read` may write to a folder, which it creates. It returns its working time in seconds, without start-up; None if
    there is no start-up.
    """

    name: str
    processes: int
    read: Callable[[Sequence[Path], Path], float | None]
    one_in: int = 1


@dataclass(frozen=True)
class Turn:
    """Hours of audio per minute: without and with the program's start-up."""

    at_work: float
    in_all: float


def preparing(options: argparse.Namespace) -> Measurement:
    """Hours of audio per minute for each method: the median of its turns."""
    clips, rounds = (QUICK_CLIPS, QUICK_ROUNDS) if options.quick else (CLIPS, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="undertext-benchmark-") as folder:
        durations_s = release(Path(folder) / "release", clips)
        turns_by_way = race(Path(folder), durations_s, rounds, list(ways()))
    at_work = {way: statistics.median(turn.at_work for turn in turns) for way, turns in turns_by_way.items()}
    rows: list[dict[str, object]] = [
        {
            "of": way.name,
            "processes": way.processes,
            "hours of audio per minute": at_work[way],
            "including program start": statistics.median(turn.in_all for turn in turns),
        }
        for way, turns in turns_by_way.items()
    ]
    ours = max((way for way in turns_by_way if way.name == OURS), key=lambda way: way.processes)
    return Measurement(rows, {"prepare_hours_per_minute": at_work[ours]})


def race(folder: Path, durations_s: Mapping[Path, float], rounds: int, runners: Sequence[Way]) -> dict[Way, list[Turn]]:
    """Run all methods in turn, for some rounds."""
    turns_by_way: dict[Way, list[Turn]] = {way: [] for way in runners}
    with _ffmpeg_on_path(), tqdm(total=rounds * len(runners), unit="turn", desc="prepare") as bar:
        for turn in range(rounds):
            for way in runners:
                clips = list(durations_s)[:: way.one_in]
                audio_min = sum(durations_s[clip] for clip in clips) / 60
                began_s = time.perf_counter()
                worked_s = way.read(clips, folder / f"{turn}-{way.processes}")
                took_s = time.perf_counter() - began_s
                turns_by_way[way].append(Turn(audio_min / (worked_s or took_s), audio_min / took_s))
                bar.update()
    return turns_by_way


def ways() -> Iterator[Way]:
    """Ours with one process and with one per core; and those of the peers."""
    for processes in sorted({1, os.cpu_count() or 1}):
        yield Way(OURS, processes, partial(_prepared, processes))
    yield Way("soundfile and soxr, decoding alone", 1, _by_soundfile)
    yield Way("ffmpeg_read of transformers, decoding alone", 1, _by_ffmpeg, FFMPEG_ONE_IN)


def release(folder: Path, clips: int) -> dict[Path, float]:
    """Make a release of synthetic speech in Common Voice's layout; return the clips with their durations in seconds."""
    audio_folder = folder / "clips"
    audio_folder.mkdir(parents=True)
    spoken = exam.sentences("en", min(clips, SENTENCES), exam.PROMISED_SNR_DB)
    lines = ["client_id\tpath\tsentence\tlocale"]
    durations_s = {}
    for number in tqdm(range(clips), unit="clip", desc="make a release", leave=False):
        example = spoken[number % len(spoken)]
        # Identical clips would be dropped as duplicates; the noise does not affect decoding speed.
        audio = example.audio + np.random.default_rng(number).normal(0, 1e-3, len(example.audio)).astype(np.float32)
        path = audio_folder / f"common_voice_en_{number}.mp3"
        soundfile.write(path, soxr.resample(audio, SAMPLE_RATE, MP3_RATE), MP3_RATE)
        lines.append(f"speaker-{number}\t{path.name}\t{example.text}\ten")
        durations_s[path] = example.duration_s
    (folder / "train.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return durations_s


def _prepared(processes: int, clips: Sequence[Path], out: Path) -> float:
    """Run `prepare`; return its reported working time in seconds, without start-up and reading of lists."""
    words = ["prepare", "--source", clips[0].parents[1], "--out", out, "--processes", processes]
    command = [sys.executable, "-m", "trainer", *map(str, words)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    prepared = Corpus(out).clips
    reported = _REPORTED.search(output)
    if len(prepared) != len(clips) or reported is None:
        raise RuntimeError(f"{len(clips) - len(prepared)} of {len(clips)} clips were dropped:\n{output}")
    return total_s(prepared) / 60 / float(reported[1])


def _by_soundfile(clips: Sequence[Path], out: Path) -> None:
    for clip in clips:
        samples, rate = soundfile.read(clip, dtype="float32")
        soxr.resample(samples, rate, SAMPLE_RATE)


def _by_ffmpeg(clips: Sequence[Path], out: Path) -> None:
    for clip in clips:
        ffmpeg_read(clip.read_bytes(), SAMPLE_RATE)


@contextmanager
def _ffmpeg_on_path() -> Iterator[None]:
    """Add our ffmpeg, which may be from a wheel, to the path, where transformers looks for it."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([before, str(Path(find_ffmpeg()).parent)])
    try:
        yield
    finally:
        os.environ["PATH"] = before
