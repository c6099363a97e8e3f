"""The chunk: one step of a source's audio. The audio is sent as raw bytes beside its JSON header, never inside it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from wire.audio import SAMPLE_BYTES, seconds
from wire.errors import DecodeError
from wire.messages import Content, Kind, Task, split_source


@dataclass(frozen=True, slots=True)
class Chunk:
    """One step of a source's audio.

    `pcm` begins with `lead_samples` samples that repeat the end of the previous chunk (acoustic context, so that a word
    cut by the border is complete in one of the two), followed by `n_samples` new ones. The next chunk repeats the last
    `tail_samples` of these; words before them are in this chunk only. A chunk without speech or a gap carries no audio
    but still has its place in the sequence. If the first `skipped_samples` new samples are certainly not speech, only
    the audio after them is transcribed, without the lead.

    A partial chunk is the beginning of a chunk that is not complete yet, so that viewers see captions sooner. Nothing
    depends on it: the complete chunk follows, with the same number and all of its audio.
    """

    source: str
    epoch: int  # counts (re)connections of the source, from 1
    seq: int  # counts chunks within the epoch, from 0
    start_s: float  # of the first new sample, on the source's clock
    n_samples: int  # new samples, 16 kHz
    pcm: bytes = field(repr=False, default=b"")
    lead_samples: int = 0
    tail_samples: int = 0
    skipped_samples: int = 0
    content: Content = Content.SPEECH
    language: str | None = None  # None: to be detected
    hot_words: tuple[str, ...] = ()  # names that may be said; see `hot_words`
    last: bool = False  # the source ends (job, microphone) or disconnects (station) after this chunk
    captured_s: float = 0.0  # Unix time at which the last sample arrived: latency counts from here
    reason: str = ""  # of a gap: "shed", "overflow", …
    task: Task | None = None  # None: as the transcriber's TASK says
    follows: tuple[int, int] | None = None  # in an epoch's first chunk: the previous epoch and its number of chunks
    partial: bool = False  # not complete yet

    def __post_init__(self) -> None:
        expected = (self.lead_samples + self.n_samples) * SAMPLE_BYTES
        if len(self.pcm) not in (0, expected) or (not self.pcm and self.content is Content.SPEECH and self.n_samples):
            raise ValueError(f"chunk {self.epoch}/{self.seq} of {self.source}: {len(self.pcm)} bytes, not {expected}")

    @property
    def place(self) -> str:
        """Its source, epoch and number, for log messages."""
        return f"{self.source} {self.epoch}/{self.seq}"

    @property
    def duration_s(self) -> float:
        """Seconds of new audio."""
        return seconds(self.n_samples)

    @property
    def end_s(self) -> float:
        """End of the chunk on the source's clock."""
        return self.start_s + self.duration_s

    @property
    def lead_s(self) -> float:
        """Seconds of repeated audio that are transcribed."""
        return 0.0 if self.skipped_samples else seconds(self.lead_samples)

    @property
    def transcribed_from_s(self) -> float:
        """Start of `transcribed_pcm`, on the source's clock."""
        return self.start_s + seconds(self.skipped_samples) - self.lead_s

    @property
    def transcribed_pcm(self) -> bytes:
        """The part of `pcm` that is transcribed."""
        skipped = self.lead_samples + self.skipped_samples if self.skipped_samples else 0
        return self.pcm[skipped * SAMPLE_BYTES :]

    @property
    def tail_s(self) -> float:
        """Seconds at its end that the next chunk repeats."""
        return seconds(self.tail_samples)

    @property
    def live(self) -> bool:
        """Whether viewers wait for it now: stations and microphones are live, jobs are not."""
        return not self.source.startswith(f"{Kind.JOB}/")

    def without_audio(self, reason: str) -> Chunk:
        """The same place in the sequence, marked as lost."""
        return dataclasses.replace(self, pcm=b"", lead_samples=0, skipped_samples=0, content=Content.GAP, reason=reason)

    def encode(self) -> dict[bytes, bytes]:
        """Fields of a Redis stream entry: a JSON header and the raw audio."""
        header = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "pcm"}
        return {b"header": json.dumps(header, ensure_ascii=False).encode(), b"pcm": self.pcm}

    @classmethod
    def decode(cls, fields: dict[bytes, bytes]) -> Chunk:
        """Parse what `encode` wrote.

        Raises:
            DecodeError: a field is missing or invalid.
        """
        try:
            header = json.loads(fields[b"header"])
            header["content"] = Content(header["content"])
            header["hot_words"] = tuple(header.get("hot_words", ()))
            header["follows"] = _follows(header)
            names = {f.name for f in dataclasses.fields(cls)}
            return cls(pcm=fields[b"pcm"], **{name: value for name, value in header.items() if name in names})
        except (ValueError, TypeError, KeyError) as error:
            raise DecodeError(f"not a Chunk: {error}", fields) from error

    @classmethod
    def decode_as_gap(cls, fields: dict[bytes, bytes]) -> Chunk:
        """A gap in place of a chunk that `decode` rejects, so that the seam does not wait for it forever.

        Raises:
            DecodeError: not even its place in the sequence can be read.
        """
        try:
            header = json.loads(fields[b"header"])
            split_source(header["source"])
            return cls(
                source=header["source"],
                epoch=int(header["epoch"]),
                seq=int(header["seq"]),
                start_s=float(header["start_s"]),
                n_samples=int(header["n_samples"]),
                content=Content.GAP,
                reason="failed",
                last=bool(header.get("last")),
                captured_s=float(header.get("captured_s", 0.0)),
                follows=_follows(header),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DecodeError(f"not the place of a Chunk: {error}", fields) from error


def _follows(header: dict[str, Any]) -> tuple[int, int] | None:
    if not header.get("follows"):
        return None
    epoch, n_chunks = header["follows"]
    return int(epoch), int(n_chunks)
