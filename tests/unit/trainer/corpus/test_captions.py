"""Captions in the API's JSON format are read as clips."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from api.text.formats import document, vtt
from tests.recordings import record
from trainer.corpus.drops import Reason
from trainer.corpus.sources.candidate import Candidate, Source
from trainer.corpus.sources.captions import read_captions
from trainer.corpus.sources.cues import Cue, CuesError
from trainer.corpus.sources.read import read
from wire.messages import Caption, Content


def caption(id: int, start_s: float, end_s: float, text: str, language: str = "sv", final: bool = True) -> Caption:
    return Caption("jobs/a", id, 1, start_s, end_s, text, final, language, corrected=True)


SAID = (
    caption(1, 0.1, 4.0, "Vädret i Skåne."),
    caption(2, 4.0, 6.0, ""),  # removed by a person
    caption(3, 7.0, 9.0, "Det regnar."),
    caption(4, 9.1, 12.0, "It rains.", "en"),
    Caption("jobs/a", 5, 0, 12.0, 17.0, "", True, content=Content.GAP, reason="lost"),
    caption(6, 17.0, 19.0, "[applåder]"),
    caption(7, 20.0, 22.0, "Och n", final=False),
)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A folder with a recording and its captions."""
    folder = tmp_path / "talks"
    record(folder / "talk.wav", 25)
    (folder / "talk.json").write_text(document(SAID, {"source": "jobs/a", "state": "finished"}))
    return folder


def offered(folder: Path, language: str = "") -> list[Candidate]:
    """Return all candidates but cues that only describe a sound."""
    clips = read(Source(str(folder), name="f", language=language), 30)
    return [clip for clip in clips if clip.refused is not Reason.ONLY_SOUNDS]


def test_a_caption_that_only_describes_a_sound_is_refused(talk: Path) -> None:
    sounds = [clip for clip in read(Source(str(talk), name="f"), 30) if clip.refused is Reason.ONLY_SOUNDS]
    assert [(clip.id, clip.detail) for clip in sounds] == [("f/talk.wav#17.000-19.000", "[applåder]")]


def test_captions_keep_their_language_and_are_extended_into_silence(talk: Path) -> None:
    cues = [(round(cue.start_s, 2), round(cue.end_s, 2), *rest(cue)) for cue in read_captions(talk / "talk.json")]
    assert cues == [
        (0.0, 4.0, "Vädret i Skåne.", "sv"),
        (4.0, 6.2, "", "sv"),
        (6.8, 9.05, "Det regnar.", "sv"),
        (9.05, 12.0, "It rains.", "en"),
        (12.0, 17.0, "", ""),
        (17.0, 19.0, "", "sv"),
    ]


def rest(cue: Cue) -> tuple[str, str]:
    return cue.text, cue.language


def test_clips_are_cut_at_changes_of_language_and_at_removed_texts(talk: Path) -> None:
    assert [(clip.id, clip.language, clip.text) for clip in offered(talk)] == [
        ("f/talk.wav#0.000-4.000", "sv", "Vädret i Skåne."),
        ("f/talk.wav#6.800-9.050", "sv", "Det regnar."),
        ("f/talk.wav#9.050-12.000", "en", "It rains."),
    ]


def test_a_given_language_overrides_that_of_captions(talk: Path) -> None:
    assert [(clip.language, clip.text) for clip in offered(talk, "sv")] == [
        ("sv", "Vädret i Skåne."),
        ("sv", "Det regnar. It rains."),
    ]


def test_languages_are_read_from_our_webvtt(talk: Path) -> None:
    (talk / "talk.json").unlink()
    (talk / "talk.vtt").write_text(vtt([said for said in SAID if said.final]))
    assert [(clip.language, clip.text) for clip in offered(talk)] == [
        ("sv", "Vädret i Skåne."),
        ("sv", "Det regnar."),
        ("en", "It rains."),
    ]
    assert {clip.language for clip in offered(talk, "no")} == {"no"}


def test_captions_as_json_are_preferred_to_subtitles(talk: Path) -> None:
    (talk / "talk.srt").write_text("1\n00:00:00,000 --> 00:00:04,000\nVädret i Skara.\n")
    assert [clip.texts for clip in offered(talk, "sv")] == [("talk.json", "talk.srt")] * 2
    (talk / "talk.json").unlink()
    assert [clip.text for clip in offered(talk, "sv")] == ["Vädret i Skara."]


def test_captions_of_a_station_are_shifted_to_the_time_of_their_audio(talk: Path) -> None:
    noon_s = 1795345200.5
    said = [replace(caption, start_s=caption.start_s + noon_s, end_s=caption.end_s + noon_s) for caption in SAID]
    about = {"source": "stations/p1", "from_s": noon_s + 0.5, "to_s": noon_s + 11.5}
    (talk / "talk.json").write_text(document(said, about))
    assert [(clip.id, clip.language, clip.text) for clip in offered(talk)] == [
        ("f/talk.wav#6.300-8.550", "sv", "Det regnar."),  # the audio has only parts of the captions before and after
    ]
    for other in ({**about, "task": "translate"}, {"source": "stations/p1", "from_s": noon_s}):
        (talk / "talk.json").write_text(document(said, other))
        assert [clip.refused for clip in offered(talk)] == [Reason.UNREADABLE_TEXT]


@pytest.mark.parametrize("other", [{"title": "talk"}, ["a"], {"source": "stations/p1", "captions": []}])
def test_other_json_files_are_ignored(talk: Path, other: object) -> None:
    (talk / "talk.json").write_text(json.dumps(other))
    (talk / "talk.txt").write_text("Hej")
    (talk / "broken.json").write_text("{")
    assert [clip.text for clip in offered(talk)] == ["Hej"]


def test_invalid_captions_are_reported_by_file_name(talk: Path) -> None:
    (talk / "talk.json").write_text('{"source": "jobs/a", "captions": [{"id": 1}]}')
    with pytest.raises(CuesError, match="missing"):
        read_captions(talk / "talk.json")
    [clip] = offered(talk)
    assert clip.refused is Reason.UNREADABLE_TEXT
    assert clip.detail.startswith("talk.json: not captions: ")


def test_translations_are_refused(talk: Path) -> None:
    (talk / "talk.json").write_text(document(SAID, {"source": "jobs/a", "task": "translate"}))
    [clip] = offered(talk)
    assert (clip.refused, clip.detail) == (
        Reason.UNREADABLE_TEXT,
        "talk.json: a translation, not a transcript",
    )
