"""Preparing that was killed, ended or asked for again goes on to the same corpus."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.places import ROOT
from tests.recordings import release
from tests.unit.trainer.corpus.plans import plan_of
from trainer.corpus.clips import AUDIO_NAME, CLIPS_NAME, CORPUS_NAME
from trainer.corpus.drops import DROPPED_NAME, Reason
from trainer.corpus.prepare import prepare, start_again
from trainer.errors import PlanError


def content(folder: Path) -> dict[str, bytes]:
    """What a corpus consists of, byte by byte."""
    files = [folder / CLIPS_NAME, folder / CORPUS_NAME, folder / DROPPED_NAME, *sorted((folder / AUDIO_NAME).iterdir())]
    return {file.name: file.read_bytes() for file in files}


def test_the_corpus_does_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", speakers=12, clips=12)
    for processes in (1, 3):
        prepare(plan_of(tmp_path / str(processes), folder, processes=processes))
    assert content(tmp_path / "1") == content(tmp_path / "3")


KILLED = """
import os, signal, sys
from pathlib import Path
from trainer.corpus.clips import Writer
from trainer.corpus.prepare import Plan, prepare
from trainer.corpus.sources.candidate import Source

add = Writer.add

def add_and_die(self, *words, **about):
    clip = add(self, *words, **about)
    if len(self.written) == 30:
        print(*children(os.getpid()), flush=True)
        self._lines.write(b'{"id": "half a li')
        self._lines.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return clip

def children(pid):
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield child
        yield from children(child)

Writer.add = add_and_die
if __name__ == "__main__":
    prepare(Plan((Source(sys.argv[1]),), Path(sys.argv[2]), processes=2))
"""


def alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_killed_run_leaves_no_process_and_goes_on_to_the_same_corpus(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", speakers=12, clips=12)
    (folder / "clips" / "common_voice_sv-SE_0_0.mp3").unlink()
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, script, folder, tmp_path / "killed"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    children = done.stdout.split()
    assert len(children) >= 2
    deadline_s = time.monotonic() + 30
    while any(alive(pid) for pid in children):
        assert time.monotonic() < deadline_s, "processes outlive their parent"
        time.sleep(0.05)
    assert not (tmp_path / "killed" / CORPUS_NAME).exists()
    resumed = prepare(plan_of(tmp_path / "killed", folder, processes=2))
    unbroken = prepare(plan_of(tmp_path / "unbroken", folder))
    assert content(tmp_path / "killed") == content(tmp_path / "unbroken")
    assert resumed.dropped == unbroken.dropped == {Reason.MISSING: 1}
    assert len(resumed.corpus.clips) == 143
    assert resumed.heard_s < unbroken.heard_s


def test_a_finished_corpus_has_nothing_left_to_do(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=1)
    prepare(plan_of(tmp_path / "out", folder))
    before = content(tmp_path / "out")
    again = prepare(plan_of(tmp_path / "out", folder))
    assert (again.heard_s, again.hours_per_minute) == (0, 0)
    assert content(tmp_path / "out") == before


def test_another_plan_does_not_go_on_with_it(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=1)
    prepare(plan_of(tmp_path / "out", folder))
    with pytest.raises(PlanError, match="--again"):
        prepare(plan_of(tmp_path / "out", folder, text="keep"))
    (tmp_path / "out" / "mine.txt").write_text("stays")
    start_again(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
    prepare(plan_of(tmp_path / "out", folder, text="keep"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / CLIPS_NAME).touch()
    with pytest.raises(PlanError, match="did not make"):
        prepare(plan_of(tmp_path / "other", folder))
