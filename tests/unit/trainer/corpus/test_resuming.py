"""An interrupted or repeated `prepare` gives the same corpus."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.recordings import record, release
from tests.unit.trainer.corpus.plans import plan_of
from tests.unit.trainer.killed import started_by
from trainer.corpus.clips import AUDIO_NAME, CLIPS_NAME, CORPUS_NAME
from trainer.corpus.drops import DROPPED_NAME, Reason
from trainer.corpus.locks import shared_lock
from trainer.corpus.prepare import prepare
from trainer.corpus.recordings import RECORDINGS_NAME
from trainer.errors import PlanError, SourceError
from trainer.folder_lock import folder_lock


def content(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files of a corpus."""
    files = [folder / CLIPS_NAME, folder / CORPUS_NAME, folder / DROPPED_NAME, *sorted((folder / AUDIO_NAME).iterdir())]
    return {file.name: file.read_bytes() for file in files}


def test_the_corpus_does_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", speakers=12, clips=12)
    for processes in (1, 3):
        prepare(plan_of(tmp_path / str(processes), folder, processes=processes))
    assert content(tmp_path / "1") == content(tmp_path / "3")


KILLED = """
import sys
from trainer.corpus.clips import Writer
from trainer.corpus.prepare import Plan, prepare
from trainer.corpus.sources.candidate import Source

add = Writer.add

def add_and_die(self, *words, **about):
    clip = add(self, *words, **about)
    if len(self.written) == 30:
        self._lines.write(b'{"id": "half a li')
        self._lines.flush()
        die()
    return clip

Writer.add = add_and_die
if __name__ == "__main__":
    prepare(Plan((Source(sys.argv[1]),), Path(sys.argv[2]), processes=2))
"""


def test_a_killed_run_leaves_no_process_and_resumes_to_the_same_corpus(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", speakers=12, clips=12)
    (folder / "clips" / "common_voice_sv-SE_0_0.mp3").unlink()
    assert len(started_by(KILLED, tmp_path, folder, tmp_path / "killed")) >= 2
    assert not (tmp_path / "killed" / CORPUS_NAME).exists()
    resumed = prepare(plan_of(tmp_path / "killed", folder, processes=2))
    unbroken = prepare(plan_of(tmp_path / "unbroken", folder))
    assert content(tmp_path / "killed") == content(tmp_path / "unbroken")
    assert resumed.dropped == unbroken.dropped == {Reason.MISSING: 1}
    assert len(resumed.corpus.clips) == 143
    assert resumed.decoded_s < unbroken.decoded_s


def test_a_finished_corpus_has_nothing_left_to_do(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=1)
    prepare(plan_of(tmp_path / "out", folder))
    before = content(tmp_path / "out")
    again = prepare(plan_of(tmp_path / "out", folder))
    assert (again.decoded_s, again.hours_per_minute) == (0, 0)
    assert content(tmp_path / "out") == before


def test_changed_sources_are_reported_and_prepared_with_again(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=3)
    missing, mended, emptied = (folder / "clips" / f"common_voice_sv-SE_0_{number}.mp3" for number in range(3))
    audio = missing.read_bytes()
    missing.unlink()
    prepare(plan_of(tmp_path / "out", folder))
    missing.write_bytes(audio)
    rows = (folder / "train.tsv").read_text(encoding="utf-8").split("\n")
    for number, row in enumerate(rows):
        if mended.name in row:
            rows[number] = row.replace("Mening", "Sats")
        if emptied.name in row:
            rows[number] = row.replace("Mening nummer 2 på svenska.", "")
    (folder / "train.tsv").write_text("\n".join(rows), encoding="utf-8")
    onward = prepare(plan_of(tmp_path / "out", folder))
    told = "2 clips differ from the sources as they are now (in text, split or recording), and 1 dropped clips may"
    assert told in onward.corpus.about["notes"][0]
    assert onward.dropped == {Reason.MISSING: 1}, "what is in the corpus is not among what was dropped"
    anew = prepare(plan_of(tmp_path / "out", folder), again=True)
    assert not any("--again" in note for note in anew.corpus.about["notes"])
    assert (len(anew.corpus.clips), anew.dropped) == (17, {Reason.NO_TEXT: 1})


def test_a_replaced_recording_is_reported(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=3)
    prepare(plan_of(tmp_path / "out", folder))
    replaced, touched = (folder / "clips" / f"common_voice_sv-SE_0_{number}.mp3" for number in range(2))
    record(replaced, seconds=2)
    touched.unlink()
    for _ in range(2):
        onward = prepare(plan_of(tmp_path / "out", folder))
        assert "1 clips differ from the sources as they are now" in onward.corpus.about["notes"][0]
    prepare(plan_of(tmp_path / "out", folder), again=True)
    assert not any("--again" in note for note in prepare(plan_of(tmp_path / "out", folder)).corpus.about["notes"])


def test_a_recording_replaced_by_an_older_one_is_reported(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=3)
    older, resized, old = (folder / "clips" / f"common_voice_sv-SE_0_{number}.mp3" for number in range(3))
    prepare(plan_of(tmp_path / "out", folder))
    os.utime(older, (1e9, 1e9))
    status = resized.stat()
    resized.write_bytes(resized.read_bytes() + b"more")
    os.utime(resized, ns=(status.st_atime_ns, status.st_mtime_ns))
    for _ in range(2):
        onward = prepare(plan_of(tmp_path / "out", folder))
        assert "2 clips differ from the sources as they are now" in onward.corpus.about["notes"][0]
    (tmp_path / "out" / RECORDINGS_NAME).unlink()  # as in a corpus from before it existed
    assert not any("--again" in note for note in prepare(plan_of(tmp_path / "out", folder)).corpus.about["notes"])
    os.utime(old, (4e9, 4e9))
    assert "1 clips" in prepare(plan_of(tmp_path / "out", folder)).corpus.about["notes"][0]


def test_a_recording_replaced_before_it_was_decoded_is_not_reported(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=1)
    prepare(plan_of(tmp_path / "out", folder))
    (tmp_path / "out" / CLIPS_NAME).write_bytes(b"")  # as after a kill before the first clip was written
    os.utime(folder / "clips" / "common_voice_sv-SE_0_0.mp3", (1e9, 1e9))
    for _ in range(2):
        corpus = prepare(plan_of(tmp_path / "out", folder)).corpus
        assert corpus.clips
        assert not any("--again" in note for note in corpus.about["notes"])


def test_a_corpus_that_is_being_read_is_not_replaced(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=1)
    prepare(plan_of(tmp_path / "out", folder))
    before = content(tmp_path / "out")
    with shared_lock(tmp_path / "out"), shared_lock(tmp_path / "out"):
        with pytest.raises(PlanError, match=r"out is being read by train, .* wait .* another --out"):
            prepare(plan_of(tmp_path / "out", folder), again=True)
        prepare(plan_of(tmp_path / "out", folder))
        assert content(tmp_path / "out") == before
    prepare(plan_of(tmp_path / "out", folder), again=True)


def test_another_plan_is_refused(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=1)
    prepare(plan_of(tmp_path / "out", folder))
    with pytest.raises(PlanError, match="--again"):
        prepare(plan_of(tmp_path / "out", folder, text="keep"))
    prepare(plan_of(tmp_path / "out", folder, text="keep"), again=True)
    prepare(plan_of(tmp_path / "anew", folder, text="keep"))
    assert content(tmp_path / "out") == content(tmp_path / "anew")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / CLIPS_NAME).touch()
    for again in (False, True):
        with pytest.raises(PlanError, match="did not make"):
            prepare(plan_of(tmp_path / "other", folder), again)


def test_a_corpus_is_replaced_only_after_all_sources_are_read(tmp_path: Path) -> None:
    prepare(plan_of(tmp_path / "out", release(tmp_path / "cv", clips=1)))
    before = content(tmp_path / "out")
    with pytest.raises(SourceError, match="does not exist"):
        prepare(plan_of(tmp_path / "out", tmp_path / "vc"), again=True)
    assert content(tmp_path / "out") == before


def test_recordings_in_the_folder_of_a_replaced_corpus_are_kept(tmp_path: Path) -> None:
    talk = record(tmp_path / "talks" / "audio" / "one.wav")
    talk.with_suffix(".txt").write_text("Ett")
    for again in (True, False, True):
        assert len(prepare(plan_of(tmp_path / "talks", tmp_path / "talks", language="sv"), again).corpus.clips) == 1
    assert talk.exists()


def test_two_processes_do_not_prepare_one_corpus(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=1)
    with (
        folder_lock(tmp_path / "out", "--out"),
        pytest.raises(PlanError, match="choose another --out"),
    ):
        prepare(plan_of(tmp_path / "out", folder))
    assert not (tmp_path / "out" / CLIPS_NAME).exists()
