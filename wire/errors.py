"""The exception hierarchy.

UndertextError
├── SettingsError        an environment variable has a value that is not allowed
├── DecodeError          bytes from Redis are not the expected message (carries the data)
├── QueueFull            a bounded queue has no room; try again later
├── UnknownSource        no station, job or microphone has this id
├── BadRequest           a caller's input is invalid; the message names the field and the remedy
├── SourceError          a stream, file or microphone cannot be read
│   ├── NotAudio         the source has no audio track (a web page, a picture, an empty file)
│   └── SourceStalled    a stream stopped sending
└── ModelError           a checkpoint cannot be loaded or used
    └── Unsupported      the model does not support a language or a task (carries which of the two)

Services raise these; they are translated into HTTP statuses, job states or exit codes only at the edge.
"""

from __future__ import annotations

from typing import Literal


class UndertextError(Exception):
    """Base class of all exceptions that Undertext raises deliberately. Their messages are suitable for users."""


class SettingsError(UndertextError):
    """An environment variable has a value that is not allowed."""


class DecodeError(UndertextError):
    """Bytes could not be decoded into a message.

    Attributes:
        data: the offending bytes, as received.
    """

    def __init__(self, message: str, data: object) -> None:
        super().__init__(message)
        self.data = data


class QueueFull(UndertextError):
    """A bounded queue has no room."""


class UnknownSource(UndertextError):
    """No station, job or microphone has this id."""


class BadRequest(UndertextError):
    """A caller's input is invalid.

    Attributes:
        field: name of the invalid field in the request; empty if it is not a single field.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class SourceError(UndertextError):
    """A stream, file or microphone cannot be read."""


class NotAudio(SourceError):
    """The source has no audio track."""


class SourceStalled(SourceError):
    """A stream stopped sending."""


class ModelError(UndertextError):
    """A checkpoint cannot be loaded or used."""


class Unsupported(ModelError):
    """The model does not support a language or a task.

    Attributes:
        reason: `language` or `task`; shown in the gap in the captions.
    """

    def __init__(self, message: str, reason: Literal["language", "task"]) -> None:
        super().__init__(message)
        self.reason = reason
