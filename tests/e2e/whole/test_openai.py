"""Transcription of recordings and a microphone with OpenAI's own client."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from openai import OpenAI, UnprocessableEntityError

from demo.voices import SAMPLE_RATE
from tests.e2e import judging
from tests.e2e.recording import record, spoken
from tests.e2e.system import System


@pytest.fixture
def client(system: System) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{system.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_recording_is_transcribed(client: OpenAI, tmp_path: Path) -> None:
    recording = record("en", 4, 9)
    path = recording.encoded(tmp_path / "news.mp3")
    [model] = client.models.list()
    assert client.models.retrieve(model.id) == model
    whole = client.audio.transcriptions.create(
        model="whisper-1",
        file=path,
        language="en",
        prompt="Oxford, Cardiff",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert judging.wer(recording.text, [{"text": whole.text}]) < judging.MAX_WER
    assert whole.duration == pytest.approx(recording.duration_s, abs=0.3)
    assert whole.words is not None
    assert " ".join(word.word for word in whole.words) == whole.text
    assert all(word.start <= word.end <= recording.duration_s + 0.5 for word in whole.words)
    *deltas, done = client.audio.transcriptions.create(model="whisper-1", file=path, stream=True)
    assert done.type == "transcript.text.done"
    assert "".join(event.delta for event in deltas if event.type == "transcript.text.delta") == done.text
    assert judging.wer(recording.text, [{"text": done.text}]) < judging.MAX_WER


def test_file_without_audio_is_refused_with_the_reason(client: OpenAI) -> None:
    with pytest.raises(UnprocessableEntityError, match="not a recording in a format"):
        client.audio.transcriptions.create(model="whisper-1", file=("talk.mp3", b"hello " * 100))


def test_speech_is_transcribed_while_it_continues(system: System, client: OpenAI) -> None:
    system.transcribers(1)
    recording, rate_hz = record("sv", 3, 7), 48_000
    audio = soxr.resample(recording.audio.astype(np.float32), SAMPLE_RATE, rate_hz).astype(np.int16)
    with client.realtime.connect(extra_query={"intent": "transcription"}) as session:
        input: Any = {"format": {"type": "audio/pcm", "rate": rate_hz}, "transcription": {"language": "sv"}}
        session.session.update(session={"type": "transcription", "audio": {"input": input}})
        for frame in spoken(audio, rate_hz):
            session.input_audio_buffer.append(audio=base64.b64encode(frame).decode())
        session.input_audio_buffer.commit()
        events = []
        while not events or events[-1].type != "conversation.item.input_audio_transcription.completed":
            events.append(session.recv())
    deltas = [event.delta for event in events if event.type == "conversation.item.input_audio_transcription.delta"]
    assert len(deltas) > 1, "text must arrive during the speech"
    assert "".join(deltas) == events[-1].transcript
    assert judging.wer(recording.text, [{"text": events[-1].transcript, "final": True}]) < judging.MAX_WER
