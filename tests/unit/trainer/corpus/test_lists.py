"""Folders of recordings with transcripts in lists, in the layouts of published corpora."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.recordings import record, release, write_csv
from tests.unit.trainer.corpus.plans import offered, plan_of
from trainer.corpus.clips import CLIPS_NAME
from trainer.corpus.drops import Reason
from trainer.corpus.prepare import prepare
from trainer.corpus.sources.candidate import Candidate
from trainer.errors import SourceError


def told(clips: list[Candidate]) -> list[tuple[str, str, str | None, str]]:
    return [(clip.id, clip.text, clip.split, clip.speaker) for clip in clips]


def test_audiofolder_has_a_list_in_each_split(tmp_path: Path) -> None:
    for split in ("train", "test"):
        rows = [{"file_name": "1.wav", "transcription": f"Ett, i {split}", "speaker_id": "s"}]
        record(tmp_path / "af" / "data" / split / "1.wav", seed=len(split))
        write_csv(tmp_path / "af" / "data" / split / "metadata.csv", rows)
    assert told(offered(tmp_path / "af", language="sv")) == [
        ("af/data/test/1.wav", "Ett, i test", "test", "s"),
        ("af/data/train/1.wav", "Ett, i train", "train", "s"),
    ]
    prepared = prepare(plan_of(tmp_path / "out", tmp_path / "af", language="sv", splits="release"))
    assert sorted(clip.split for clip in prepared.corpus.clips) == ["test", "train"]


@pytest.mark.parametrize("name", ["metadata.jsonl", "list.json"])
def test_lists_may_name_files_in_folders_and_missing_files(name: str, tmp_path: Path) -> None:
    rows = [{"audio_filepath": f"wavs/{n}.flac", "text": f"Mening {n}", "offset": 0.5, "duration": 0.25} for n in "31"]
    (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))
    record(tmp_path / "wavs" / "1.flac")
    record(tmp_path / "wavs" / "2.flac")
    listed, unlisted, gone = offered(tmp_path, name="x")
    assert (listed.id, listed.text, listed.start_s, listed.end_s) == (
        "x/wavs/1.flac#0.500-0.750",
        "Mening 1",
        0.5,
        0.75,
    )
    assert (unlisted.id, unlisted.text) == ("x/wavs/2.flac", ""), "it is dropped with its reason"
    assert gone.id == "x/wavs/3.flac#0.500-0.750"


def test_ljspeech_has_bars_no_header_and_literal_quotation_marks(tmp_path: Path) -> None:
    for number in (1, 2):
        record(tmp_path / "LJSpeech-1.1" / "wavs" / f"LJ001-{number}.wav", seed=number)
    lines = ['LJ001-1|He said "in 1813|He said in eighteen thirteen', "LJ001-2|So|", ""]
    (tmp_path / "LJSpeech-1.1" / "metadata.csv").write_text("\n".join(lines))
    (tmp_path / "LJSpeech-1.1" / "README.md").write_text("LJ001-1 is the first")
    clips = offered(tmp_path / "LJSpeech-1.1", language="en")
    assert [(clip.id, clip.text) for clip in clips] == [
        ("LJSpeech-1.1/wavs/LJ001-1.wav", 'He said "in 1813'),
        ("LJSpeech-1.1/wavs/LJ001-2.wav", "So"),
    ]
    with pytest.raises(SourceError, match=r"is no header, it is read with its folder: give .*LJSpeech-1.1$"):
        offered(tmp_path / "LJSpeech-1.1" / "metadata.csv")
    (tmp_path / "coqui.csv").write_text('audio_file|text|speaker_name\nLJSpeech-1.1/wavs/LJ001-1.wav|A "b|c\n')
    assert told(offered(tmp_path / "coqui.csv")) == [("coqui/LJSpeech-1.1/wavs/LJ001-1.wav", 'A "b', None, "c")]


def test_librispeech_has_a_list_in_each_chapter(tmp_path: Path) -> None:
    for reader in (84, 12):
        folder = tmp_path / "dev-clean" / str(reader) / "121"
        for number in (0, 1):
            record(folder / f"{reader}-121-000{number}.flac")
        lines = "".join(f"{reader}-121-000{number} SENTENCE {number}\n" for number in (0, 1))
        (folder / f"{reader}-121.trans.txt").write_text(lines)
    clips = offered(tmp_path, language="en", name="ls")
    assert told(clips)[0] == ("ls/dev-clean/12/121/12-121-0000.flac", "SENTENCE 0", "dev", "12")
    assert len(clips) == 4
    assert not any(clip.refused for clip in clips)


def test_mls_transcripts_are_found_among_other_lists(tmp_path: Path) -> None:
    record(tmp_path / "train" / "audio" / "10" / "7" / "10_7_000001.flac")
    for name, behind in (("transcripts", "und so weiter"), ("segments", "http://a/b.mp3\t1.0\t2.0"), ("alone", "")):
        (tmp_path / "train" / f"{name}.txt").write_text(f"10_7_000001\t{behind}\n")
    clips = [clip for clip in offered(tmp_path, language="de", name="mls") if not clip.refused]
    assert told(clips) == [("mls/train/audio/10/7/10_7_000001.flac", "und so weiter", "train", "10")]


def test_lists_may_omit_folders_and_suffixes(tmp_path: Path) -> None:
    for split, speaker, number in (("train", "anna", 1), ("dev", "bo", 2)):
        record(tmp_path / split / speaker / f"S{number}.wav", seed=number)
    (tmp_path / "transcript").mkdir()
    (tmp_path / "transcript" / "aishell_transcript_v0.8.txt").write_text("S1 而 对 楼市\nS2 成交\nS3 抑制\n")
    first, second, gone = offered(tmp_path, language="zh", name="a", speaker="folder")
    assert told([second, first]) == [
        ("a/train/anna/S1.wav", "而 对 楼市", "train", "anna"),
        ("a/dev/bo/S2.wav", "成交", "dev", "bo"),
    ]
    assert gone.id == "a/transcript/S3"


def test_kaldi_data_is_read_from_its_separate_files(tmp_path: Path) -> None:
    data, audio = tmp_path / "train", record(tmp_path / "train" / "audio" / "rec1.wav", 5.0)
    (data / "wav.scp").write_text(f"rec1 {audio}\nrec2 sph2pipe -f wav rec2.sph |\n")
    (data / "text").write_text("s1-a hello there\ns1-b  again\ns2-c never\n")
    (data / "utt2spk").write_text("s1-a s1\ns1-b s1\ns2-c s2\n")
    (data / "segments").write_text("s1-a rec1 0.5 2\ns1-b rec1 2 4.5\ns2-c rec2 0 1\n")
    first, second, command = offered(tmp_path, language="en", name="data")
    assert told([first, second]) == [
        ("data/train/s1-a", "hello there", "train", "s1"),
        ("data/train/s1-b", "again", "train", "s1"),
    ]
    assert [(clip.start_s, clip.end_s) for clip in (first, second)] == [(0.5, 2.0), (2.0, 4.5)]
    assert (command.refused, command.detail) == (
        Reason.DAMAGED_ROW,
        "a command instead of a file: sph2pipe -f wav rec2.sph |",
    )


def test_transcripts_beside_recordings_precede_lists_and_lists_of_splits_precede_others(tmp_path: Path) -> None:
    for name in "ab":
        record(tmp_path / f"{name}.wav")
    (tmp_path / "a.txt").write_text("Beside")
    for name in ("all", "train"):
        write_csv(tmp_path / f"{name}.csv", [{"path": f"{n}.wav", "text": name} for n in "ab"])
    beside, listed = offered(tmp_path, name="x")
    assert (beside.text, beside.split, beside.texts) == ("Beside", None, ("a.txt", "train.csv", "all.csv"))
    assert (listed.text, listed.split, listed.texts) == ("train", "train", ("train.csv", "all.csv"))


def test_unrelated_tables_are_ignored(tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    write_csv(tmp_path / "other.csv", [{"path": "/somewhere/else.wav", "text": "no"}])
    (tmp_path / CLIPS_NAME).write_text('{"file": 0, "text": "no"}\n')
    (tmp_path / "broken.csv").write_bytes(b"path,text\na.wav,\xff\n")
    (tmp_path / "empty.tsv").touch()
    assert told(offered(tmp_path, name="x")) == [("x/a.wav", "", None, "")]


def test_a_nested_release_is_named_in_the_error(tmp_path: Path) -> None:
    release(tmp_path / "downloads" / "cv-corpus-22.0" / "sv-SE", clips=1)
    with pytest.raises(SourceError, match=r"further down: give .*cv-corpus-22.0/sv-SE, or .*cv-corpus-22.0$"):
        offered(tmp_path / "downloads")
