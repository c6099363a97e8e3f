"""What a source offers: clips that nobody has listened to yet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from trainer.corpus.clips import Split
from trainer.corpus.drops import Reason

#: Of a Common Voice release, in the order in which they are read.
USUAL_LISTS = ("test", "dev", "train", "validated")


@dataclass(frozen=True)
class Source:
    """Something to read clips from, and what its reader cannot know.

    Attributes:
        path: a folder, a file, or the id of a data set on the Hugging Face hub.
        weight: how much of training it shall be, beside the others; kept in corpus.json for the sampler.
        language: of clips whose language the source does not say.
        name: begins the ids of its clips; empty: made of the path.
        speech: False where nobody speaks in any of it: the model shall learn to write nothing.
        lists: which of a Common Voice release's lists are read; what an earlier one has, a later one does not move.
            The usual ones need not all be there.
        config, text: of a data set of Hugging Face, its configuration and its column of text.
        speaker: `folder` where those who speak have a folder each below that of the source; empty: they have not.
        corrected: `only`: of captions as JSON, those alone that a person corrected; empty: all. Other texts stay.
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
    """Where a recording is; hashable, and small enough to be sent to another process."""

    def open(self) -> Path | bytes:
        """The file, or its content.

        Raises:
            FileNotFoundError: it is not there.
        """

    def __str__(self) -> str:
        """What it is called; clips of one recording have it in common."""


def readable(path: Path) -> str:
    """A path as text: bytes of names that are not in UTF-8, as old disks have them, are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class FileAudio:
    """A recording that is a file."""

    path: Path

    def open(self) -> Path | bytes:
        return self.path

    def __str__(self) -> str:
        return readable(self.path)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A clip as its source describes it; see `trainer.corpus.clips.Clip` for what both have.

    Attributes:
        split: the source's own, if it has one.
        start_s, end_s: the part of the recording that it is; all of it if `end_s` is None.
        declared_s: how long its source says that it is.
        speech: False: nobody speaks, and no text is right.
        writers: of each caption in it, the model that wrote it, or `cues.PERSON`; empty, where nobody says.
        texts: names of those beside its recording where there are several; the first is read, the others are not.
        refused: the source itself says why it is not to be used; `detail` says more.
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
    writers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    refused: Reason | None = None
    detail: str = ""

    @property
    def voice(self) -> str:
        """What must not cross splits: the speaker, or the recording where no speaker is known."""
        return self.speaker or str(self.audio)
