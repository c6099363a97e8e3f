"""The options with which a source is transcribed: each of its chunks carries them."""

from __future__ import annotations

from dataclasses import dataclass

from wire.messages import Hello, Job, Station, Task


@dataclass(frozen=True, slots=True)
class Options:
    """What was requested for a source, as in its record."""

    language: str | None = None  # None: to be detected
    task: Task | None = None  # None: the transcribers' TASK
    hot_words: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: Station | Job | Hello) -> Options:
        """The options in a source's record."""
        return cls(source.language, source.task, source.hot_words)


#: Nothing was requested.
NO_OPTIONS = Options()
