"""Folders of recordings with transcripts."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from api.text.formats import document
from tests.recordings import convert, record
from tests.unit.trainer.corpus.plans import offered, plan_of
from trainer.corpus.drops import Reason
from trainer.corpus.prepare import prepare
from trainer.corpus.sources.candidate import Source
from trainer.reports.corpus import notes, write_report
from wire.messages import Caption


def test_a_folder_of_recordings_with_texts(tmp_path: Path) -> None:
    record(tmp_path / "talks" / "one.wav")
    (tmp_path / "talks" / "one.txt").write_text("\ufeffEn text\n", encoding="utf-8")
    record(tmp_path / "talks" / "test" / "two.mp3")
    (tmp_path / "talks" / "test" / "two.mp3.txt").write_text("Två")
    record(tmp_path / "talks" / "three.ogg")
    (tmp_path / "talks" / "three.de.txt").write_text("Drei")
    record(tmp_path / "talks" / "untold.wav")
    (tmp_path / "talks" / "alone.txt").write_text("Ingen")
    (tmp_path / "talks" / "bad.txt").write_bytes(b"\xff\xfe\x00")
    record(tmp_path / "talks" / "bad.wav")
    found = {clip.id: clip for clip in offered(tmp_path / "talks", language="sv")}
    assert {id: (clip.text, clip.language, clip.split, clip.refused) for id, clip in found.items()} == {
        "talks/one.wav": ("En text", "sv", None, None),
        "talks/test/two.mp3": ("Två", "sv", "test", None),
        "talks/three.ogg": ("Drei", "de", None, None),
        "talks/untold.wav": ("", "sv", None, None),
        "talks/alone.txt": ("", "", None, Reason.MISSING),
        "talks/bad.wav": ("", "sv", None, Reason.UNREADABLE_TEXT),
    }


def test_transcripts_may_be_in_separate_folders(tmp_path: Path) -> None:
    for path in ("wav/p225/1.wav", "wav/p225/2.wav", "wav/p226/2.wav"):
        record(tmp_path / path)
    for path in ("txt/p225/1.txt", "txt/p226/2.txt", "wav/p225/9.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    assert {clip.id: clip.text for clip in offered(tmp_path, name="x") if not clip.refused} == {
        "x/wav/p225/1.wav": "txt/p225/1.txt",
        "x/wav/p225/2.wav": "",
        "x/wav/p226/2.wav": "",
    }, "of two recordings that are called 2, it is not known which is meant"


def test_of_several_transcripts_corrected_captions_are_preferred_and_reported(tmp_path: Path) -> None:
    talks = tmp_path / "talks"
    for number, name in enumerate(("a", "b", "c", "d", "e"), 1):
        record(talks / f"{name}.wav", 4, seed=number)
        (talks / f"{name}.txt").write_text(f"Som text {name}")
    captions = [Caption("jobs/a", 1, 1, 0.2, 2.0, "Som rättad", True, "sv", corrected=True)]
    (talks / "a.json").write_text(document(captions, {"source": "jobs/a"}))
    for name in ("a.vtt", "b.vtt", "c.sv.vtt", "d.vtt"):
        (talks / name).write_text(f"WEBVTT\n\n00:00:00.000 --> 00:00:01.900\nSom undertext {name[0]}\n")
    (talks / "a.info.json").write_text('{"title": "what a downloader wrote"}')
    corpus = prepare(replace(plan_of(tmp_path / "out"), sources=(Source(str(talks), language="sv"),))).corpus
    assert [clip.text for clip in corpus.clips] == [
        *("Som rättad", "Som undertext b", "Som undertext c", "Som undertext d", "Som text e"),
    ]
    told = (
        "talks: 4 recordings have more than one transcript; one is used, chosen by its type (.json, .vtt, .srt, .sbv, "
        ".txt) and name: a.json, not a.vtt or a.txt; b.vtt, not b.txt; c.sv.vtt, not c.txt; and 1 more."
    )
    assert told in notes(corpus)
    assert "a.json, not a.vtt or a.txt" in write_report(corpus, {}).read_text(encoding="utf-8")


def test_a_transcript_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    for name, encoding in (("a.txt", "utf-16"), ("b.txt", "latin-1"), ("c.srt", "utf-16"), ("d.vtt", "latin-1")):
        record((tmp_path / "talks" / name).with_suffix(".wav"))
        (tmp_path / "talks" / name).write_text("Två år", encoding=encoding)
    assert [(clip.refused, clip.detail) for clip in offered(tmp_path / "talks", language="sv")] == [
        (Reason.UNREADABLE_TEXT, f"{name}: not in UTF-8: save it as UTF-8")
        for name in ("a.txt", "b.txt", "c.srt", "d.vtt")
    ]


def test_names_that_are_not_in_utf8_are_escaped(tmp_path: Path) -> None:
    record(tmp_path / "1.wav")
    folder = tmp_path / "talks" / os.fsdecode(b"G\xf6ran")
    folder.mkdir(parents=True)
    shutil.move(tmp_path / "1.wav", folder / os.fsdecode(b"f\xf6rst.wav"))
    (folder / os.fsdecode(b"f\xf6rst.txt")).write_text("Hej")
    shutil.copy(folder / os.fsdecode(b"f\xf6rst.wav"), folder / "2.wav")
    (folder / "2.txt").write_text("Tack")
    source = Source(str(tmp_path / "talks"), language="sv", speaker="folder")
    prepared = prepare(replace(plan_of(tmp_path / "out"), sources=(source,)))
    (clip,) = prepared.corpus.clips
    assert (clip.id, clip.speaker) == ("talks/G\\xf6ran/2.wav", "G\\xf6ran")
    assert prepared.dropped == {Reason.DUPLICATE: 1}, "the same audio: it was read"


def test_folders_may_be_speakers(tmp_path: Path) -> None:
    for name in ("a.wav", "Valentina/a.wav", "anna/a.wav", "anna/later/b.wav", "test/bo/c.wav", "test/d.wav"):
        record(tmp_path / "talks" / name)
        (tmp_path / "talks" / name).with_suffix(".txt").write_text("Hej")
    assert {clip.speaker for clip in offered(tmp_path / "talks")} == {""}
    assert {clip.id: (clip.speaker, clip.split) for clip in offered(tmp_path / "talks", speaker="folder")} == {
        "talks/a.wav": ("", None),
        "talks/Valentina/a.wav": ("Valentina", None),
        "talks/anna/a.wav": ("anna", None),
        "talks/anna/later/b.wav": ("anna", None),
        "talks/test/bo/c.wav": ("bo", "test"),
        "talks/test/d.wav": ("", "test"),
    }


def test_links_are_followed_without_loops(tmp_path: Path) -> None:
    record(tmp_path / "disk" / "anna" / "1.wav").with_suffix(".txt").write_text("Hej")
    (tmp_path / "talks").mkdir()
    (tmp_path / "talks" / "anna").symlink_to(tmp_path / "disk" / "anna")
    (tmp_path / "disk" / "anna" / "back").symlink_to(tmp_path / "talks")
    (tmp_path / "talks" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (clip,) = offered(tmp_path / "talks", language="sv", speaker="folder")
    assert (clip.id, clip.text, clip.speaker) == ("talks/anna/1.wav", "Hej", "anna")


def test_subtitles_are_cut_at_cues(tmp_path: Path) -> None:
    record(tmp_path / "f" / "talk.wav", 50)
    cues = [f"{n}\n00:00:{n * 10:02},000 --> 00:00:{n * 10 + 9:02},500\nMening {n}.\n" for n in range(5)]
    (tmp_path / "f" / "talk.sv.srt").write_text("\n".join(cues))
    first, second = offered(tmp_path / "f")
    assert (first.id, second.id) == ("f/talk.wav#0.000-29.500", "f/talk.wav#30.000-49.500")
    assert second.text == "Mening 3. Mening 4."
    assert second.segments == ((0.0, 9.5, "Mening 3."), (10.0, 19.5, "Mening 4."))
    assert (first.previous, second.previous) == ("", first.text)
    assert second.language == "sv"


def test_cues_without_spoken_words_are_dropped_with_a_reason(tmp_path: Path) -> None:
    record(tmp_path / "f" / "talk.wav", 9)
    texts = ["[dörr]", "- ANNA: Hej (du)!", "(skratt)", "♪ La la ♪\n[publik]"]
    cues = [f"{n}\n00:00:0{n * 2},000 --> 00:00:0{n * 2 + 1},500\n{text}\n" for n, text in enumerate(texts)]
    (tmp_path / "f" / "talk.srt").write_text("\n".join(cues), encoding="utf-8")
    prepared = prepare(replace(plan_of(tmp_path / "out"), sources=(Source(str(tmp_path / "f"), language="sv"),)))
    assert [clip.text for clip in prepared.corpus.clips] == ["Hej (du)!"]
    assert prepared.dropped == {Reason.ONLY_SOUNDS: 3}


def test_words_shown_with_a_sound_at_the_same_time_are_kept(tmp_path: Path) -> None:
    record(tmp_path / "f" / "talk.wav", 4)
    cue = "00:00:01,000 --> 00:00:03,000"
    (tmp_path / "f" / "talk.srt").write_text(f"1\n{cue}\n[dörr]\n\n2\n{cue}\nHej på dig\n", encoding="utf-8")
    prepared = prepare(replace(plan_of(tmp_path / "out"), sources=(Source(str(tmp_path / "f"), language="sv"),)))
    assert [clip.text for clip in prepared.corpus.clips] == ["Hej på dig"]


def test_recordings_without_speech_are_cut_into_equal_parts(tmp_path: Path) -> None:
    record(tmp_path / "music" / "long.wav", 61)
    convert(record(tmp_path / "x.wav", 2), tmp_path / "music" / "short.m4a")
    (tmp_path / "music" / "garbage.mp3").write_bytes(b"no audio" * 50)
    clips = offered(tmp_path / "music", speech=False)
    assert [clip.refused for clip in clips] == [Reason.UNREADABLE, None, None, None, None]
    assert [round(clip.end_s - clip.start_s, 2) for clip in clips if clip.end_s] == [20.33] * 3
    assert not any(clip.speech or clip.text for clip in clips)


def test_a_recording_name_may_look_like_a_language_suffix(tmp_path: Path) -> None:
    for name in ("2020.jan", "talk.sv"):
        record(tmp_path / "talks" / f"{name}.wav")
        (tmp_path / "talks" / f"{name}.txt").write_text(name)
    record(tmp_path / "talks" / "talk.wav")
    (tmp_path / "talks" / "talk.de.txt").write_text("talk")
    assert {clip.id: (clip.text, clip.language) for clip in offered(tmp_path / "talks", language="en")} == {
        "talks/2020.jan.wav": ("2020.jan", "en"),
        "talks/talk.sv.wav": ("talk.sv", "en"),
        "talks/talk.wav": ("talk", "de"),
    }
