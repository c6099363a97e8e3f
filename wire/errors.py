"""The one exception tree.

UndertextError
├── SettingsError        an environment variable has a value that is not allowed
├── DecodeError          bytes from Redis are not the message they should be (carries the data)
├── QueueFull            a bounded queue has no room; try again later
├── UnknownSource        no station, job or microphone has this id
├── BadRequest           a caller's input is wrong; the message names the thing and the remedy
├── SourceError          a stream, file or microphone cannot be read
│   ├── NotAudio         what was fetched holds no audio track (a web page, a picture, an empty file)
│   └── SourceStalled    a stream stopped sending
└── ModelError           a checkpoint cannot be loaded or used
    └── Unsupported      it does not know a language, or cannot do a task (carries which of the two)

Services raise these; they become HTTP statuses, job states or exit codes only at the edge.
"""

from __future__ import annotations

from typing import Literal


class UndertextError(Exception):
    """Root of everything that Undertext raises on purpose. Its text is fit to show to a user."""


class SettingsError(UndertextError):
    """An environment variable has a value that is not allowed."""


class DecodeError(UndertextError):
    """Bytes could not be decoded into a message.

    Attributes:
        data: the offending bytes, as they came.
    """

    def __init__(self, message: str, data: object) -> None:
        super().__init__(message)
        self.data = data


class QueueFull(UndertextError):
    """A bounded queue has no room."""


class UnknownSource(UndertextError):
    """No station, job or microphone has this id."""


class BadRequest(UndertextError):
    """A caller's input is wrong.

    Attributes:
        field: the one that is, by its name in the request; empty if it is none of them, or several.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class SourceError(UndertextError):
    """A stream, file or microphone cannot be read."""


class NotAudio(SourceError):
    """What was fetched holds no audio track."""


class SourceStalled(SourceError):
    """A stream stopped sending."""


class ModelError(UndertextError):
    """A checkpoint cannot be loaded or used."""


class Unsupported(ModelError):
    """The model does not know a language, or cannot do a task.

    Attributes:
        reason: `language` or `task`; the gap in the captions says it.
    """

    def __init__(self, message: str, reason: Literal["language", "task"]) -> None:
        super().__init__(message)
        self.reason = reason
