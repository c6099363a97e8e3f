"""Speech into a microphone comes back as captions on the same socket."""

from __future__ import annotations

import json
import time

import numpy as np
import soxr

from demo.voices import SAMPLE_RATE
from tests.e2e import judging
from tests.e2e.recording import record
from tests.e2e.system import System
from tests.e2e.viewer import Viewer

RATE_HZ, FRAME_S = 48_000, 0.1


def test_what_is_spoken_is_captioned(
    system: System,
) -> None:
    system.transcribers(1)
    recording = record("sv", 5, 5)
    audio = soxr.resample(recording.audio.astype(np.float32), SAMPLE_RATE, RATE_HZ).astype(np.int16)
    socket = system.socket("/microphone")
    socket.send(json.dumps({"sample_rate": RATE_HZ, "language": "sv"}))
    with Viewer(socket) as viewer:
        system.wait(lambda: viewer.messages, what="the API is ready for audio")
        assert viewer.messages[0][1]["type"] == "ready"
        began = time.monotonic()
        for number, frame in enumerate(np.array_split(audio, max(1, round(len(audio) / RATE_HZ / FRAME_S)))):
            time.sleep(max(0.0, began + number * FRAME_S - time.monotonic()))
            socket.send(frame.tobytes())
        socket.send(json.dumps({"type": "stop"}))
        system.wait(lambda: any(message["type"] == "end" for _, message in viewer.messages), what="the recording ends")
        captions, finals = viewer.captions, viewer.finals
    judging.check_order(captions)
    assert judging.wer(recording.text, finals) < judging.MAX_WER
    newest = {caption["id"]: caption for caption in captions}
    assert all(caption["final"] or not caption["text"] for caption in newest.values())
