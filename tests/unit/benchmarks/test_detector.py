"""The detector benchmark: its counts, on made-up classifications, and its sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.detector import withheld
from benchmarks.sounds import GAP_S, Sound, disturbed, readers, recordings, speechless
from demo.noise import active_rms
from ingest.chunker import Piece
from wire.audio import samples
from wire.chunk import Chunk
from wire.messages import Content

SPEECH, MUSIC = Content.SPEECH, Content.MUSIC


def verdicts(*contents: Content, onset_s: float = 0.0) -> list[Chunk]:
    """Chunks of 5 s with 1 s of lead."""
    step, lead = samples(5), samples(1)
    pieces = [
        Piece(n, n * step, step, lead if n else 0, bytes(2 * (step + (lead if n else 0)))) for n in range(len(contents))
    ]
    return [
        piece.chunk("x", epoch=1, origin_s=0.0, content=content, onset_samples=samples(onset_s))
        for piece, content in zip(pieces, contents, strict=True)
    ]


@pytest.mark.parametrize(
    ("contents", "share"),
    [
        ((SPEECH, SPEECH), 0),
        ((SPEECH, MUSIC), 0.5),
        ((MUSIC, MUSIC), 1),
        ((MUSIC, SPEECH), 0.25),  # half of the first chunk's speech is in the second one's lead
    ],
)
def test_speech_in_the_next_lead_is_not_withheld(contents: tuple[Content, ...], share: float) -> None:
    sound = Sound("x", np.zeros(samples(10), np.float32), ((3.0, 7.0),))
    assert withheld(sound, verdicts(*contents)) == pytest.approx(share)


def test_skipped_beginning_of_a_chunk_counts_as_withheld() -> None:
    sound = Sound("x", np.zeros(samples(10), np.float32), ((1.0, 3.0),))
    assert withheld(sound, verdicts(SPEECH, MUSIC, onset_s=2.4)) == pytest.approx(0.5), (
        "0.4 s before the onset are sent"
    )


def test_speech_times_of_readers_match_the_sound() -> None:
    sound = readers(3)
    spoken = np.zeros(len(sound.audio), bool)
    for start_s, end_s in sound.speech:
        spoken[samples(start_s) : samples(end_s)] = True
    assert active_rms(sound.audio[spoken]) > 0.03
    assert np.square(sound.audio[~spoken]).sum() < 0.05 * np.square(sound.audio).sum()
    assert len(sound.audio) > 3 * samples(GAP_S[0])
    assert all(len(changed.audio) == len(sound.audio) for changed in disturbed(sound))


def test_sounds_without_speech_are_as_long_as_asked() -> None:
    found = list(speechless(20))
    assert {len(sound.audio) for sound in found} == {samples(20)}
    assert not any(sound.speech for sound in found)
    assert len({sound.name for sound in found}) == len(found)


def test_a_folder_without_recordings_adds_nothing(tmp_path: Path) -> None:
    assert recordings(tmp_path) == (None, [])
