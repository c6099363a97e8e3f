"""The speech detector with its real model, on synthetic voices, music and noise, and on recordings if available."""

from __future__ import annotations

import csv
import logging
import os
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soxr

from demo import music, noise
from demo.voices import Voice, speak_all
from ingest.settings import Settings
from ingest.speech.detector import SilenceDetector
from ingest.speech.silero import FRAME_SAMPLES, Audio, Memory, Silero
from ingest.speech.speech_detector import SpeechDetector, loudest_dbfs, make_detectors
from tests.places import ROOT
from wire.audio import SAMPLE_RATE_HZ, samples
from wire.messages import Content

CHUNK = samples(5)
RECORDINGS = os.environ.get("UNDERTEXT_SPEECH")


@pytest.fixture(scope="module")
def model() -> Silero:
    return Silero()


@pytest.fixture(scope="module")
def talk() -> Audio:
    """Fifteen seconds of a reader, at −23 dBFS."""
    texts = ["Here is the news, read at noon.", "Rain is expected in the north tomorrow.", "Trains are late again."] * 4
    speech = speak_all(texts, Voice("en-us+m3", "en"), random.Random(1), (0.0, 0.1)).audio.astype(np.float32)
    return at_level(speech[: 3 * CHUNK], -23)


@pytest.fixture(scope="module")
def tune() -> Audio:
    """Fifteen seconds of music, at −23 dBFS."""
    stereo = music.bed(15, random.Random(4))
    return at_level(soxr.resample(stereo.mean(1), music.RATE_HZ, SAMPLE_RATE_HZ)[: 3 * CHUNK], -23)


def at_level(audio: Audio, dbfs: float) -> Audio:
    return np.asarray(audio * (10 ** (dbfs / 20) / noise.active_rms(audio)), np.float32)


def pcm(audio: Audio) -> bytes:
    return np.clip(np.round(audio * 32767), -32768, 32767).astype("<i2").tobytes()


def contents(model: Silero, audio: Audio, threshold: float = 0.5) -> list[Content]:
    detector = SpeechDetector(model, threshold)
    return [detector(pcm(audio[start : start + CHUNK])) for start in range(0, len(audio), CHUNK)]


@pytest.mark.parametrize("dbfs", [-9, -23, -49, -55])
def test_speech_is_detected_at_any_loudness(model: Silero, talk: Audio, dbfs: float) -> None:
    assert contents(model, at_level(talk, dbfs)) == [Content.SPEECH] * 3


@pytest.mark.parametrize("kind", noise.KINDS)
def test_speech_is_detected_in_noise(model: Silero, talk: Audio, kind: str) -> None:
    noisy = noise.at_snr(talk, noise.noise(kind, len(talk), np.random.default_rng(1)), 10)
    assert contents(model, noisy) == [Content.SPEECH] * 3
    assert contents(model, at_level(noisy, -49)) == [Content.SPEECH] * 3


def test_talk_over_music_is_kept(model: Silero, talk: Audio, tune: Audio) -> None:
    assert contents(model, talk + 0.5 * tune) == [Content.SPEECH] * 3


def test_speech_on_a_telephone_is_detected(model: Silero, talk: Audio) -> None:
    assert contents(model, noise.band(talk, 300, 3400)) == [Content.SPEECH] * 3


@pytest.mark.parametrize("dbfs", [-12, -23, -45])
def test_music_is_classified_as_music(model: Silero, tune: Audio, dbfs: float) -> None:
    assert contents(model, at_level(tune, dbfs)) == [Content.MUSIC] * 3


@pytest.mark.parametrize(
    ("dbfs", "content"), [(-50, Content.MUSIC), (-65, Content.SILENCE), (-90, Content.SILENCE), (-200, Content.SILENCE)]
)
def test_faint_audio_is_silence(model: Silero, dbfs: float, content: Content) -> None:
    hiss = at_level(noise.noise("pink", 2 * CHUNK, np.random.default_rng(2)), dbfs)
    assert contents(model, hiss) == [content] * 2


def test_speech_that_ends_early_in_a_chunk_keeps_the_chunk(model: Silero, talk: Audio, tune: Audio) -> None:
    spoken_s = 1.4  # of the first sentence
    talking = np.concatenate([tune[: CHUNK - samples(1.2)], talk[: samples(spoken_s)] * 4, tune])
    assert contents(model, talking)[:3] == [Content.SPEECH, Content.SPEECH, Content.MUSIC]


def test_now_covers_the_last_two_seconds(model: Silero, talk: Audio, tune: Audio) -> None:
    silence = np.zeros(CHUNK, np.float32)
    for ending, expected in ((tune, Content.MUSIC), (silence, Content.SILENCE)):
        for ending_s, now in ((3.5, expected), (0.5, Content.SPEECH)):
            detector = SpeechDetector(model, 0.5)
            piece = np.concatenate([talk[: CHUNK - samples(ending_s)], ending[: samples(ending_s)]])
            assert detector(pcm(piece)) is Content.SPEECH, "the rest of the piece contains speech"
            assert detector.now is now
    detector(pcm(silence))  # the end of the speech may extend into it
    assert detector(pcm(silence)) is detector.now is Content.SILENCE
    assert detector(pcm(talk[:CHUNK])) is detector.now is Content.SPEECH


def test_piece_lengths_do_not_affect_the_result(model: Silero, talk: Audio) -> None:
    detector = SpeechDetector(model, 0.5)
    found = [detector(pcm(talk[start : start + 100])) for start in range(0, CHUNK, 100)]
    assert found.count(Content.SPEECH) > len(found) / 2, "most of it is speech"
    assert SpeechDetector(model, 0.5)(b"") is Content.SILENCE


def test_threads_share_the_model(model: Silero, talk: Audio, tune: Audio) -> None:
    alone = [contents(model, audio) for audio in (talk, tune)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda n: contents(model, (talk, tune)[n % 2]), range(16)))
    assert together == alone * 8


def test_model_state_is_carried_between_pieces(model: Silero, talk: Audio) -> None:
    whole, _ = model(talk, Memory())
    memory, parts = Memory(), []
    for start in range(0, len(talk), 7 * FRAME_SAMPLES):
        part, memory = model(talk[start : start + 7 * FRAME_SAMPLES], memory)
        parts.append(part)
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
    assert whole.shape == (len(talk) // FRAME_SAMPLES,)
    assert whole.max() > 0.9


def test_loudness_is_measured_at_the_loudest_moment() -> None:
    audio = np.zeros(samples(1.05), np.float32)
    assert loudest_dbfs(audio) == loudest_dbfs(audio[:0]) == -100
    audio[-samples(0.05) :] = 0.1
    assert loudest_dbfs(audio) == pytest.approx(-20)
    audio[: samples(0.1)] = 1
    assert loudest_dbfs(audio) == pytest.approx(0)


def test_one_model_serves_all_detectors() -> None:
    make = make_detectors(Settings())
    first, second = make(), make()
    assert isinstance(first, SpeechDetector)
    assert isinstance(second, SpeechDetector)
    assert first is not second
    assert first._model is second._model


def test_detector_can_be_turned_off() -> None:
    assert isinstance(make_detectors(Settings(vad="off"))(), SilenceDetector)


def test_detector_sends_no_telemetry(tmp_path: Path) -> None:
    use = "import numpy; from ingest.speech.silero import *; Silero()(numpy.zeros(16_000, numpy.float32), Memory())"
    # It sends no telemetry in CI anyway.
    environ = {name: value for name, value in os.environ.items() if name not in ("CI", "XDG_CACHE_HOME")}
    subprocess.run([sys.executable, "-c", use], cwd=ROOT, env={**environ, "HOME": str(tmp_path)}, check=True)
    assert not list(tmp_path.iterdir()), "it stored an identifier of this machine, or reports to send"


def test_missing_onnxruntime_falls_back_to_silence_detection(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # makes Python refuse to import it
    with caplog.at_level(logging.WARNING):
        make = make_detectors(Settings())
    assert isinstance(make(), SilenceDetector)
    assert len(caplog.messages) == 1
    assert "onnxruntime" in caplog.text


@pytest.mark.skipif(not RECORDINGS, reason="UNDERTEXT_SPEECH names no folder of recordings")
def test_real_speech_in_seven_languages_is_detected(model: Silero, need_program: Callable[..., str]) -> None:
    folder = Path(str(RECORDINGS)) / "clips"
    with (folder / "SOURCES.tsv").open(encoding="utf-8") as file:
        files = [row["file"] for row in csv.DictReader(file, delimiter="\t") if row["kind"] == "speech"]
    assert files
    for name in files:
        command = [need_program("ffmpeg"), "-v", "error", "-i", str(folder / name)]
        command += ["-ac", "1", "-ar", str(SAMPLE_RATE_HZ), "-f", "s16le", "-"]
        audio = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<i2") / 32768
        for dbfs in (-23, -49):
            found = contents(model, at_level(audio.astype(np.float32), dbfs))
            whole = found[: max(1, len(audio) // CHUNK)]
            assert whole == [Content.SPEECH] * len(whole), name


def test_fork_does_not_affect_the_original(model: Silero, talk: Audio, tune: Audio) -> None:
    plain, forked = SpeechDetector(model, 0.5), SpeechDetector(model, 0.5)
    for piece in np.split(np.concatenate([talk, np.zeros(CHUNK, np.float32), tune]), 7):
        for length in (CHUNK // 4, CHUNK // 2):
            forked.fork()(pcm(piece[:length]))
        assert forked(pcm(piece)) is plain(pcm(piece))
        assert (forked.now, forked.onset_samples) == (plain.now, plain.onset_samples)
        assert vars(forked._hysteresis) == vars(plain._hysteresis)
