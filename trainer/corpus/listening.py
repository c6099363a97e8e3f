"""Listening to recordings, in other processes: what is decoded, cut into clips and judged by its audio."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.corpus.decode import Decoded, decode
from trainer.corpus.drops import Limits, Reason
from trainer.corpus.sources.candidate import Audio
from trainer.errors import AudioError, TrainerError
from trainer.examples import SAMPLE_RATE
from trainer.stopping import end_with_parent

#: Clips a task: enough that handing it over costs little, few enough that a killed run loses little.
CLIPS_PER_TASK = 64
#: Tasks that may wait for each process: results come in order, and a long recording must not let all others pile up.
TASKS_AHEAD = 3


@dataclass(frozen=True)
class Part:
    """A clip within a recording.

    Attributes:
        letters: of its text (`cleaning.spoken_length`); None if nobody speaks.
        said: when parts of its text are said, in seconds from its beginning; empty: not known.
    """

    index: int
    start_s: float
    end_s: float | None
    declared_s: float | None
    letters: int | None
    said: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Recording:
    """A recording and the clips that are wanted of it."""

    audio: Audio
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Heard:
    """A clip: its audio, 16 kHz mono [n_samples], or why not."""

    index: int
    audio: NDArray[np.int16] | None
    digest: bytes = b""
    reason: Reason | None = None
    detail: str = ""


def listen(recordings: Iterable[Recording], limits: Limits, processes: int) -> Iterator[Heard]:
    """Hear all recordings, on `processes` cores; in their order, however many processes there are."""
    if processes <= 1:
        for recording in recordings:
            yield from hear(recording, limits)
        return
    # Not fork: a parent with threads (tqdm has one) must not be forked.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["trainer.corpus.listening"])
    waiting: deque[Future[list[Heard]]] = deque()
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin) as pool:
        try:
            for task in _tasks(recordings):
                waiting.append(pool.submit(_hear_all, task, limits))
                if len(waiting) > processes * TASKS_AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            raise TrainerError(
                "a process that decodes was killed (is the memory full?): the same command goes on from here, "
                "--processes 1 with less"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def hear(recording: Recording, limits: Limits) -> list[Heard]:
    """Decode a recording once, and judge each of its clips."""
    try:
        decoded = decode(recording.audio.open())
    except FileNotFoundError:
        return [Heard(part.index, None, reason=Reason.MISSING, detail=str(recording.audio)) for part in recording.parts]
    except (AudioError, OSError) as error:
        return [Heard(part.index, None, reason=Reason.UNREADABLE, detail=str(error)[:200]) for part in recording.parts]
    return [_judge(part, decoded, limits) for part in recording.parts]


def _judge(part: Part, decoded: Decoded, limits: Limits) -> Heard:
    first = round(part.start_s * SAMPLE_RATE)
    last = len(decoded.samples) if part.end_s is None else round(part.end_s * SAMPLE_RATE)
    audio = decoded.samples[first:last]
    length_s = len(audio) / SAMPLE_RATE
    if part.end_s is None:  # the source and the header may both say
        declared_s = max(part.declared_s or 0.0, (decoded.declared_s or 0.0) - part.start_s)
    else:
        declared_s = part.end_s - part.start_s
    reason = None if len(audio) == 0 else limits.of_length(length_s, declared_s)
    reason = reason or limits.of_audio(audio)
    if part.letters is None:
        reason = None if reason is Reason.SILENT else reason
    else:
        reason = reason or limits.of_pace(part.letters, length_s)
    if reason:
        return Heard(part.index, None, reason=reason, detail=f"{length_s:.2f} s")
    for start_s, end_s in part.said:  # a part without sound, such as one that a station's recorder has not kept
        if limits.of_audio(audio[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]) is Reason.SILENT:
            detail = f"nothing is heard from {start_s:.2f} to {end_s:.2f} s, where there is text"
            return Heard(part.index, None, reason=Reason.SILENT, detail=detail)
    return Heard(part.index, audio, digest(audio))


def digest(audio: NDArray[np.int16]) -> bytes:
    """Tells whether two clips have the same samples."""
    return hashlib.blake2b(audio.astype("<i2").tobytes(), digest_size=16).digest()


def _hear_all(task: list[Recording], limits: Limits) -> list[Heard]:
    return [heard for recording in task for heard in hear(recording, limits)]


def _tasks(recordings: Iterable[Recording]) -> Iterator[list[Recording]]:
    task: list[Recording] = []
    clips = 0
    for recording in recordings:
        task.append(recording)
        clips += len(recording.parts)
        if clips >= CLIPS_PER_TASK:
            yield task
            task, clips = [], 0
    if task:
        yield task


def _begin() -> None:
    """A process that hears: it ends with its parent, and keeps decoders' chatter off the bar."""
    end_with_parent()
    # mpg123 writes warnings to stderr; whatever really goes wrong reaches the parent as an exception.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
