"""All formats are decoded to 16 kHz mono, and truncation is detected."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.recordings import convert, cut_short, record, voice
from trainer.corpus.decode import decode, duration_s, find_ffmpeg
from trainer.errors import AudioError

LENGTH_S = 2.0


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("original") / "original.wav", LENGTH_S, rate=44_100, channels=2)


FORMATS = {
    "x.wav": (),
    "x24.wav": ("-c:a", "pcm_s24le"),
    "x8k.wav": ("-ar", "8000", "-ac", "1"),
    "x.flac": (),
    "x.mp3": (),
    "vbr.mp3": ("-q:a", "5"),
    "x.ogg": ("-c:a", "libvorbis"),
    "x.opus": ("-c:a", "libopus"),
    "x.m4a": ("-c:a", "aac"),
    "x.webm": ("-c:a", "libopus"),
    "no header.mp3": ("-q:a", "5", "-write_xing", "0"),
    "with a: colon.m4a": ("-c:a", "aac"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_any_format_becomes_16_khz_mono(name: str, original: Path, tmp_path: Path) -> None:
    path = convert(original, tmp_path / name, *FORMATS[name])
    decoded = decode(path)
    assert decoded.samples.dtype == np.int16
    assert decoded.duration_s == pytest.approx(LENGTH_S, abs=0.06)
    assert decoded.declared_s is None or decoded.declared_s == pytest.approx(LENGTH_S, abs=0.06)
    assert duration_s(path) == pytest.approx(LENGTH_S, abs=0.06)
    spectrum = np.abs(np.fft.rfft(decoded.samples[8000:24_000]))
    assert int(spectrum.argmax()) == 440
    level = np.sqrt(np.mean(np.square(decoded.samples[8000:24_000] / 32768)))
    assert level == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
    np.testing.assert_array_equal(decode(path.read_bytes()).samples, decoded.samples)


def test_16_khz_mono_is_left_as_it_is(tmp_path: Path) -> None:
    expected = np.rint(voice(1.0) * 32768)
    assert np.abs(decode(record(tmp_path / "x.wav")).samples - expected).max() <= 1


def test_an_mp3_without_a_length_is_read_to_its_end(tmp_path: Path) -> None:
    # Loud noise, then a tone: the first frame, from which libsndfile estimates the length, has another bit rate.
    noise = np.random.default_rng(0).standard_normal(16_000) * 0.3
    soundfile.write(tmp_path / "x.wav", np.concatenate([noise, voice(5.0)]), 16_000)
    path = convert(tmp_path / "x.wav", tmp_path / "x.mp3", "-q:a", "5", "-write_xing", "0", "-id3v2_version", "3")
    assert soundfile.info(path).duration < 5, "libsndfile has learnt it: _without_length can go"
    assert decode(path).duration_s == pytest.approx(6.0, abs=0.1)
    assert duration_s(path) == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize("name", ["x.wav", "x24.wav", "x.flac", "x.mp3", "vbr.mp3", "x.webm"])
def test_truncation_is_detected_by_the_header(name: str, original: Path, tmp_path: Path) -> None:
    decoded = decode(cut_short(convert(original, tmp_path / name, *FORMATS[name])))
    assert decoded.declared_s == pytest.approx(LENGTH_S, abs=0.06)
    assert decoded.duration_s < 0.75 * LENGTH_S


def test_a_wav_written_to_a_pipe_is_not_truncated(original: Path, tmp_path: Path) -> None:
    data = bytearray(original.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = b"\xff\xff\xff\xff"
    decoded = decode(bytes(data))
    assert decoded.duration_s == decoded.declared_s == pytest.approx(LENGTH_S)


def test_files_that_are_not_recordings_are_reported(tmp_path: Path) -> None:
    video = tmp_path / "silent.mp4"
    picture = ("-f", "lavfi", "-i", "color=size=32x32:duration=1", str(video))
    subprocess.run([find_ffmpeg(), "-nostdin", "-loglevel", "error", *picture], check=True)
    page = b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>404</body></html>" * 100
    for name, data, told in (
        ("silent.mp4", video.read_bytes(), "no audio track"),
        ("empty.mp3", b"", r"empty \(0 bytes\)"),
        ("page.mp3", page, "a web page, not a recording"),
    ):
        (tmp_path / name).write_bytes(data)
        for read in (decode, duration_s):
            with pytest.raises(AudioError, match=told):
                read(tmp_path / name)
        with pytest.raises(AudioError, match=told):
            decode(data)


def test_missing_files_and_files_without_audio_raise_different_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        decode(tmp_path / "none.wav")
    garbage = tmp_path / "x.mp3"
    garbage.write_bytes(b"this is no audio" * 100)
    for recording in (garbage, garbage.read_bytes(), b""):
        with pytest.raises(AudioError):
            decode(recording)
    samples = tmp_path / "x.raw"
    samples.write_bytes(np.zeros(16_000, "<i2").tobytes())
    for read in (decode, duration_s):
        with pytest.raises(AudioError):
            read(samples)
