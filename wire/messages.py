"""The messages between services, as frozen dataclasses with `encode` and `decode`.

Sources are named as their URLs are: `stations/demo`, `jobs/3f2a…`, `microphones/9c…`. Times of a source are seconds
on its own clock: from the start of the file for a job, Unix time for a station or a microphone.

JSON is the codec: captions are read by browsers, and golden samples under tests/data/messages/ are loaded by pytest
and by `node --test`. Audio travels in chunks (`wire.chunk`), which have another one.
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
    """Dataclass to JSON and back. Unknown fields are ignored, so that a newer sender may add some."""

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
            DecodeError: not JSON, not an object, or a field is missing or unfit.
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
        """The fields that there are, lists as the tuples that a message has."""
        names = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        known = {name: value for name, value in values.items() if name in names}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}


#: What to do with speech: write it down, or translate it into English.
Task = Literal["transcribe", "translate"]


class Content(StrEnum):
    """What a chunk holds, as far as ingest can tell."""

    SPEECH = "speech"  # may hold speech: transcribe it
    MUSIC = "music"  # certainly no speech: no audio is sent
    SILENCE = "silence"
    GAP = "gap"  # audio was lost or shed before it could be transcribed


@dataclass(frozen=True, slots=True)
class Word(_Json):
    """A word with its times on the source's clock. `text` keeps its punctuation and has no spaces around it."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None  # mean probability of its tokens, 0…1

    @property
    def middle_s(self) -> float:
        """Of the time that it takes."""
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, slots=True)
class Caption(_Json):
    """A line of captions. The same `id` with a higher `revision` replaces an earlier one until it is `final`.

    What is final stays as it was heard, but a person may correct it: that is another revision, final too.

    An empty text withdraws what was shown: the words were not there. The id may come back with other words.
    A gap (`content` is `gap`) has no text: audio between its times was lost, and `reason` says why.
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
    captured_s: float = 0.0  # Unix time of the newest audio that it rests on
    model: str = ""  # which model heard it, and its version; empty if nobody said
    committed_s: float = 0.0  # Unix time at which it was committed
    event: int = 0  # place in the source's caption log, from 1; `after=` continues behind it
    corrected: bool = False  # its text is what a person wrote, and not what the model heard
    partial: bool = False  # rests on a chunk that is not whole yet; not in the log, `event` is the newest that is

    def as_dict(self) -> dict[str, Any]:
        """The caption as JSON-ready values, with its message type first, and its text in lines as it is to be shown."""
        heard = [word.text for word in self.words]
        shown = breaks.lines(self.text, heard, self.language, growing=not self.final)
        return {"type": self.type, **dataclasses.asdict(self), "lines": shown}

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
    RUNNING = "running"  # audio comes in
    RECONNECTING = "reconnecting"
    FINISHED = "finished"  # a job whose captions are complete, a microphone that was closed
    FAILED = "failed"  # will not be tried again
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing follows it."""
        return self in (State.FINISHED, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class Status(_Json):
    """What is known of a source now; published whenever it changes."""

    type: ClassVar[str] = "status"

    source: str
    state: State = State.WAITING
    detail: str = ""  # why: the last error with its remedy, ffmpeg's last lines; why no captions come
    title: str = ""  # what is playing now (ICY title)
    codec: str = ""  # as probed: mp3, aac, opus, pcm_s16le …
    sample_rate_hz: int | None = None
    channels: int | None = None
    bit_rate: int | None = None  # bits a second
    activity: str = ""  # what is heard now: speech, music or silence
    epoch: int = 0
    reconnects: int = 0
    audio_s: float = 0.0  # audio taken in since the epoch began
    audio_kept_s: float = 0.0  # for so long what is said can be heard again
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
    """A radio station to be captioned for as long as it is registered."""

    id: str  # lower-case letters, digits and hyphens
    name: str
    url: str  # anything ffmpeg reads, or an .m3u/.pls playlist
    language: str | None = None  # None: detected
    listen_url: str | None = None  # what a browser should play when it is not `url`
    from_file: bool = False  # seeded from stations.yml; such an entry follows the file
    hot_words: tuple[str, ...] = ()  # names of hosts and places; see `hot_words`
    task: Task | None = None  # None: as TASK says


@dataclass(frozen=True, slots=True)
class Job(_Json):
    """An upload, or a file to fetch, that is to be captioned once."""

    id: str
    created_s: float  # Unix time
    filename: str = ""  # as the user named it
    path: str = ""  # in the uploads folder, relative to DATA_DIR
    url: str = ""  # to fetch instead of `path`
    language: str | None = None
    task: Task | None = None  # None: as TASK says
    hot_words: tuple[str, ...] = ()  # names that may be said; see `hot_words`
    track: int | None = None  # the audio track to caption, from 0; None: the file's default one
    state: State = State.WAITING
    error: str = ""
    warning: str = ""  # what its captions lack, because of the recording
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
    """A microphone that has opened. Frames are mono s16le at `sample_rate` Hz."""

    id: str
    sample_rate: int
    language: str | None = None
    channels: int = 1
    task: Task | None = None  # None: as TASK says
    hot_words: tuple[str, ...] = ()  # names that may be said; see `hot_words`
