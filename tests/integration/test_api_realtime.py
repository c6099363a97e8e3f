"""`WS /v1/realtime` with OpenAI's own client, against a scripted ingest and transcriber."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.integration.api_server import Api, Ingests, knowing, running
from tests.integration.openai_speaker import COMMITTED, COMPLETED, DELTA, RATE_HZ, SECOND, next_of, say, session
from wire.bus import connect
from wire.messages import Hello
from wire.workers import Worker


@pytest.fixture(scope="module")
def server(redis_server: str, free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests."""
    with running(redis_server, free_port(), tmp_path_factory.mktemp("api"), MAX_MICROPHONES=2) as api:
        yield api


@pytest.fixture
def api(server: Api, redis_url: str, wait_until: Callable[..., None]) -> Iterator[Api]:
    """The server, with an empty Redis and without sessions."""
    yield server
    wait_until(lambda: 'undertext_api_viewers{kind="speakers"} 0.0' in server.http.get("/metrics").text)


def test_turn_is_transcribed_while_spoken_and_completed_on_commit(api: Api, ingests: Ingests) -> None:
    about = {"model": "gpt-live-transcribe", "language": "sv-SE", "keywords": ["Umeå"]}
    with session(api, transcription=about) as connection:
        say(connection, SECOND * 3)
        first = next_of(connection, DELTA)
        assert first.delta == "first"
        connection.input_audio_buffer.commit()
        assert next_of(connection, COMMITTED).item_id == first.item_id
        assert next_of(connection, DELTA).delta == f" {len(SECOND * 3)} bytes"
        whole = next_of(connection, COMPLETED)
        assert (whole.item_id, whole.transcript) == (first.item_id, f"first {len(SECOND * 3)} bytes")
        assert whole.usage.seconds == pytest.approx(3)
    id = first.item_id.removeprefix("item_")
    [ingest] = ingests.all
    assert (ingest.hello, ingest.pcm) == (Hello(id, RATE_HZ, "sv", hot_words=("Umeå",)), SECOND * 3)
    assert "first" in api.http.get(f"/microphones/{id}/captions.srt").text


def test_correction_does_not_change_sent_text(api: Api, ingests: Ingests) -> None:
    with session(api) as connection:
        say(connection, SECOND)
        id = next_of(connection, DELTA).item_id.removeprefix("item_")
        answer = api.http.patch(f"/microphones/{id}/captions/1", json={"text": "The first."})
        assert answer.status_code == 200
        connection.input_audio_buffer.commit()
        events = iter(connection.recv, None)
        whole = next(event for event in events if event.type == COMPLETED)
    assert whole.transcript == f"first {len(SECOND)} bytes"


def test_turns_are_sequential(api: Api, ingests: Ingests) -> None:
    with session(api) as connection:
        for _ in range(2):
            say(connection, SECOND)
            connection.input_audio_buffer.commit()
        events = [next_of(connection, DELTA, COMMITTED, COMPLETED) for _ in range(8)]
    first, second = (event for event in events if event.type == COMMITTED)
    assert (first.previous_item_id, second.previous_item_id) == (None, first.item_id)
    texts = {event.item_id: event.transcript for event in events if event.type == COMPLETED}
    assert texts == dict.fromkeys((first.item_id, second.item_id), f"first {len(SECOND)} bytes")


def test_each_caption_is_an_item_with_turn_detection(api: Api, ingests: Ingests) -> None:
    with session(
        api, turn_detection={"type": "server_vad"}, format={"type": "audio/pcm", "rate": 16_000}
    ) as connection:
        say(connection, SECOND)
        events = [next_of(connection, type) for type in (COMMITTED, DELTA, COMPLETED)]
        assert len({event.item_id for event in events}) == 1
        assert events[2].transcript == "first"
        connection.input_audio_buffer.commit()  # some clients commit in any case
        last = next_of(connection, COMMITTED)
        assert last.previous_item_id == events[0].item_id
        assert next_of(connection, DELTA).delta == next_of(connection, COMPLETED).transcript == f"{len(SECOND)} bytes"
    assert {ingest.hello.sample_rate for ingest in ingests.all if ingest.hello} == {16_000}


def test_g711_audio_is_accepted(api: Api, ingests: Ingests) -> None:
    with session(api, format={"type": "audio/pcmu"}) as connection:
        say(connection, bytes([0x80, 0x00]) * 4000)
        connection.input_audio_buffer.commit()
        events = [next_of(connection, COMMITTED, DELTA, COMPLETED) for _ in range(4)]
    assert events[-1].usage.seconds == pytest.approx(1)
    [ingest] = ingests.all
    assert ingest.hello is not None
    assert (ingest.hello.sample_rate, ingest.pcm) == (8000, array("h", [32_124, -32_124] * 4000).tobytes())


def test_cleared_audio_is_not_transcribed(api: Api, ingests: Ingests) -> None:
    with session(api) as connection:
        say(connection, SECOND)
        dropped = next_of(connection, DELTA).item_id
        connection.input_audio_buffer.clear()
        next_of(connection, "input_audio_buffer.cleared")
        say(connection, SECOND)
        assert next_of(connection, DELTA).item_id != dropped


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ("hello", "this is not an event of transcription"),
        ({"type": "response.create"}, "response.create is not an event of transcription"),
        ({"type": "input_audio_buffer.append", "audio": "no base64"}, "audio must be base64-encoded samples"),
        ({"type": "input_audio_buffer.append"}, "audio must be base64-encoded samples"),
        ({"type": "input_audio_buffer.commit"}, "no audio has arrived since the last commit"),
        ({"type": "session.update", "session": {"type": "realtime"}}, "session.type must be transcription"),
        ({"type": "session.update", "session": {"audio": []}}, "session.audio must be an object"),
        ({"format": {"type": "audio/opus"}}, "format.type must be one of audio/pcm, audio/pcmu, audio/pcma"),
        ({"format": {"type": "audio/pcm", "rate": 4000}}, "format.rate must be a whole number from 8000"),
        ({"transcription": {"language": "what?"}}, "language 'what?' is not a language code"),
        ({"transcription": {"languages": [7]}}, "language must be a code"),
        ({"transcription": {"keywords": "Umeå"}}, "keywords must be a list of strings"),
        ({"transcription": {"language": "fr"}}, "no model on air supports 'fr', only sv"),
        ({"turn_detection": {"type": "magic"}}, "turn_detection.type may be server_vad or semantic_vad"),
    ],
)
def test_invalid_events_are_reported_and_the_session_continues(
    api: Api, ingests: Ingests, redis_url: str, event: Any, says: str
) -> None:
    if isinstance(event, dict) and "type" not in event:
        event = {"type": "session.update", "session": {"audio": {"input": event}}}
    given = {**event, "event_id": "mine"} if isinstance(event, dict) else event
    with connect(redis_url) as redis, Worker(redis, "transcriber", knowing("sv")), session(api) as connection:
        connection.send(given)
        error = next_of(connection, "error").error
        assert error.message.startswith(says)
        assert error.type == "invalid_request_error"
        assert error.event_id == (None if event == "hello" else "mine")
        say(connection, SECOND)
        next_of(connection, DELTA)


def test_commit_of_too_little_audio_is_an_error(api: Api, ingests: Ingests) -> None:
    with session(api) as connection:
        say(connection, SECOND[:960])
        next_of(connection, DELTA)
        connection.input_audio_buffer.commit()
        error = next_of(connection, "error").error
        assert "0.02 s" in error.message
        assert error.code == "input_audio_buffer_commit_empty"
        say(connection, SECOND)
        connection.input_audio_buffer.commit()
        next_of(connection, COMMITTED)


def test_container_audio_ends_the_session_with_its_name(api: Api, ingests: Ingests) -> None:
    with session(api) as connection:
        say(connection, b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01")
        events = iter(connection.recv, None)
        assert "WebM" in next(event.error.message for event in events if event.type == "error")
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


def test_fast_audio_is_delayed_and_complete(api: Api, ingests: Ingests) -> None:
    with session(api) as connection:
        say(connection, SECOND * 31, len(SECOND))
        connection.input_audio_buffer.commit()
        events = itertools.takewhile(lambda event: event.type != COMPLETED, iter(connection.recv, None))
        assert [event.type for event in events] == [DELTA, COMMITTED, DELTA]
    assert max(len(ingest.pcm) for ingest in ingests.all) == len(SECOND * 31)


def test_stopping_server_closes_the_session(redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
    with running(redis_url, free_port(), tmp_path) as api, session(api) as connection:
        api.process.terminate()
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


def test_realtime_requires_the_token(redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
    with running(redis_url, free_port(), tmp_path, API_TOKEN="secret") as api:
        with session(api, "secret"):
            pass
        in_browser = {"subprotocols": ["realtime", "openai-insecure-api-key.secret"]}
        with api.socket("/v1/realtime", **in_browser) as socket:
            socket.next("session.created")
            assert socket.client.subprotocol == "realtime"
        with pytest.raises(InvalidStatus) as refused, session(api, "wrong"):
            pass
        assert refused.value.response.status_code == 401
        assert b"invalid_api_key" in (refused.value.response.body or b"")
