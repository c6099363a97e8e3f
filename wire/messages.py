"""The messages between services, as frozen dataclasses with `encode` and `decode`.

Source names match their URLs: `stations/demo`, `jobs/3f2a…`, `microphones/9c…`. Times of a source are seconds on its
own clock: from the start of the file for a job, Unix time for a station or a microphone.

Messages are encoded as JSON, as browsers read captions; pytest and `node --test` load the same golden samples from
tests/data/messages/. Audio is sent in chunks (`wire.chunk`), which are encoded differently.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self

from wire import breaks
from wire.errors import DecodeError


class Kind(StrEnum):
    """Kinds of sources; the first part of a source's name."""

    STATION = "stations"
    JOB = "jobs"
    MICROPHONE = "microphones"


def source_name(kind: Kind, id: str) -> str:
    """The name of a source, such as `stations/demo`."""
    return f"{kind}/{id}"


def split_source(source: str) -> tuple[Kind, str]:
    """The kind and the id of a source name; the inverse of `source_name`."""
    kind, _, id = source.partition("/")
    try:
        return Kind(kind), id
    except ValueError as error:
        raise DecodeError(f"{source!r} does not name a source", source) from error


class _Json:
    """Converts a dataclass to JSON and back. Unknown fields are ignored, so that newer senders can add fields."""

    def encode(self) -> bytes:
        """Compact UTF-8 JSON."""
        return json.dumps(self.as_dict(), ensure_ascii=False, separators=(",", ":")).encode()

    def as_dict(self) -> dict[str, Any]:
        """The message as JSON-ready values."""
        return dataclasses.asdict(self)  # type: ignore[call-overload,no-any-return]  # subclasses are dataclasses

    @classmethod
    def decode(cls, data: bytes | str) -> Self:
        """Parse what `encode` wrote.

        Raises:
            DecodeError: not JSON, not an object, or a field is missing or invalid.
        """
        try:
            return cls.from_dict(json.loads(data))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DecodeError(f"not a {cls.__name__}: {error}", data) from error

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build the message from JSON values."""
        return cls(**cls._known(values))

    @classmethod
    def _known(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values of fields that the message has, with lists converted to tuples."""
        names = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        known = {name: value for name, value in values.items() if name in names}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}


#: What to do with speech: write it down, or translate it into English.
Task = Literal["transcribe", "translate"]


class Content(StrEnum):
    """The content of a chunk, as classified by ingest."""

    SPEECH = "speech"  # may contain speech: transcribe it
    MUSIC = "music"  # certainly no speech: no audio is sent
    SILENCE = "silence"
    GAP = "gap"  # audio was lost or shed before it could be transcribed


@dataclass(frozen=True, slots=True)
class Word(_Json):
    """A word with its times on the source's clock. `text` includes punctuation and has no surrounding spaces."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None  # mean probability of its tokens, 0…1

    @property
    def middle_s(self) -> float:
        """Middle of the word, on the source's clock."""
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, slots=True)
class Caption(_Json):
    """A caption. A message with the same `id` and a higher `revision` replaces an earlier one until it is `final`.

    A final caption only changes if a person corrects it: the correction is another revision, which is final too.

    An empty text withdraws the caption: the words were not spoken. The id may be used again with other words.
    A gap (`content` is `gap`) has no text: audio between its times was lost for the given `reason`.
    """

    type: ClassVar[str] = "caption"

    source: str
    id: int  # counts captions of the source, from 1, over all epochs
    revision: int  # from 0
    start_s: float
    end_s: float
    text: str
    final: bool
    language: str | None = None
    words: tuple[Word, ...] = ()
    content: Content = Content.SPEECH
    reason: str = ""
    epoch: int = 1
    captured_s: float = 0.0  # Unix time at which the newest audio that it is based on arrived
    model: str = ""  # name and version of the model that transcribed it; empty if unknown
    committed_s: float = 0.0  # Unix time at which it was committed
    event: int = 0  # place in the source's caption log, from 1; `after=` continues after it
    corrected: bool = False  # its text was written by a person instead of the model
    partial: bool = False  # based on an incomplete chunk; not in the log, `event` is the newest one there

    def as_dict(self) -> dict[str, Any]:
        """The caption as JSON-ready values, with its message type first, and its text broken into lines for display."""
        words = [word.text for word in self.words]
        lines = breaks.lines(self.text, words, self.language, growing=not self.final)
        return {"type": self.type, **dataclasses.asdict(self), "lines": lines}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Caption:
        """Build the caption, its words included."""
        fields = cls._known(values)
        fields["words"] = tuple(Word.from_dict(word) for word in fields.get("words", ()))
        fields["content"] = Content(fields.get("content", Content.SPEECH))
        return cls(**fields)


class State(StrEnum):
    """States of a source."""

    WAITING = "waiting"  # no ingest worker has taken it yet; a job is queued
    CONNECTING = "connecting"
    RUNNING = "running"  # audio is arriving
    RECONNECTING = "reconnecting"
    FINISHED = "finished"  # a job whose captions are complete, a microphone that was closed
    FAILED = "failed"  # will not be retried
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether the state is terminal."""
        return self in (State.FINISHED, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class Status(_Json):
    """The current state of a source; published whenever it changes."""

    type: ClassVar[str] = "status"

    source: str
    state: State = State.WAITING
    detail: str = ""  # the reason: the last error with its remedy, ffmpeg's last lines; why there are no captions
    title: str = ""  # what is playing now (ICY title)
    codec: str = ""  # as probed: mp3, aac, opus, pcm_s16le …
    sample_rate_hz: int | None = None
    channels: int | None = None
    bit_rate: int | None = None  # bits per second
    activity: str = ""  # content of the newest audio: speech, music or silence
    epoch: int = 0
    reconnects: int = 0
    audio_s: float = 0.0  # audio received since the epoch began
    audio_kept_s: float = 0.0  # how long speech is kept for playback
    hls: bool = False  # whether players may listen to it
    since_s: float = 0.0  # Unix time of the last change of state
    worker: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The status as JSON-ready values, with its message type first."""
        return {"type": self.type, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Status:
        """Build the status with its state as an enum."""
        fields = cls._known(values)
        return cls(**{**fields, "state": State(fields.get("state", State.WAITING))})


@dataclass(frozen=True, slots=True)
class Station(_Json):
    """A radio station, captioned for as long as it is registered."""

    id: str  # lower-case letters, digits and hyphens
    name: str
    url: str  # anything ffmpeg reads, or an .m3u/.pls playlist
    language: str | None = None  # None: detected
    listen_url: str | None = None  # what a browser should play if it is not `url`
    from_file: bool = False  # seeded from stations.yml; such an entry follows the file
    hot_words: tuple[str, ...] = ()  # names of hosts and places; see `hot_words`
    task: Task | None = None  # None: the setting TASK


@dataclass(frozen=True, slots=True)
class Job(_Json):
    """An upload, or a file to fetch, to be captioned once."""

    id: str
    created_s: float  # Unix time
    filename: str = ""  # as the user named it
    path: str = ""  # in the uploads folder, relative to DATA_DIR
    url: str = ""  # to fetch instead of `path`
    language: str | None = None
    task: Task | None = None  # None: the setting TASK
    hot_words: tuple[str, ...] = ()  # names that may be said; see `hot_words`
    track: int | None = None  # the audio track to caption, from 0; None: the file's default one
    state: State = State.WAITING
    error: str = ""
    warning: str = ""  # what is missing from its captions because of the recording
    duration_s: float | None = None  # as probed
    tracks: int = 0  # audio tracks found
    decoded: bool = False  # all its chunks are queued; its file is gone

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Job:
        """Build the job with its state as an enum."""
        fields = cls._known(values)
        return cls(**{**fields, "state": State(fields.get("state", State.WAITING))})


@dataclass(frozen=True, slots=True)
class Hello(_Json):
    """Announces an opened microphone. Frames are mono s16le at `sample_rate` Hz."""

    id: str
    sample_rate: int
    language: str | None = None
    channels: int = 1
    task: Task | None = None  # None: the setting TASK
    hot_words: tuple[str, ...] = ()  # names that may be said; see `hot_words`
