"""The on-disk format of a corpus, written by `prepare` and read by the rest of the trainer.

corpus.json       its sources and settings, and how many clips were dropped for which reason
clips.jsonl       one clip per line: the location of its audio, its text, its speaker
audio/NNNN.pcm    16 kHz mono s16le, many clips per file; read through a memory map
digests.bin       a digest of each clip's audio (`trainer.corpus.digests`)
dropped.jsonl     one dropped clip per line, with the reason (`trainer.corpus.drops`)
recordings.jsonl  size and time of each recording when it was decoded (`trainer.corpus.recordings`)
prepare.json      the plan, which must be the same to resume (`trainer.corpus.out_folder`)

Raw PCM takes 115 MB per hour and needs no decoding, which would dominate each epoch with compressed clips. A clip's
line is written after its audio, so a killed `prepare` leaves no line without audio.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

import numpy as np
from numpy.typing import NDArray

from trainer.atomic import write_atomically
from trainer.errors import TrainerError
from trainer.examples import SAMPLE_RATE

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")

#: A new audio file is started after this many samples: an hour, 115 MB.
SAMPLES_PER_FILE = 3600 * SAMPLE_RATE

CORPUS_NAME, CLIPS_NAME, AUDIO_NAME = "corpus.json", "clips.jsonl", "audio"


class CorpusError(TrainerError, ValueError):
    """A folder is not a corpus, or is damaged; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One utterance of a corpus.

    Attributes:
        id: unique in the corpus, and the same whenever the same release is prepared again.
        file, first_sample, n_samples: the location of its audio.
        text: the target text. Empty without speech: the model is to write nothing.
        source: the name of its release, manifest or folder.
        previous: the text right before it in the same recording, for prompts; empty if unknown.
        accent: several accents are joined by SEVERAL.
        segments: start, end (seconds from its beginning) and text of its parts, for timestamps; empty if unknown.
        written_by: the model that wrote its text, mostly uncorrected; empty if a person did, or if unknown.
    """

    id: str
    file: int
    first_sample: int
    n_samples: int
    text: str
    language: str
    split: Split
    source: str = ""
    speaker: str = ""
    accent: str = ""
    gender: str = ""
    age: str = ""
    previous: str = ""
    segments: tuple[tuple[float, float, str], ...] = ()
    written_by: str = ""

    @property
    def duration_s(self) -> float:
        return self.n_samples / SAMPLE_RATE

    def column(self, name: str) -> str:
        """Return the value of a text column, for balancing and tables.

        Raises:
            KeyError: the column does not exist.
        """
        if name not in COLUMNS:
            raise KeyError(f"clips have no column {name!r}; choose from {', '.join(COLUMNS)}")
        return str(getattr(self, name))

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of a text column: several for several accents, none if unknown."""
        return values_of(name, self.column(name))

    def line(self) -> str:
        """Return its line in clips.jsonl, without fields that are empty."""
        values = {f.name: value for f in fields(self) if (value := getattr(self, f.name)) not in ("", ())}
        return json.dumps({"text": self.text, **values}, ensure_ascii=False)

    @classmethod
    def of_line(cls, line: str) -> Self:
        """Parse a line of clips.jsonl.

        Raises:
            CorpusError: it is not a clip.
        """
        try:
            values = json.loads(line)
            for name in _REPEATED & values.keys():
                if isinstance(values[name], str):
                    values[name] = sys.intern(values[name])
            segments = tuple((float(a), float(b), str(text)) for a, b, text in values.get("segments", ()))
            return cls(**{**values, "segments": segments})
        except (ValueError, TypeError, AttributeError) as error:
            raise CorpusError(f"not a clip: {line[:80]!r} ({error}); prepare the corpus again (--again)") from error


#: Fields with few distinct values: millions of clips share one string for each.
_REPEATED = frozenset(("language", "split", "source", "speaker", "accent", "gender", "age", "written_by"))
#: Columns by which clips can be grouped and balanced.
COLUMNS = ("language", "split", "source", "speaker", "accent", "gender", "age")
#: Separator of several accents of one speaker.
SEVERAL = "|"
#: Label of unknown values in reports: such clips are one row of a table, but not a group.
UNKNOWN = "(unknown)"


def values_of(column: str, value: str) -> tuple[str, ...]:
    """Split the value of one of COLUMNS."""
    several = value.split(SEVERAL) if column == "accent" else [value]
    return tuple(filter(None, several))


class Corpus:
    """A prepared corpus, opened for reading; with `finished=False`, one that may be incomplete.

    Raises:
        CorpusError: the folder is not a corpus.
    """

    def __init__(self, folder: Path, finished: bool = True) -> None:
        self.folder = folder
        self.about: dict[str, Any] = {}
        if finished:
            if not (folder / CORPUS_NAME).exists():
                raise CorpusError(
                    f"{folder} is not a prepared corpus (it has no {CORPUS_NAME}): python -m trainer prepare"
                )
            try:
                self.about = json.loads((folder / CORPUS_NAME).read_text(encoding="utf-8"))
            except ValueError as error:
                raise CorpusError(f"{folder / CORPUS_NAME} is damaged: prepare the corpus again (--again)") from error
        self._files: dict[int, NDArray[np.int16]] = {}

    @cached_property
    def clips(self) -> tuple[Clip, ...]:
        """All clips, in the order in which they were prepared."""
        with (self.folder / CLIPS_NAME).open(encoding="utf-8") as file:
            return tuple(Clip.of_line(line) for line in file)

    def split(self, name: Split) -> tuple[Clip, ...]:
        """Return the clips of one split."""
        return tuple(clip for clip in self.clips if clip.split == name)

    def audio(self, clip: Clip) -> NDArray[np.float32]:
        """Return a clip's samples in -1…1, [n_samples]."""
        return self.samples(clip).astype(np.float32) / np.float32(32768)

    def samples(self, clip: Clip) -> NDArray[np.int16]:
        """Return a clip's samples as stored, [n_samples]."""
        path = audio_path(self.folder, clip.file)
        if clip.file not in self._files:
            try:
                self._files[clip.file] = np.memmap(path, dtype="<i2", mode="r")
            except (FileNotFoundError, ValueError) as error:
                raise CorpusError(f"{path} is missing or empty: prepare the corpus again (--again)") from error
        samples = self._files[clip.file][clip.first_sample : clip.first_sample + clip.n_samples]
        if len(samples) != clip.n_samples:
            raise CorpusError(f"{path} is truncated: prepare the corpus again (--again)")
        return samples


class Writer:
    """Appends clips to a corpus, new or interrupted. Use it as a context manager.

    `finish` completes the corpus; without it, another `Writer` can resume. `resumed` are the clips that were there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / AUDIO_NAME).mkdir(parents=True, exist_ok=True)
        self._lines = (folder / CLIPS_NAME).open("a+b")
        self._audio: BinaryIO | None = None
        self._file, self._samples = 0, 0
        self.resumed = tuple(self._resume())
        self.written = {clip.id for clip in self.resumed}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        if self._audio:
            self._audio.close()

    def add(self, audio: NDArray[np.int16], **about: Any) -> Clip:
        """Write a clip; `about` has the fields of `Clip` except the location of its audio."""
        if self._audio is None or self._samples >= SAMPLES_PER_FILE:
            self._open(self._file + (self._samples >= SAMPLES_PER_FILE))
        assert self._audio is not None
        clip = Clip(file=self._file, first_sample=self._samples, n_samples=len(audio), **about)
        self._audio.write(audio.astype("<i2").tobytes())
        self._audio.flush()
        self._lines.write(clip.line().encode() + b"\n")
        self._lines.flush()
        self._samples += len(audio)
        self.written.add(clip.id)
        return clip

    def finish(self, about: dict[str, Any]) -> Corpus:
        """Write corpus.json, and return the corpus."""
        os.fsync(self._lines.fileno())
        write_atomically(self.folder / CORPUS_NAME, json.dumps(about, indent=1, ensure_ascii=False) + "\n")
        return Corpus(self.folder)

    def _resume(self) -> Iterator[Clip]:
        """Yield the existing clips and seek to their end; an incomplete line, and audio without a line, are removed."""
        self._lines.seek(0)
        whole = 0
        for line in self._lines:  # one at a time, and only at \n: splitlines() would also split at U+2028
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            clip = Clip.of_line(line.decode())
            if (clip.file, clip.first_sample) >= (self._file, 0):
                self._file, self._samples = clip.file, clip.first_sample + clip.n_samples
            yield clip
        self._lines.truncate(whole)

    def _open(self, file: int) -> None:
        if self._audio:
            self._audio.close()
        if file != self._file:
            self._file, self._samples = file, 0
        path = audio_path(self.folder, file)
        path.touch()
        self._audio = path.open("r+b")
        self._audio.truncate(self._samples * 2)
        self._audio.seek(self._samples * 2)


def audio_path(folder: Path, file: int) -> Path:
    """Return the path of an audio file of a corpus."""
    return folder / AUDIO_NAME / f"{file:04d}.pcm"


def total_s(clips: Iterable[Clip]) -> float:
    """Return the total duration of clips."""
    return sum(clip.duration_s for clip in clips)
