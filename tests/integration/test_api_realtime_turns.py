"""How turns of `WS /v1/realtime` end and wait for each other, against a scripted ingest and transcriber."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from api.openai.realtime.websocket import MAX_WAITING
from tests.integration.api_server import Api, Ingests, Speaker, running
from tests.integration.openai_speaker import COMMITTED, COMPLETED, DELTA, FAILED, RATE_HZ, SECOND, next_of, say, session
from tests.redis_server import running_redis
from wire.bus import connect
from wire.messages import State, Status
from wire.microphone import Microphones
from wire.sources import Statuses

#: The error of a commit with nothing to commit.
EMPTY = ("invalid_request_error", "input_audio_buffer_commit_empty")

#: A server with shorter timeouts for silent clients.
IMPATIENT = """from api import __main__
from api.microphones import websocket as microphone
from api.openai.realtime import websocket as realtime
microphone.SILENCE_S, realtime.IDLE_S = 0.5, 3.0
__main__.main()"""


def test_pongs_queued_after_delayed_audio_are_awaited(
    redis_url: str, free_port: Callable[[], int], tmp_path: Path, ingests: Ingests
) -> None:
    with (
        running(redis_url, free_port(), tmp_path, PING_INTERVAL_S=0.5) as api,
        session(api, format={"type": "audio/pcm", "rate": 8000}) as connection,
    ):
        say(connection, SECOND * 12, 1600)
        connection.input_audio_buffer.commit()
        assert [next_of(connection, type).type for type in (DELTA, COMMITTED, DELTA, COMPLETED)]


def test_turn_without_audio_ends_despite_other_events(
    redis_url: str, free_port: Callable[[], int], tmp_path: Path, ingests: Ingests
) -> None:
    with running(redis_url, free_port(), tmp_path, program=("-c", IMPATIENT)) as api, session(api) as connection:
        say(connection, SECOND)
        while next_of(connection, DELTA, "session.updated", COMMITTED).type != COMMITTED:
            connection.session.update(session={"type": "transcription"})


def test_recording_that_ends_elsewhere_is_reported_and_a_new_one_starts(api: Api, redis_url: str) -> None:
    with connect(redis_url) as redis, session(api) as connection:
        say(connection, SECOND, len(SECOND))
        hello = Microphones(redis).next(20)
        assert hello is not None
        Speaker(redis, f"microphones/{hello.id}").finish()
        assert next_of(connection, FAILED).item_id == f"item_{hello.id}"
        with Ingests(redis_url):
            say(connection, SECOND)
            connection.input_audio_buffer.commit()
            events = [next_of(connection, DELTA, COMMITTED, COMPLETED) for _ in range(4)]
    assert events[-1].transcript == f"first {len(SECOND)} bytes"


def test_commit_without_speech_is_an_error_with_turn_detection(
    api: Api, redis_url: str, wait_until: Callable[..., None]
) -> None:
    with connect(redis_url) as redis, session(api, turn_detection={"type": "server_vad"}) as connection:
        say(connection, SECOND)
        microphones = Microphones(redis)
        hello = microphones.next(20)
        assert hello is not None
        speaker = Speaker(redis, f"microphones/{hello.id}")
        speaker.say("first")
        events = [next_of(connection, type) for type in (COMMITTED, DELTA, COMPLETED)]
        assert events[-1].transcript == "first"
        connection.send({"type": "input_audio_buffer.commit", "event_id": "mine"})
        wait_until(lambda: microphones.frames(hello.id, b"0", 1)[1])
        speaker.finish()
        error = next_of(connection, "error").error
        assert (error.type, error.code, error.event_id) == (*EMPTY, "mine")
        connection.input_audio_buffer.commit()  # again, without any audio
        assert next_of(connection, "error").error.code == error.code


def test_turn_that_fails_in_ingest_is_failed(api: Api, redis_url: str) -> None:
    with connect(redis_url) as redis, session(api) as connection:
        say(connection, SECOND)
        connection.input_audio_buffer.commit()
        item = next_of(connection, COMMITTED).item_id
        source = f"microphones/{item.removeprefix('item_')}"
        Statuses(redis).save(Status(source, state=State.FAILED))
        assert next_of(connection, FAILED).item_id == item


@pytest.mark.parametrize("detects", [False, True])
def test_settings_apply_to_all_later_audio(api: Api, ingests: Ingests, *, detects: bool) -> None:
    with session(api, turn_detection={"type": "server_vad"} if detects else None) as connection:
        say(connection, SECOND)
        next_of(connection, COMMITTED if detects else DELTA)
        input: Any = {"format": {"type": "audio/pcm", "rate": 16_000}, "turn_detection": {"type": "server_vad"}}
        connection.session.update(session={"type": "transcription", "audio": {"input": input}})
        events = iter(connection.recv, None)
        next(event for event in events if event.type == "session.updated")
        say(connection, SECOND)
        texts = (event.transcript for event in events if event.type == COMPLETED)
        assert "first" in itertools.islice(texts, 3)
    assert [ingest.hello.sample_rate for ingest in ingests.all if ingest.hello] == [RATE_HZ, 16_000]
    assert ingests.all[0].pcm == SECOND


def test_cleared_recordings_do_not_accumulate(api: Api, redis_url: str, wait_until: Callable[..., None]) -> None:
    with connect(redis_url) as redis, session(api) as connection:
        for _ in range(3 * MAX_WAITING):
            say(connection, SECOND[:960])
            connection.input_audio_buffer.clear()
        wait_until(lambda: Microphones(redis).waiting() >= MAX_WAITING)
        assert api.http.get("/v1/models").status_code == 200
        assert Microphones(redis).waiting() == MAX_WAITING
        with Ingests(redis_url):
            for _ in range(3 * MAX_WAITING):
                next_of(connection, "input_audio_buffer.cleared")


def test_missing_captions_are_reported(redis_url: str, free_port: Callable[[], int], tmp_path: Path) -> None:
    with running(redis_url, free_port(), tmp_path, MICROPHONE_DRAIN_S=0) as api, session(api) as connection:
        say(connection, SECOND)
        connection.input_audio_buffer.commit()
        item = next_of(connection, COMMITTED).item_id
        failed = next_of(connection, FAILED)
        assert failed.item_id == item
        assert failed.error.message.startswith("Only a part of the turn is captioned; see /microphones/")


@pytest.mark.parametrize("detects", [False, True])
def test_idle_turn_ends(
    redis_url: str, free_port: Callable[[], int], tmp_path: Path, ingests: Ingests, *, detects: bool
) -> None:
    settings = {"turn_detection": {"type": "server_vad"}} if detects else {}
    with (
        running(redis_url, free_port(), tmp_path, program=("-c", IMPATIENT)) as api,
        session(api, **settings) as connection,
    ):
        say(connection, SECOND)
        events = [next_of(connection, DELTA, COMMITTED, COMPLETED) for _ in range(6 if detects else 4)]
    assert "".join(event.delta for event in events if event.type == DELTA).endswith(f"{len(SECOND)} bytes")
    assert events[-1].type == COMPLETED


@pytest.mark.parametrize("speaks", [False, True])
def test_idle_session_ends_and_loses_nothing(
    redis_url: str, free_port: Callable[[], int], tmp_path: Path, ingests: Ingests, *, speaks: bool
) -> None:
    with running(redis_url, free_port(), tmp_path, program=("-c", IMPATIENT)) as api, session(api) as connection:
        if speaks:
            say(connection, SECOND)
            events = [next_of(connection, DELTA, COMMITTED, COMPLETED) for _ in range(4)]
            assert events[-1].transcript == f"first {len(SECOND)} bytes"
        error = next_of(connection, "error").error
        assert (error.type, error.code) == ("invalid_request_error", "session_expired")
        assert error.message.startswith("no event arrived for 3 seconds")
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


def test_session_stays_open_while_captions_are_pending(
    redis_url: str, free_port: Callable[[], int], tmp_path: Path
) -> None:
    with (
        running(redis_url, free_port(), tmp_path, MICROPHONE_DRAIN_S=5, program=("-c", IMPATIENT)) as api,
        session(api) as connection,
    ):
        say(connection, SECOND)
        item = next_of(connection, COMMITTED).item_id  # no transcriber is running
        assert next_of(connection, FAILED).item_id == item
        assert next_of(connection, "error").error.code == "session_expired"


def test_audio_during_a_redis_outage_is_transcribed(free_port: Callable[[], int], tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as stack:
        with running_redis(tmp_path, port, keeps=True) as url:
            connection = stack.enter_context(session(stack.enter_context(running(url, free_port(), tmp_path))))
            say(connection, SECOND, len(SECOND))
            microphones = Microphones(stack.enter_context(connect(url)))
            hello = microphones.next(20)
            assert hello is not None
            frames = Frames(microphones, hello.id)
            frames.hear(SECOND)
        say(connection, SECOND * 2)
        connection.input_audio_buffer.commit()
        with running_redis(tmp_path, port, keeps=True):
            next_of(connection, COMMITTED)
            frames.hear(SECOND * 3)
            assert microphones.frames(hello.id, frames.after, 5) == ([], True)


class Frames:
    """A microphone's audio as it reaches ingest."""

    def __init__(self, microphones: Microphones, id: str) -> None:
        self._microphones, self._id = microphones, id
        self._pcm = b""
        self.after = b"0"  #: the last entry that was read

    def hear(self, pcm: bytes) -> None:
        """Wait until exactly `pcm` has arrived, from the beginning."""
        while len(self._pcm) < len(pcm):
            frames, _ = self._microphones.frames(self._id, self.after, 20)
            assert frames
            self._pcm += b"".join(frame.pcm for frame in frames)
            self.after = frames[-1].entry
        assert self._pcm == pcm
