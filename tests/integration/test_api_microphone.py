"""`WS /microphone` against a scripted ingest and transcriber: audio arrives, captions come back, limits hold."""

from __future__ import annotations

import json
import socket
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import jsonschema
import pytest
from simple_websocket import ConnectionClosed
from wsproto.events import CloseConnection, TextMessage

from api.openapi import document
from tests.integration.api_server import Api, Ingest, Socket, running
from tests.integration.event_source import opened
from wire import keys
from wire.bus import connect
from wire.messages import Hello, State, Status
from wire.sources import Statuses


@pytest.fixture(scope="module")
def server(redis_server: str, free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests."""
    limits = {"MAX_MICROPHONES": 2, "MAX_MICROPHONE_S": 20, "MICROPHONE_DRAIN_S": 15}
    with running(redis_server, free_port(), tmp_path_factory.mktemp("api"), **limits) as api:
        yield api


@pytest.fixture
def api(server: Api, redis_url: str, wait_until: Callable[..., None]) -> Iterator[Api]:
    """The server, with an empty Redis and without microphones."""
    yield server
    wait_until(lambda: 'undertext_api_viewers{kind="speakers"} 0.0' in server.http.get("/metrics").text)


@pytest.fixture
def ingest(redis_url: str) -> Iterator[Ingest]:
    """A scripted ingest that is running."""
    ingest = Ingest(redis_url)
    ingest.start()
    yield ingest
    ingest.join(timeout=20)
    assert not ingest.is_alive()


def hello(socket: Socket, **fields: object) -> None:
    socket.client.send(json.dumps({"sample_rate": 16_000, **fields}))


def test_audio_arrives_complete_and_captions_are_sent_back(api: Api, ingest: Ingest) -> None:
    pcm = bytes(range(256)) * 375  # three seconds
    with api.socket("/microphone") as microphone:
        hello(microphone, language="sv-SE", task="translate", hot_words=["Umeå"])
        ready = microphone.next("ready")
        assert microphone.next("caption")["text"] == "first"
        for at in range(0, len(pcm), 1001):  # no message ends at the end of a sample
            microphone.client.send(pcm[at : at + 1001])
        microphone.client.send('{"type": "stop"}')
        assert microphone.next("caption")["text"] == f"{len(pcm)} bytes"
        microphone.next("end")
        assert microphone.closed() == 1000
    assert ingest.hello == Hello(ready["id"], 16_000, "sv", 1, "translate", ("Umeå",))
    assert ingest.pcm == pcm


def test_viewers_of_a_microphone_cannot_send_audio(api: Api, ingest: Ingest) -> None:
    with api.socket("/microphone") as microphone:
        hello(microphone)
        ready = microphone.next("ready")
        microphone.next("caption")
        address = f"/microphones/{ready['id']}"
        with api.socket(f"{address}/live") as viewer, opened(api, f"{address}/events") as stream:
            for next in (viewer.next, lambda type: stream.next(type).data):
                assert next("caption")["text"] == "first", "from the beginning"
            for key in ("", ".", ".wrong"):
                with api.socket("/microphone") as thief:
                    hello(thief, resume=ready["id"] + key)
                    assert thief.next("error")["status"] == 404
            microphone.client.send(b"\0" * 32_000)
            microphone.client.send('{"type": "stop"}')
            for next in (viewer.next, lambda type: stream.next(type).data):
                assert next("caption")["text"] == "32000 bytes"
                next("end")
        microphone.next("end")
    with api.socket(f"{address}/live?after=1") as late:
        assert late.next("caption", "end")["text"] == "32000 bytes"
    assert api.http.get(f"{address}/events", headers={"Last-Event-ID": "2"}).status_code == 204
    assert api.refusal("/microphones/none/live").status_code == 404


def test_floats_are_converted_to_s16le(api: Api, ingest: Ingest) -> None:
    floats = array("f", [0.5, -0.5] * 16_000).tobytes()
    with api.socket("/microphone") as microphone:
        hello(microphone, format="f32le", sample_rate=48_000, channels=2)
        microphone.next("ready")
        for at in range(0, len(floats), 4001):
            microphone.client.send(floats[at : at + 4001])
        microphone.client.send('{"type": "stop"}')
        microphone.next("end")
    assert ingest.pcm == array("h", [16_384, -16_384] * 16_000).tobytes()


def test_other_data_than_raw_audio_is_rejected_by_its_format(api: Api, ingest: Ingest) -> None:
    with api.socket("/microphone") as microphone:
        hello(microphone)
        microphone.next("ready")
        microphone.client.send(b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01")
        assert "WebM" in microphone.next("error")["detail"]
        assert microphone.closed() == 1008


def test_a_client_that_vanishes_ends_its_microphone(api: Api, ingest: Ingest) -> None:
    with api.socket("/microphone") as microphone:
        hello(microphone)
        microphone.next("ready")
        microphone.client.send(b"\0" * 32_000)
    ingest.join(timeout=20)
    assert len(ingest.pcm) == 32_000


def test_captions_can_be_fetched_after_an_interruption(api: Api, ingest: Ingest) -> None:
    with api.socket("/microphone") as microphone:
        hello(microphone, language="sv")
        ready = microphone.next("ready")
        assert ready == {**json.loads(Path("tests/data/messages/ready.json").read_text()), **ready}
        microphone.next("caption")
        first = api.http.get(ready["urls"]["json"]).json()
        assert (first["complete"], [c["text"] for c in first["captions"]]) == (True, ["first"])
        microphone.client.send(b"\0" * 32_000)
    ingest.join(timeout=20)
    whole = api.http.get(ready["urls"]["json"])
    jsonschema.validate(
        whole.json(), {"$ref": "#/components/schemas/LiveCaptions", "components": document()["components"]}
    )
    assert (whole.json()["state"], whole.json()["languages"]) == ("finished", ["sv"])
    assert [c["text"] for c in whole.json()["captions"]] == ["first", "32000 bytes"]
    assert api.http.get(f"{ready['urls']['txt']}?after={first['next']}").text == "32000 bytes\n"
    assert api.http.get(ready["urls"]["vtt"]).text.count(" --> ") == 2
    assert api.http.get(ready["urls"]["srt"]).text.startswith("1\n00:00:00,000 --> ")
    assert api.http.get("/microphones/none/captions.srt").status_code == 404


@pytest.mark.parametrize("farewell", [None, 4000, 1001])  # the last when Firefox reloads a page
def test_recording_resumes_after_an_interruption(api: Api, ingest: Ingest, farewell: int | None) -> None:
    with api.socket("/microphone") as microphone:
        hello(microphone)
        ready = microphone.next("ready")
        first = microphone.next("caption")
        microphone.client.send(b"\1\0" * 16_000)
        ingest.heard(32_000)
        if farewell:  # a client that gives up the socket, not the recording
            microphone.client.close(farewell)
        else:
            microphone.client.sock.shutdown(socket.SHUT_RDWR)
    with api.socket("/microphone") as microphone:
        hello(microphone, resume=ready["resume"], after=first["event"])
        again = microphone.next("ready")
        assert again == {**ready, "audio_s": 1.0}
        microphone.client.send(b"\2\0" * 16_000)
        microphone.client.send('{"type": "stop"}')
        assert microphone.next("caption")["text"] == "64000 bytes", "none that was seen comes again"
        microphone.next("end")
        assert microphone.closed() == 1000
    assert ingest.pcm == b"\1\0" * 16_000 + b"\2\0" * 16_000
    assert api.http.get(ready["urls"]["txt"]).text == "first\n64000 bytes\n"
    with api.socket("/microphone") as microphone:  # it was stopped
        hello(microphone, resume=ready["resume"])
        assert microphone.next("error")["status"] == 404
        assert microphone.closed() == 1008


def test_broken_socket_with_unread_audio_does_not_end_the_recording(api: Api, ingest: Ingest) -> None:
    pcm = bytes(range(256)) * 1250  # ten seconds
    with api.socket("/microphone") as microphone:
        hello(microphone)
        resume = microphone.next("ready")["resume"]
        for at in range(0, len(pcm) // 2, 320):
            microphone.client.send(pcm[at : at + 320])
        microphone.client.sock.shutdown(socket.SHUT_WR)  # after all that was sent
        ingest.heard(len(pcm) // 2)  # before closing: unread data would cause a reset
    with api.socket("/microphone") as microphone:
        hello(microphone, resume=resume)
        arrived = round(microphone.next("ready")["audio_s"] * 32_000)
        microphone.client.send(pcm[arrived:])
        microphone.client.send('{"type": "stop"}')
        microphone.next("end")
    assert ingest.pcm == pcm


def test_resuming_takes_over_from_an_open_socket(api: Api, ingest: Ingest) -> None:
    with api.socket("/microphone") as old, api.socket("/microphone") as new:
        hello(old)
        resume = old.next("ready")["resume"]
        hello(new, resume=resume)
        new.next("ready")
        assert new.next("caption")["text"] == "first", "without `after` from the beginning"
        old.client.send(b"\1\0" * 16_000)
        assert old.next("error") | {"type": ""} == {
            "type": "",
            "status": 409,
            "detail": "another connection has resumed this recording",
        }
        assert old.closed() == 1008
        new.client.send(b"\2\0" * 16_000)
        new.client.send('{"type": "stop"}')
        new.next("end")
    assert ingest.pcm == b"\2\0" * 16_000


def test_recording_resumes_after_a_restart_of_the_api(
    redis_url: str, free_port: Callable[[], int], tmp_path: Path, ingest: Ingest
) -> None:
    port = free_port()
    with running(redis_url, port, tmp_path) as api, api.socket("/microphone") as microphone:
        hello(microphone, sample_rate=8_000)
        ready = microphone.next("ready")
        microphone.client.send(bytes(16_000))
        ingest.heard(16_000)
        api.process.terminate()
        assert microphone.closed() == 1001
    with connect(redis_url) as redis:  # a minute later
        key = keys.microphone_connections(ready["id"])
        redis.hset(key, "began_s", repr(float(redis.hget(key, "began_s") or 0) - 60))
    with running(redis_url, port, tmp_path) as api, api.socket("/microphone") as microphone:
        hello(microphone, sample_rate=8_000, resume=ready["resume"])
        microphone.next("ready")
        for _ in range(60):  # audio recorded meanwhile arrives at once
            microphone.client.send(bytes(16_000))
        microphone.client.send('{"type": "stop"}')
        microphone.next("end")
    assert len(ingest.pcm) == 61 * 16_000


def test_client_that_vanishes_after_its_hello_ends_its_microphone(api: Api, ingest: Ingest) -> None:
    with api.socket("/microphone") as microphone:
        protocol = microphone.client.ws
        message = protocol.send(TextMessage('{"sample_rate": 16000}')) + protocol.send(CloseConnection(1000))
        microphone.client.sock.send(message)
        microphone.closed()
    ingest.join(timeout=20)
    assert ingest.hello is not None


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("no json", "JSON"),
        ("[]", "JSON"),
        ("[" * 50_000, "JSON"),
        (b"\0\0", "JSON"),
        ('{"language": "sv"}', "sample_rate"),
        ("{}", "sample_rate is missing"),
        ('{"sample_rate": 100}', "sample_rate must be from 8000"),
        ('{"sample_rate": "16000"}', 'sample_rate must be a number such as 48000, not "16000"'),
        ('{"sample_rate": true}', "sample_rate"),
        ('{"sample_rate": 16000, "language": "spoken Swedish"}', "language"),
        ('{"sample_rate": 16000, "language": 3}', "language"),
        ('{"sample_rate": 16000, "task": 3}', "task"),
        ('{"sample_rate": 16000, "channels": 0}', "channels"),
        ('{"sample_rate": 16000, "format": "webm"}', "format must be s16le or f32le"),
        ('{"sample_rate": 16000, "format": ["f32le"]}', "format must be s16le or f32le"),
        ('{"sample_rate": 96000, "format": "f32le", "channels": 2}', "f32le is limited to 96000 samples a second"),
        ('{"sample_rate": 16000, "resume": 3}', "resume must be the field of that name in `ready`"),
        ('{"sample_rate": 16000, "resume": "\\ud800.x"}', "resume must be the field of that name in `ready`"),
        ('{"sample_rate": 16000, "resume": "0123456789abcdef"}', "start a new one without `resume`"),
        ('{"sample_rate": 16000, "resume": "../stations/x"}', "start a new one without `resume`"),
        ('{"sample_rate": 16000, "resume": "stations/x"}', "start a new one without `resume`"),
        ('{"sample_rate": 16000, "after": 3}', "after needs resume"),
        ('{"sample_rate": 16000, "resume": "x", "after": -1}', "after must be"),
        ('{"sample_rate": 16000, "resume": "x", "kept_from_s": -1}', "kept_from_s must be"),
        ('{"sample_rate": 16000, "resume": "x", "kept_from_s": "1"}', "kept_from_s must be"),
        ('{"sample_rate": 16000, "encoding": "opus"}', "no field 'encoding'; the fields are sample_rate, format"),
        ('{"sample_rate": 16000, "chanels": 2}', "no field 'chanels'; did you mean 'channels'?"),
        (json.dumps({"x" * 41: 1, "y": 2}), f"no field '{'x' * 40}'; the fields are"),
    ],
)
def test_invalid_hello_is_rejected_with_the_reason(api: Api, message: str | bytes, names: str) -> None:
    with api.socket("/microphone") as microphone:
        microphone.client.send(message)
        assert names in microphone.next("error")["detail"]
        assert microphone.closed() == 1008


def test_a_ping_is_answered_and_other_objects_are_ignored(api: Api, ingest: Ingest) -> None:
    with api.socket("/microphone") as microphone:
        hello(microphone)
        microphone.next("ready")
        for other in ({"type": "KeepAlive"}, {"eof": 1}):  # noted once
            microphone.client.send(json.dumps(other))
        for _ in range(2):
            microphone.client.send('{"type": "ping"}')
        said = [microphone.next("note", "pong", "error") for _ in range(3)]
        assert said[0] == json.loads(Path("tests/data/messages/note.json").read_text())
        assert said[1:] == [json.loads(Path("tests/data/messages/pong.json").read_text())] * 2
        microphone.client.send(b"\0" * 32_000)
        microphone.client.send('{"type": "stop"}')
        microphone.next("end")
        assert microphone.closed() == 1000
    assert len(ingest.pcm) == 32_000


@pytest.mark.parametrize("message", ["blah", "[]"])
def test_text_that_is_not_an_object_is_rejected(api: Api, ingest: Ingest, message: str) -> None:
    with api.socket("/microphone") as microphone:
        hello(microphone)
        microphone.next("ready")
        microphone.client.send(message)
        assert "stop" in microphone.next("error")["detail"]
        assert microphone.closed() == 1008


def test_audio_faster_than_real_time_is_rejected(api: Api, ingest: Ingest) -> None:
    with api.socket("/microphone") as microphone:
        hello(microphone, sample_rate=8_000)
        microphone.next("ready")
        with suppress(ConnectionClosed):  # it is rejected before all is sent
            for _ in range(40):  # a minute and more at once
                microphone.client.send(b"\0" * 32_000)
        assert microphone.next("error")["detail"]
        assert microphone.closed() == 1008


def test_microphones_are_limited(api: Api, redis_url: str) -> None:
    redis = connect(redis_url)
    with api.socket("/microphone") as one, api.socket("/microphone") as two:
        ids = []
        for microphone in (one, two):
            hello(microphone)
            ids.append(microphone.next("ready")["id"])
        refusal = api.refusal("/microphone")
        assert refusal.status_code == 503
        assert "MAX_MICROPHONES" in refusal.json()["detail"]
        for id in ids:
            Statuses(redis).save(Status(f"microphones/{id}", State.FAILED, "enough"))
        for microphone in (one, two):  # a microphone that ingest drops is closed
            microphone.next("end")
            assert microphone.closed() == 1000


def test_microphone_without_redis_is_rejected_before_the_handshake(
    free_port: Callable[[], int], tmp_path: Path
) -> None:
    with running(f"redis://127.0.0.1:{free_port()}/0", free_port(), tmp_path) as api:
        assert api.refusal("/microphone").status_code == 503
        assert api.refusal("/stations/x/live").status_code == 503
