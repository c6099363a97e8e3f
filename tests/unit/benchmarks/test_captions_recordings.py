"""The user's own recordings, with and without SOURCES.tsv."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from benchmarks.captions.recordings import Recording, detect, recordings
from benchmarks.captions.run import Meter, one_thread
from transcriber.whisper.model import load
from transcriber.whisper.transformers_engine import TransformersEngine


def write(path: Path, audio: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", "NONE"))
        out.writeframes(audio.tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    write(tmp_path / "nospeech" / "silence.wav", np.zeros(16_000 * 12, np.int16))
    write(tmp_path / "en" / "talk.wav", rng.integers(-9000, 9000, 16_000 * 10).astype(np.int16))
    return tmp_path


def test_without_a_table_all_audio_is_used_with_unknown_kind(folder: Path) -> None:
    assert [(r.name, r.kind, r.language) for r in recordings(folder)] == [
        ("en/talk.wav", "unknown", None),
        ("nospeech/silence.wav", "unknown", None),
    ]


def test_table_gives_kind_and_language(folder: Path) -> None:
    table = "file\tlanguage\tkind\nen/talk.wav\ten\tspeech\nnospeech/silence.wav\t-\tnospeech\n"
    (folder / "SOURCES.tsv").write_text(table)
    assert [(r.kind, r.language) for r in recordings(folder)] == [("speech", "en"), ("nospeech", None)]


def test_missing_file_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "SOURCES.tsv").write_text("file\tkind\nen/other.wav\tspeech\n")
    with pytest.raises(FileNotFoundError, match=r"en/other\.wav"):
        recordings(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no audio"):
        recordings(tmp_path / "empty")


def test_silence_is_withheld_and_speech_is_not(folder: Path) -> None:
    found = [
        Recording(folder / "en" / "talk.wav", "en/talk.wav", "speech", "en"),
        Recording(folder / "nospeech" / "silence.wav", "nospeech/silence.wav", "nospeech"),
    ]
    one_thread()
    rows, figures = detect(found, Meter(TransformersEngine(load("demo/model", device="cpu"))))
    assert [(row["recordings"], row["files"]) for row in rows] == [
        ("speech en", 1),
        ("silence", 1),
        ("all speech", 1),
        ("all nospeech", 1),
    ]
    assert figures["recordings_let_through_per_hour"] == 0
    assert figures["recordings_false_captions_per_hour"] == 0
    assert rows[1]["withheld %"] == 100
