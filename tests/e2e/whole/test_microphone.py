"""Speech into a microphone comes back as captions on the same socket."""

from __future__ import annotations

import base64
import json
import socket as sockets
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import soxr
from openai import OpenAI

from demo.voices import SAMPLE_RATE
from tests.e2e import judging
from tests.e2e.recording import record
from tests.e2e.system import System
from tests.e2e.viewer import Viewer

RATE_HZ, FRAME_S = 48_000, 0.1


def spoken(audio: np.ndarray) -> Iterator[bytes]:
    """Frames, each when it has been said."""
    began = time.monotonic()
    for number, frame in enumerate(np.array_split(audio, max(1, round(len(audio) / RATE_HZ / FRAME_S)))):
        time.sleep(max(0.0, began + number * FRAME_S - time.monotonic()))
        yield frame.tobytes()


def ended(viewer: Viewer) -> bool:
    return any(message["type"] == "end" for _, message in viewer.messages)


def test_what_is_spoken_is_captioned(
    system: System,
) -> None:
    system.transcribers(1)
    recording = record("sv", 3, 5)
    audio = soxr.resample(recording.audio.astype(np.float32), SAMPLE_RATE, RATE_HZ).astype(np.int16)
    socket = system.socket("/microphone")
    socket.send(json.dumps({"sample_rate": RATE_HZ, "language": "sv"}))
    with Viewer(socket) as viewer:
        system.wait(lambda: viewer.messages, what="the API is ready for audio")
        assert viewer.messages[0][1]["type"] == "ready"
        for frame in spoken(audio):
            socket.send(frame)
        socket.send(json.dumps({"type": "stop"}))
        system.wait(lambda: ended(viewer), what="the recording ends")
        captions, finals = viewer.captions, viewer.finals
    judging.check_order(captions)
    assert judging.wer(recording.text, finals) < judging.MAX_WER
    newest = {caption["id"]: caption for caption in captions}
    assert all(caption["final"] or not caption["text"] for caption in newest.values())


def test_what_is_spoken_to_a_client_of_openais_is_written(system: System) -> None:
    system.transcribers(1)
    recording = record("sv", 3, 7)
    audio = soxr.resample(recording.audio.astype(np.float32), SAMPLE_RATE, RATE_HZ).astype(np.int16)
    client = OpenAI(base_url=f"{system.url}/v1", api_key="none")
    with client.realtime.connect(extra_query={"intent": "transcription"}) as session:
        input: Any = {"format": {"type": "audio/pcm", "rate": RATE_HZ}, "transcription": {"language": "sv"}}
        session.session.update(session={"type": "transcription", "audio": {"input": input}})
        for frame in spoken(audio):
            session.input_audio_buffer.append(audio=base64.b64encode(frame).decode())
        session.input_audio_buffer.commit()
        events = []
        while not events or events[-1].type != "conversation.item.input_audio_transcription.completed":
            events.append(session.recv())
    deltas = [event.delta for event in events if event.type == "conversation.item.input_audio_transcription.delta"]
    assert len(deltas) > 1, "text comes while somebody speaks"
    assert "".join(deltas) == events[-1].transcript
    assert judging.wer(recording.text, [{"text": events[-1].transcript, "final": True}]) < judging.MAX_WER


def test_what_is_spoken_over_a_break_is_captioned_once(system: System) -> None:
    """The socket breaks in the middle; what is said before the next one stands is kept, and sent at once."""
    system.transcribers(1)
    recording = record("sv", 5, 5)
    audio = soxr.resample(recording.audio.astype(np.float32), SAMPLE_RATE, RATE_HZ).astype(np.int16)
    hello, frames, said = {"sample_rate": RATE_HZ, "language": "sv"}, spoken(audio), []
    first = system.socket("/microphone")
    first.send(json.dumps(hello))
    with Viewer(first) as before:
        system.wait(lambda: before.messages, what="the API is ready for audio")
        while sum(map(len, said)) < len(audio):  # half of its bytes
            said.append(next(frames))
            first.send(said[-1])
        first.sock.shutdown(sockets.SHUT_RDWR)
    for _ in range(20):
        said.append(next(frames))
    seen = max((caption["event"] for caption in before.captions), default=0)
    second = system.socket("/microphone")
    resumed = {"resume": before.messages[0][1]["resume"], "after": seen, "kept_from_s": 0}
    second.send(json.dumps({**hello, **resumed}))
    with Viewer(second) as after:
        system.wait(lambda: after.messages, what="the API is ready for audio again")
        arrived = 2 * round(after.messages[0][1]["audio_s"] * RATE_HZ)
        second.send(b"".join(said)[arrived:])
        for frame in frames:
            second.send(frame)
        second.send(json.dumps({"type": "stop"}))
        system.wait(lambda: ended(after), what="the recording ends")
    captions = before.captions + after.captions
    judging.check_order(captions)
    assert {caption["content"] for caption in captions} == {"speech"}, "nothing is missing"
    finals = [caption for caption in captions if caption["final"]]
    assert judging.wer(recording.text, finals) < judging.MAX_WER
