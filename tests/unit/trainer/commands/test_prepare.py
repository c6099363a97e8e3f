"""`python -m trainer prepare` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recordings import record, release, write_csv
from trainer.__main__ import main
from trainer.commands.prepare import source
from trainer.corpus.sources.candidate import Source
from trainer.errors import PlanError


def test_a_corpus_with_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = release(tmp_path / "cv", clips=2), tmp_path / "out"
    words = ["prepare", "--source", str(folder), "weight=2", "--out", str(out), "--processes", "1"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "hours of audio prepared a minute" in printed
    assert (out / "report.html").exists()
    assert main([*words, "--text", "keep"]) == 1
    assert "--again" in capsys.readouterr().err
    assert main([*words, "--text", "keep", "--again"]) == 0


def test_options_of_a_source_are_parsed_or_refused() -> None:
    words = ["a/b", "weight=0.5", "language=sv", "name=x", "speech=no", "lists=train,other.tsv", "config=c", "text=t"]
    asked = source([*words, "speaker=folder", "corrected=only"])
    assert asked == Source("a/b", 0.5, "sv", "x", False, ("train", "other"), "c", "t", "folder", "only")
    for word, told in (
        *(("weight=0", "weight is a number above 0"), ("weight=zwei", "weight is a number above 0")),
        *(("speech=maybe", "speech is yes or no"), ("speaker=anna", "speaker is folder")),
        ("corrected=no", "corrected is only"),
        *(("nonsense=1", "none of weight="), ("word", "none of weight=.*for another source, write --source word")),
    ):
        with pytest.raises(PlanError, match=told):
            source(["a", word])


def test_speaker_folders_are_suggested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(6):
        record(tmp_path / "talks" / ("anna", "bo", "eva")[number % 3] / f"{number}.wav", seed=number)
        (tmp_path / "talks" / ("anna", "bo", "eva")[number % 3] / f"{number}.txt").write_text(f"Mening {number}")
    words = ["prepare", "--language", "sv", "--out", str(tmp_path / "out"), "--processes", "1", "--source"]
    assert main([*words, str(tmp_path / "talks")]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"! {tmp_path / 'talks'} has folders in it: if each of them is one speaker, add speaker=folder" in printed
    assert main([*words, str(tmp_path / "talks"), "speaker=folder", "--again"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "speaker=folder" not in printed
    reason = "although 5 % were requested: the corpus has only 3 speakers, and none is in two splits"
    assert f"33 % of the clips are in test, {reason}" in printed
    assert "33 % of the clips are in dev," in printed
    assert main([*words, str(tmp_path / "talks"), "speaker=folder", "--again", "--dev", "30", "--test", "30"]) == 0
    assert "were requested" not in capsys.readouterr().out


def test_a_corpus_without_clips_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = release(tmp_path / "cv", clips=2), tmp_path / "out"
    (folder / "dev.tsv").unlink()
    assert main(["prepare", "--source", str(folder), "--out", str(out), "--processes", "1", "--max-s", "0.2"]) == 1
    printed, said = capsys.readouterr()
    assert "dropped because" in printed
    assert "became it" not in printed
    assert said.endswith(f"no clips are left: {out / 'dropped.jsonl'} says why each was dropped\n")
    record(tmp_path / "bare" / "a.wav")
    assert main(["prepare", "--source", str(tmp_path / "bare"), "--out", str(tmp_path / "none")]) == 1
    assert "; a transcript is beside its recording, or in a list (--help)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--max-s", "31"],
        ["--min-s", "-1"],
        ["--min-s", "31"],
        ["--max-readings", "-1"],
        ["--dev", "60", "--test", "40"],
    ],
)
def test_contradictory_options_are_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", "--source", str(tmp_path), "--out", str(tmp_path), *words]) == 1
    assert words[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--language", "finnisch"), "--language: 'finnisch' is not a language (did you mean fi, Finnish?)"),
        (("--language", "x"), "--language: 'x' is not a language"),
    ],
)
def test_an_invalid_language_is_refused(
    words: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = release(tmp_path / "cv", clips=1), tmp_path / "out"
    assert main(["prepare", "--source", str(folder), "--out", str(out), *words]) == 1
    assert says in capsys.readouterr().err
    assert main(["prepare", "--source", str(folder), f"language={words[1]}", "--out", str(out)]) == 1
    assert f"language= of {folder}: {words[1]!r} is not a language" in capsys.readouterr().err
    assert not out.exists()


def test_an_invalid_language_in_a_manifest_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path / "a.wav")
    path = write_csv(tmp_path / "x.csv", [{"path": "a.wav", "text": "Hej", "language": "svensk"}])
    assert main(["prepare", "--source", str(path), "--out", str(tmp_path / "out")]) == 1
    assert "x/a.wav: 'svensk' is not a language" in capsys.readouterr().err


def test_a_language_that_whisper_lacks_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = release(tmp_path / "cv", clips=1, locale="swe")
    assert main(["prepare", "--source", str(folder), "--out", str(tmp_path / "out"), "--processes", "1"]) == 0
    told = "! Whisper has no language 'swe' (did you mean sv, Swedish?): a checkpoint learns it with another"
    assert told in " ".join(capsys.readouterr().out.split())


def test_an_unused_language_option_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, talks = release(tmp_path / "cv", clips=1, locale="fi"), tmp_path / "talks"
    record(talks / "one.wav", seed=999)
    (talks / "one.txt").write_text("En text")
    words = ["prepare", "--source", str(folder), "--out", str(tmp_path / "out"), "--processes", "1", "--again"]
    assert main([*words, "--language", "Swedish"]) == 0
    told = "declares the language of its clips itself (fi of 6): --language Swedish applies only to clips without"
    assert f"! Every source {told}" in " ".join(capsys.readouterr().out.split())
    # There it is of a source that does not say.
    assert main([*words, "--language", "sv", "--source", str(talks)]) == 0
    assert "says itself" not in capsys.readouterr().out


def test_help_of_a_command_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["prepare", "--help"])
    assert "--source cv-corpus/sv-SE" in capsys.readouterr().out
