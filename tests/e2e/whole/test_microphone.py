"""Speech into a microphone comes back as captions on the same socket."""

from __future__ import annotations

import json
import socket as sockets

import numpy as np
import soxr

from demo.voices import SAMPLE_RATE
from tests.e2e import judging
from tests.e2e.recording import record, spoken
from tests.e2e.system import System
from tests.e2e.viewer import Viewer

RATE_HZ = 48_000


def ended(viewer: Viewer) -> bool:
    return any(message["type"] == "end" for _, message in viewer.messages)


def test_microphone_is_captioned_by_the_whole_system(
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
        for frame in spoken(audio, RATE_HZ):
            socket.send(frame)
        socket.send(json.dumps({"type": "stop"}))
        system.wait(lambda: ended(viewer), what="the recording ends")
        captions, finals = viewer.captions, viewer.finals
    judging.check_order(captions)
    assert judging.wer(recording.text, finals) < judging.MAX_WER
    newest = {caption["id"]: caption for caption in captions}
    assert all(caption["final"] or not caption["text"] for caption in newest.values())


def test_audio_is_captioned_once_despite_a_lost_connection(system: System) -> None:
    """The socket breaks midway; audio recorded before the next one is open is buffered, and then sent at once."""
    system.transcribers(1)
    recording = record("sv", 5, 5)
    audio = soxr.resample(recording.audio.astype(np.float32), SAMPLE_RATE, RATE_HZ).astype(np.int16)
    hello, frames, said = {"sample_rate": RATE_HZ, "language": "sv"}, spoken(audio, RATE_HZ), []
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
