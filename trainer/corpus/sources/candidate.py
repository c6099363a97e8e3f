"""Sources and candidates: the clips of a source before they are decoded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from trainer.corpus.clips import Split
from trainer.corpus.drops import Reason

#: The default lists of a Common Voice release, in reading order.
USUAL_LISTS = ("test", "dev", "train", "validated")


@dataclass(frozen=True)
class Source:
    """A source of clips and its options.

    Attributes:
        path: a folder, a file, or the hub id of a Hugging Face dataset.
        weight: its share of training relative to the other sources; kept in corpus.json for the sampler.
        language: of clips for which the source does not declare one.
        name: the prefix of its clips' ids; empty: made from the path.
        speech: False if it contains no speech: the model learns to write nothing.
        lists: the lists of a Common Voice release to read; a clip in several belongs to the first. The default lists
            need not all exist.
        config: the configuration of a Hugging Face dataset.
        text: the transcript column of a manifest or dataset; empty: one of the known names.
        speaker: `folder` if each folder of the source is one speaker; empty otherwise.
        corrected: `only`: of captions as JSON, only those that a person corrected; empty: all. Does not affect other
            transcripts.
    """

    path: str
    weight: float = 1.0
    language: str = ""
    name: str = ""
    speech: bool = True
    lists: tuple[str, ...] = USUAL_LISTS
    config: str = ""
    text: str = ""
    speaker: Literal["", "folder"] = ""
    corrected: Literal["", "only"] = ""


class Audio(Protocol):
    """The location of a recording; hashable, and cheap to send to another process."""

    def open(self) -> Path | bytes:
        """Return the path of the file, or its content.

        Raises:
            FileNotFoundError: it does not exist.
        """

    def __str__(self) -> str:
        """Return the name of the recording, the same for all of its clips."""


def readable(path: Path) -> str:
    """Return a path as text, with bytes that are not UTF-8, as on old disks, escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class FileAudio:
    """A recording in a file."""

    path: Path

    def open(self) -> Path | bytes:
        return self.path

    def __str__(self) -> str:
        return readable(self.path)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A clip as described by its source; see `trainer.corpus.clips.Clip` for the common fields.

    Attributes:
        split: the source's own, if it has one.
        start_s, end_s: the clip's part of the recording; to the end if `end_s` is None.
        declared_s: its duration according to the source.
        speech: False: the clip has no speech, and its text is empty.
        caption_writers: for each caption in it, the model that wrote it, or `cues.PERSON`; empty if unknown.
        texts: names of the recording's transcripts if it has several; only the first is used.
        refused: why the source itself rejects the clip; `detail` specifies it.
    """

    id: str
    audio: Audio
    text: str
    source: str
    language: str = ""
    split: Split | None = None
    speaker: str = ""
    accent: str = ""
    gender: str = ""
    age: str = ""
    previous: str = ""
    segments: tuple[tuple[float, float, str], ...] = ()
    start_s: float = 0.0
    end_s: float | None = None
    declared_s: float | None = None
    speech: bool = True
    caption_writers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    refused: Reason | None = None
    detail: str = ""

    @property
    def voice(self) -> str:
        """What must be in one split only: the speaker, or the recording if the speaker is unknown."""
        return self.speaker or str(self.audio)
