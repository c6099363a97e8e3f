"""Preparing a corpus from sources."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.recordings import convert, record, release, voice, write_csv
from tests.unit.trainer.corpus.plans import plan_of
from trainer.corpus.clips import SPLITS
from trainer.corpus.decode import decode
from trainer.corpus.drops import DROPPED_NAME, Limits, Reason
from trainer.corpus.prepare import Plan, prepare
from trainer.corpus.sources.candidate import Source
from trainer.errors import SourceError


def test_a_release_becomes_a_corpus(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv" / "sv-SE")
    prepared = prepare(plan_of(tmp_path / "out", folder))
    corpus = prepared.corpus
    assert not prepared.dropped
    assert {split: len(corpus.split(split)) for split in SPLITS} == {"train": 12, "dev": 3, "test": 3}
    clip = next(clip for clip in corpus.clips if clip.id == "cv/sv-SE/common_voice_sv-SE_1_2")
    assert (clip.text, clip.language, clip.gender) == ("Mening nummer 2 på svenska.", "sv", "female")
    assert clip.accent == "Skånska, lundensiska|Övrigt"
    expected = decode(folder / "clips" / "common_voice_sv-SE_1_2.mp3").samples
    np.testing.assert_array_equal(corpus.samples(clip), expected)
    assert corpus.about["splits"]["train"]["clips"] == 12
    assert prepared.hours_per_minute > 0
    assert prepared.decoded_s == pytest.approx(18 * 1.1, rel=0.02)


def test_weights_may_change_and_are_kept_for_the_sampler(tmp_path: Path) -> None:
    first = plan_of(tmp_path / "out", release(tmp_path / "cv", clips=1))
    prepare(first)
    weighted = replace(first, sources=(replace(first.sources[0], weight=3.0),))
    assert prepare(weighted).corpus.about["sources"][0]["weight"] == 3


def test_a_plan_without_the_speaker_option_can_be_resumed(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "out", release(tmp_path / "cv", clips=1))
    assert "speaker" not in plan.document()["sources"][0]
    folders = replace(plan, sources=(replace(plan.sources[0], speaker="folder"),))
    assert folders.document()["sources"][0]["speaker"] == "folder"


def test_a_split_without_usable_clips_is_reported(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=1)
    for clip in (folder / "clips").glob("*_4_*"):
        clip.unlink()
    notes = prepare(plan_of(tmp_path / "out", folder)).corpus.about["notes"]
    assert notes == ["There is no dev: all of its clips were dropped."]


def test_dropped_clips_do_not_count_as_unknown_speakers(tmp_path: Path) -> None:
    for name, text in {"a": "hej", "b": "du", "c": "", "d": "vi"}.items():
        record(tmp_path / "m" / f"{name}.wav", seed=ord(name))
        (tmp_path / "m" / f"{name}.txt").write_text(text)
    (tmp_path / "m" / "d.wav").write_bytes(b"")
    plan = plan_of(tmp_path / "out", tmp_path / "m", language="sv")
    prepared = prepare(plan)
    assert prepared.dropped == {Reason.NO_TEXT: 1, Reason.UNREADABLE: 1}
    told = "2 clips have no known speaker: each of their recordings counts as a speaker of its own."
    assert prepared.corpus.about["notes"][-1] == told
    parted = prepare(replace(plan, out=tmp_path / "parted", splits="clip"))
    assert told not in parted.corpus.about["notes"]


def test_audio_in_two_splits_stays_in_the_evaluation_split(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=2)
    trained, tested = (folder / "clips" / f"common_voice_sv-SE_{speaker}_0.mp3" for speaker in (0, 5))
    trained.write_bytes(tested.read_bytes())
    prepared = prepare(plan_of(tmp_path / "out", folder))
    assert prepared.dropped == {Reason.DUPLICATE: 1}
    assert next(clip for clip in prepared.corpus.clips if clip.id.endswith("_5_0")).split == "test"


def test_the_fingerprint_depends_on_texts_and_samples(tmp_path: Path) -> None:
    prints = set()
    for seed, text in ((0, "hej"), (1, "hej"), (0, "Hej")):
        folder = tmp_path / f"{seed}{text}"
        record(folder / "m" / "a.wav", seed=seed)
        (folder / "m" / "a.txt").write_text(text)
        prints.add(prepare(plan_of(folder / "out", folder / "m", language="sv")).corpus.about["fingerprint"])
    assert len(prints) == 3


def test_several_sources_languages_and_no_speech_at_once(tmp_path: Path) -> None:
    release(tmp_path / "cv" / "sv-SE", clips=1)
    record(tmp_path / "talks" / "a.flac", 40, rate=44_100, channels=2)
    cues = "WEBVTT\n\n00:00.000 --> 00:20.000\nDas ist ein recht langer Satz, den jemand sehr langsam spricht.\n\n"
    (tmp_path / "talks" / "a.vtt").write_text(cues + "00:20.000 --> 00:39.000\nNoch ein langer Satz, ebenso langsam.\n")
    (tmp_path / "music.d").mkdir()
    convert(record(tmp_path / "x.wav", 40, seed=3), tmp_path / "music.d" / "m.m4a")
    soundfile.write(tmp_path / "music.d" / "silence.wav", np.zeros(16_000), 16_000)
    rows = [{"path": str(tmp_path / "x.wav"), "text": "नमस्ते दुनिया", "language": "hi", "start_s": 1, "end_s": 3}]
    sources = (
        Source(str(tmp_path / "cv" / "sv-SE"), weight=2),
        Source(str(tmp_path / "talks"), language="de"),
        Source(str(tmp_path / "music.d"), speech=False),
        Source(str(write_csv(tmp_path / "list.csv", rows))),
    )
    corpus = prepare(Plan(sources, tmp_path / "out", processes=1, progress=False)).corpus
    assert Counter(clip.language for clip in corpus.clips if clip.text) == {"sv": 6, "de": 2, "hi": 1}
    first, second = (clip for clip in corpus.clips if clip.language == "de")
    assert second.previous == first.text
    assert second.segments == ((0.0, 19.0, second.text),)
    assert second.duration_s == 19
    nobody = [clip for clip in corpus.clips if not clip.text]
    assert sorted(clip.duration_s for clip in nobody) == pytest.approx([1, 20, 20], abs=0.1)
    assert {clip.language for clip in nobody} == {"sv"}
    part = next(clip for clip in corpus.clips if clip.language == "hi")
    np.testing.assert_allclose(corpus.audio(part), voice(40, 3)[16_000:48_000], atol=2 / 32768)
    assert [source["weight"] for source in corpus.about["sources"]] == [2, 1, 1, 1]


def test_clips_with_silent_segments_are_dropped(tmp_path: Path) -> None:
    """A station's audio is silent where it was not recorded."""
    talk = record(tmp_path / "talks" / "talk.wav", 40, seed=1)
    samples, rate = soundfile.read(talk)
    samples[: 5 * rate] = 0
    soundfile.write(talk, samples, rate)
    cues = [f"{n}\n00:00:{3 * n:02},000 --> 00:00:{3 * n + 2:02},900\nRad nummer {n}.\n" for n in range(13)]
    (tmp_path / "talks" / "talk.srt").write_text("\n".join(cues))
    source = Source(str(tmp_path / "talks"), language="sv", name="talks")
    prepared = prepare(
        Plan((source,), tmp_path / "out", limits=Limits(max_s=7), splits="clip", processes=1, progress=False)
    )
    assert prepared.dropped == {Reason.SILENT: 1}
    [line] = (tmp_path / "out" / DROPPED_NAME).read_text().splitlines()
    assert json.loads(line)["detail"] == "silent from 0.00 to 2.90 s, where there is text"


def test_a_missing_language_is_an_error(tmp_path: Path) -> None:
    record(tmp_path / "talks" / "a.wav")
    (tmp_path / "talks" / "a.txt").write_text("hej")
    with pytest.raises(SourceError, match="--language"):
        prepare(plan_of(tmp_path / "out", tmp_path / "talks"))
    assert prepare(plan_of(tmp_path / "out", tmp_path / "talks", language="sv-SE")).corpus.clips[0].language == "sv"


def test_a_source_without_clips_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="has no clips"):
        prepare(plan_of(tmp_path / "out", tmp_path / "empty"))


def test_text_is_cleaned_or_kept(tmp_path: Path) -> None:
    record(tmp_path / "t" / "a.wav")
    (tmp_path / "t" / "a.txt").write_text(" ”Ha\u030a”  \n")
    for text, written in (("clean", '"Hå"'), ("keep", "”Ha\u030a”")):
        corpus = prepare(plan_of(tmp_path / text, tmp_path / "t", language="sv", text=text)).corpus
        assert corpus.clips[0].text == written


def test_digits_of_six_real_voices(tmp_path: Path) -> None:
    folder = os.environ.get("UNDERTEXT_SPEECH")
    if not folder:
        pytest.skip("UNDERTEXT_SPEECH does not name a folder of speech")
    source = Path(folder) / "digits-common-voice" / "en"
    kept = prepare(plan_of(tmp_path / "release", source, splits="release", processes=2)).corpus
    assert {split: len(kept.split(split)) for split in SPLITS} == {"train": 2520, "dev": 180, "test": 300}
    apart = prepare(plan_of(tmp_path / "disjoint", source, processes=2)).corpus
    speakers = [{clip.speaker for clip in apart.split(split)} for split in SPLITS]
    assert sum(map(len, speakers)) == len(set.union(*speakers)) == 6
