"""OpenAI's own client, streaming a microphone to `WS /v1/realtime`."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from openai import OpenAI
from openai.resources.realtime.realtime import RealtimeConnection
from openai.types.realtime import RealtimeServerEvent

from tests.integration.api_server import Api

RATE_HZ = 24_000
SECOND = bytes(range(240)) * (2 * RATE_HZ // 240)

#: Events of an item's text.
DELTA, COMPLETED, FAILED = (
    f"conversation.item.input_audio_transcription.{what}" for what in ("delta", "completed", "failed")
)
COMMITTED = "input_audio_buffer.committed"


@contextmanager
def session(api: Api, key: str = "none", **settings: Any) -> Iterator[RealtimeConnection]:
    """A session with these settings of `audio.input`."""
    with (
        OpenAI(base_url=f"{api.url}/v1", api_key=key, max_retries=0) as client,
        client.realtime.connect(extra_query={"intent": "transcription"}, max_retries=0) as connection,
    ):
        assert connection.recv().type == "session.created"
        if settings:
            connection.session.update(session={"type": "transcription", "audio": {"input": settings}})  # type: ignore[typeddict-item]
            next_of(connection, "session.updated")
        yield connection


def next_of(connection: RealtimeConnection, *types: str) -> Any:
    """The next event, which must have one of these types."""
    event: RealtimeServerEvent = connection.recv()
    assert event.type in types, event
    return event


def say(connection: RealtimeConnection, audio: bytes, part: int = 4801) -> None:
    """Append audio in parts that end in the middle of samples."""
    for at in range(0, len(audio), part):
        connection.input_audio_buffer.append(audio=base64.b64encode(audio[at : at + part]).decode())
