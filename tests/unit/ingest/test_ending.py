"""How a decoding ended, by what is left of an ffmpeg: its code, its complaints, and how much it decoded."""

from __future__ import annotations

import pytest

from ingest.ending import Ending, NothingDecoded
from ingest.probe import Probe, Track
from ingest.recording import Recording
from wire.errors import NotAudio

COMPLAINT = "Error submitting packet to decoder: Invalid data found when processing input"


def recording(duration_s: float | None) -> Recording:
    return Recording("x.mp3", False, Probe((Track("mp3", 44_100, 2),), "mp3", duration_s), 0)


@pytest.mark.parametrize("code", [69, 0])
def test_of_random_bytes_comes_no_recording_whatever_ffmpeg_ends_with(code: int) -> None:
    """Version 5 ends with 69 where it could not decode most of it, and 7 with 0."""
    with pytest.raises(NothingDecoded) as failure:
        Ending(code, 0.1, COMPLAINT, several_errors=True).warning(recording(150.0))
    assert isinstance(failure.value.reason, NotAudio)


@pytest.mark.parametrize("expected_s", [0.7, 60.0])
def test_a_word_is_a_recording_though_ffmpeg_complains_of_it(expected_s: float) -> None:
    """The second is what a cut file's header says, or a guess of ffmpeg's that a large cover misleads."""
    assert "the rest is captioned" in Ending(0, 0.6, COMPLAINT, several_errors=True).warning(recording(expected_s))


def test_of_a_recording_that_went_well_nothing_is_said() -> None:
    assert Ending(0, 150.0, "", several_errors=False).warning(recording(150.0)) == ""
