"""How a decoding ended, judged by ffmpeg's exit code, its errors, and how much it decoded."""

from __future__ import annotations

import pytest

from ingest.media.probe import Probe, Track
from ingest.recordings.ending import Ending, NothingDecoded
from ingest.recordings.recording import Recording
from wire.errors import NotAudio

COMPLAINT = "Error submitting packet to decoder: Invalid data found when processing input"


def recording(duration_s: float | None) -> Recording:
    return Recording("x.mp3", False, Probe((Track("mp3", 44_100, 2),), "mp3", duration_s), 0)


@pytest.mark.parametrize("code", [69, 0])
def test_random_bytes_are_not_a_recording_whatever_the_exit_code(code: int) -> None:
    """If most of a file cannot be decoded, version 5 exits with 69, and version 7 with 0."""
    with pytest.raises(NothingDecoded) as failure:
        Ending(code, 0.1, COMPLAINT, several_errors=True).warning(recording(150.0))
    assert isinstance(failure.value.reason, NotAudio)


@pytest.mark.parametrize("expected_s", [0.7, 60.0])
def test_single_word_is_a_recording_despite_errors(expected_s: float) -> None:
    """The expected duration is that in the header of a truncated file, or an estimate misled by a large cover image."""
    assert "the rest is captioned" in Ending(0, 0.6, COMPLAINT, several_errors=True).warning(recording(expected_s))


def test_intact_recording_has_no_warning() -> None:
    assert Ending(0, 150.0, "", several_errors=False).warning(recording(150.0)) == ""
