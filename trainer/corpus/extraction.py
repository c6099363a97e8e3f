"""Extracts clips: decodes recordings in worker processes, cuts them, and checks the audio of each clip."""

from __future__ import annotations

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
from trainer.corpus.digests import digest
from trainer.corpus.drops import Limits, Reason
from trainer.corpus.sources.candidate import Audio
from trainer.errors import AudioError, TrainerError
from trainer.examples import SAMPLE_RATE
from trainer.stopping import end_with_parent

#: Clips per task: enough to keep its overhead low, and few enough that a killed run loses little.
CLIPS_PER_TASK = 64
#: Queued tasks per process. Results are consumed in order: during a long recording, those after it must not pile up.
TASKS_AHEAD = 3


@dataclass(frozen=True)
class Part:
    """A clip within a recording.

    Attributes:
        letters: length of its text (`cleaning.spoken_length`); None without speech.
        text_spans_s: start and end of the parts of its text, in seconds from its beginning; empty if unknown.
    """

    index: int
    start_s: float
    end_s: float | None
    declared_s: float | None
    letters: int | None
    text_spans_s: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Recording:
    """A recording and the clips to extract from it."""

    audio: Audio
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class ExtractedClip:
    """A clip's audio, 16 kHz mono [n_samples], or the reason why it is dropped."""

    index: int
    audio: NDArray[np.int16] | None
    digest: bytes = b""
    reason: Reason | None = None
    detail: str = ""


def extract_all(recordings: Iterable[Recording], limits: Limits, processes: int) -> Iterator[ExtractedClip]:
    """Extract the clips of all recordings, in order, with this number of processes."""
    if processes <= 1:
        for recording in recordings:
            yield from extract(recording, limits)
        return
    # Not fork: the parent has threads (tqdm starts one).
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["trainer.corpus.extraction"])
    waiting: deque[Future[list[ExtractedClip]]] = deque()
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_start_worker) as pool:
        try:
            for task in _tasks(recordings):
                waiting.append(pool.submit(_extract_task, task, limits))
                if len(waiting) > processes * TASKS_AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            raise TrainerError(
                "a decoding process was killed (out of memory?): the same command resumes from here, and --processes 1 "
                "needs less memory"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def extract(recording: Recording, limits: Limits) -> list[ExtractedClip]:
    """Decode a recording once, and extract each of its clips."""
    try:
        decoded = decode(recording.audio.open())
    except FileNotFoundError:
        return [
            ExtractedClip(part.index, None, reason=Reason.MISSING, detail=str(recording.audio))
            for part in recording.parts
        ]
    except (AudioError, OSError) as error:
        return [
            ExtractedClip(part.index, None, reason=Reason.UNREADABLE, detail=str(error)[:200])
            for part in recording.parts
        ]
    return [_check(part, decoded, limits) for part in recording.parts]


def _check(part: Part, decoded: Decoded, limits: Limits) -> ExtractedClip:
    first = round(part.start_s * SAMPLE_RATE)
    last = len(decoded.samples) if part.end_s is None else round(part.end_s * SAMPLE_RATE)
    audio = decoded.samples[first:last]
    length_s = len(audio) / SAMPLE_RATE
    if part.end_s is None:  # the source and the header may both declare a length
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
        return ExtractedClip(part.index, None, reason=reason, detail=f"{length_s:.2f} s")
    for start_s, end_s in part.text_spans_s:  # a stretch that was not recorded, as happens with stations
        if limits.of_audio(audio[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]) is Reason.SILENT:
            detail = f"silent from {start_s:.2f} to {end_s:.2f} s, where there is text"
            return ExtractedClip(part.index, None, reason=Reason.SILENT, detail=detail)
    return ExtractedClip(part.index, audio, digest(audio))


def _extract_task(task: list[Recording], limits: Limits) -> list[ExtractedClip]:
    return [clip for recording in task for clip in extract(recording, limits)]


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


def _start_worker() -> None:
    """Initialize a worker process: it exits with its parent, and decoders do not write over the progress bar."""
    end_with_parent()
    # mpg123 writes warnings to stderr; real errors reach the parent as exceptions.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
