"""Uploads are decoded faithfully, even if they are truncated, silent or too long."""

from __future__ import annotations

import dataclasses
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from demo.noise import noise
from demo.voices import Voice, speak
from ingest.context import Context
from ingest.recordings.decoding import Decoding
from ingest.speech.speech_detector import make_detectors
from tests.integration.ingest.fixture_types import Chunks, Decode, Make
from tests.integration.ingest.radio import audio_of
from wire.messages import Content, Job, State
from wire.sources import Jobs


def test_truncated_mp3_is_captioned_to_its_end(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    path = make_audio("whole.mp3", "-b:a", "64k")
    path.write_bytes(path.read_bytes()[: 64_000 // 8 * 7 + 77])
    job = decode(path)
    assert (job.state, job.error) == (State.RUNNING, "")
    found = chunks("jobs/j")
    assert found[-1].last
    assert len(audio_of(found)) / 16_000 == pytest.approx(7, abs=0.2)
    assert job.duration_s == pytest.approx(7, abs=0.2)
    assert job.warning.startswith("the recording is cut off: its header says 12.0 s")


@pytest.mark.parametrize("rest", [0, 1], ids=["between two samples", "within one"])
def test_truncated_wav_is_captioned_with_a_warning(rest: int, decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    path = make_audio("x.wav", "-ar", "16000", "-ac", "1")
    whole = path.read_bytes()
    path.write_bytes(whole[: -2 * 16_000 * 5 - rest])
    job = decode(path)
    assert (job.state, job.error) == (State.RUNNING, "")
    length_s = len(audio_of(chunks("jobs/j"))) / 16_000
    assert job.duration_s == pytest.approx(length_s)
    assert (
        job.warning
        == f"the recording is cut off: its header says {length_s + 5:.1f} s; the part that exists is captioned"
    )


def test_wav_without_a_length_is_not_truncated(decode: Decode, make_audio: Make, tmp_path: Path) -> None:
    path = make_audio("x.wav", "-ar", "16000", "-ac", "1")
    audio = path.read_bytes()
    at = audio.index(b"data") + 4
    path.write_bytes(audio[:at] + b"\xff\xff\xff\xff" + audio[at + 4 :])
    job = decode(path)
    assert (job.error, job.warning) == ("", "")


def test_wav_with_contradictory_sizes_is_captioned(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    """A recorder that was killed has written the length of its samples, but not that of the file."""
    path = make_audio("x.wav", "-ar", "16000", "-ac", "1", "-metadata", "title=News")
    audio = path.read_bytes()
    assert b"LIST" in audio[:100]
    path.write_bytes(audio[:4] + (36).to_bytes(4, "little") + audio[8:])
    assert decode(path).error == ""
    assert len(audio_of(chunks("jobs/j"))) > 16_000


def test_error_of_a_truncated_mp4_names_its_index(decode: Decode, make_audio: Make) -> None:
    path = make_audio("x.m4a", "-c:a", "aac")
    path.write_bytes(path.read_bytes()[:30_000])
    job = decode(path)
    assert job.state is State.FAILED
    assert "cut off" in job.error


def test_recording_without_samples_ends_immediately(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    path = make_audio("x.wav", "-ar", "16000", "-ac", "1")
    path.write_bytes(path.read_bytes()[: -12 * 32_000])
    job = decode(path)
    assert (job.state, job.error) == (State.RUNNING, "")
    assert [(chunk.n_samples, chunk.last) for chunk in chunks("jobs/j")] == [(0, True)]


def test_chunks_carry_the_settings_of_their_job(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    decode(make_audio("x.mp3"), language="sv", task="translate", hot_words=("Umeå",))
    assert {(c.language, c.task, c.hot_words) for c in chunks("jobs/j")} == {("sv", "translate", ("Umeå",))}


def test_silence_is_sent_without_audio(decode: Decode, make_audio: Make, chunks: Chunks) -> None:
    decode(make_audio("x.wav", source="anullsrc=duration=12"))
    found = chunks("jobs/j")
    assert [chunk.content for chunk in found] == [Content.SILENCE] * 3
    assert all(chunk.pcm == b"" for chunk in found)


def test_only_speech_is_sent_with_audio(tmp_path: Path, context: Context, chunks: Chunks) -> None:
    words = speak("Rain is expected in the north tomorrow.", Voice("en-us+f2", "en")).audio
    speech = np.pad(words, (16_000, 80_000 - 16_000 - len(words)))
    hum = 0.1 * noise("hum", 240_000, np.random.default_rng(1)) * 32767
    audio = np.concatenate([speech, hum.astype(np.int16), np.zeros(80_000, np.int16), speech])
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(audio.tobytes())
    Jobs(context.redis).save(Job("j", time.time(), filename="x", path="x.wav"))
    Decoding("j", dataclasses.replace(context, make_detector=make_detectors(context.settings))).run()
    found = [chunk for chunk in chunks("jobs/j") if chunk.n_samples]
    assert [str(chunk.content) for chunk in found] == ["speech", "music", "music", "music", "silence", "speech"]
    assert [bool(chunk.pcm) for chunk in found] == [True, False, False, False, False, True]
    assert found[-1].lead_samples == found[-2].tail_samples >= 8_000


def test_recording_that_is_too_long_is_refused(decode: Decode, make_audio: Make, context: Context) -> None:
    object.__setattr__(context.settings, "max_upload_hours", 5 / 3600)
    job = decode(make_audio("x.wav"))
    assert job.error == "it lasts 0.0 hours; at most 0.00138889 are allowed (MAX_UPLOAD_HOURS)"


def test_recording_of_unknown_length_is_truncated(
    decode: Decode, make_audio: Make, context: Context, chunks: Chunks
) -> None:
    object.__setattr__(context.settings, "max_upload_hours", 8 / 3600)
    job = decode(make_audio("x.mkv", "-live", "1", "-c:a", "flac"))
    assert job.error == ""
    assert 8 <= len(audio_of(chunks("jobs/j"))) / 16_000 < 11
    assert "MAX_UPLOAD_HOURS" in job.warning
