"""An uploaded recording results in captions and subtitle files."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest

from benchmarks.alignment import caption_words, normalised
from demo.bulletins import Language
from tests.e2e import judging
from tests.e2e.recording import Recording, record
from tests.e2e.system import System


@pytest.mark.parametrize(
    ("language", "name", "options"),
    [
        ("sv", "nyheter.mp3", ("-ar", "44100", "-ac", "2", "-b:a", "128k")),
        ("en", "news.m4a", ("-ar", "48000", "-c:a", "aac", "-b:a", "96k")),
        ("en", "telephone.wav", ("-ar", "8000", "-c:a", "pcm_mulaw")),
    ],
)
def test_captions_match_the_uploaded_recording(
    system: System,
    tmp_path: Path,
    language: Language,
    name: str,
    options: tuple[str, ...],
) -> None:
    recording = record(language, 14, 1)
    id = system.upload(recording.encoded(tmp_path / name, *options))
    document = system.finished(id)
    captions = document["captions"]
    assert document["complete"]
    assert judging.wer(recording.text, captions) < judging.MAX_WER
    assert all(caption["final"] for caption in captions)
    assert [caption["id"] for caption in captions] == list(range(1, len(captions) + 1))
    assert captions[-1]["end_s"] <= recording.duration_s + 0.5
    assert {caption["language"] for caption in captions} == {language}
    assert document["language"] == language
    seen = system.job(id)
    assert seen["progress"] == 1
    assert seen["duration_s"] == pytest.approx(recording.duration_s, abs=0.3)
    assert seen["sample_rate_hz"] == int(options[1])


def test_subtitle_files_are_valid_and_consistent(system: System, tmp_path: Path) -> None:
    recording = record("sv", 10, 2)
    id = system.upload(recording.encoded(tmp_path / "a.mp3"), "sv")
    captions = system.finished(id)["captions"]
    files = {
        format: httpx.get(f"{system.url}/jobs/{id}/captions.{format}", timeout=30) for format in ("srt", "vtt", "txt")
    }
    assert all(file.status_code == 200 for file in files.values())
    assert files["vtt"].headers["Content-Type"].startswith("text/vtt")
    words = caption_words(captions)
    for cues in (judging.parse_srt(files["srt"].text), judging.parse_vtt(files["vtt"].text)):
        assert normalised(" ".join(line for _, _, lines in cues for line in lines)) == words
        assert cues[-1][1] <= recording.duration_s + 0.5
    assert normalised(files["txt"].text) == words


def test_progress_goes_from_zero_to_one(system: System, tmp_path: Path) -> None:
    id = system.upload(record("en", 40, 3).encoded(tmp_path / "long.mp3"))
    seen: list[float] = []

    def finished() -> bool:
        job = system.job(id)
        seen.append(job["progress"])
        return bool(job["state"] == "finished")

    system.wait(finished, what="the upload is captioned")
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_file_without_audio_fails_with_a_reason(system: System, tmp_path: Path) -> None:
    page = tmp_path / "page.mp3"
    page.write_text("<html>not found</html>" * 200)
    id = system.upload(page)
    system.wait(lambda: system.job(id)["state"] == "failed", what="the job fails")
    assert system.job(id)["error"]


def test_silence_has_no_captions(system: System, tmp_path: Path) -> None:
    silence = Recording("", "en", np.zeros(17 * 16_000, np.int16))
    id = system.upload(silence.encoded(tmp_path / "silence.mp3"))
    assert system.finished(id)["captions"] == []
    assert judging.parse_srt(httpx.get(f"{system.url}/jobs/{id}/captions.srt", timeout=30).text) == []
    assert judging.parse_vtt(httpx.get(f"{system.url}/jobs/{id}/captions.vtt", timeout=30).text) == []
