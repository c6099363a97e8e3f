"""Digests of clips' audio are recorded, so that a resumed run need not read all audio again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.recordings import release
from tests.unit.trainer.corpus.plans import plan_of
from trainer.corpus import digests as module
from trainer.corpus.clips import AUDIO_NAME, CLIPS_NAME, CORPUS_NAME, CorpusError
from trainer.corpus.digests import DIGESTS_NAME, digest
from trainer.corpus.drops import Reason
from trainer.corpus.prepare import prepare


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the clips whose digests were computed on resuming."""
    lengths: list[int] = []

    def counting(audio: np.ndarray) -> bytes:
        lengths.append(len(audio))
        return digest(audio)

    monkeypatch.setattr(module, "digest", counting)
    return lengths


def test_a_resumed_run_computes_no_digest_again(tmp_path: Path, counted: list[int]) -> None:
    folder = release(tmp_path / "cv", clips=3)
    first = prepare(plan_of(tmp_path / "out", folder)).corpus
    about = (tmp_path / "out" / CORPUS_NAME).read_bytes()
    recorded = (tmp_path / "out" / DIGESTS_NAME).read_bytes()
    assert recorded == b"".join(digest(first.samples(clip)) for clip in first.clips)
    prepare(plan_of(tmp_path / "out", folder))
    assert counted == []
    assert (tmp_path / "out" / CORPUS_NAME).read_bytes() == about


@pytest.mark.parametrize("kept", [None, 0, 16, 37])
def test_missing_digests_are_computed(tmp_path: Path, counted: list[int], kept: int | None) -> None:
    folder = release(tmp_path / "cv", clips=3)
    clips = prepare(plan_of(tmp_path / "out", folder)).corpus.clips
    about = (tmp_path / "out" / CORPUS_NAME).read_bytes()
    path = tmp_path / "out" / DIGESTS_NAME
    recorded = path.read_bytes()
    if kept is None:  # a corpus from before they were recorded
        path.unlink()
    else:
        path.write_bytes(recorded[:kept])
    prepare(plan_of(tmp_path / "out", folder))
    assert counted == [clip.n_samples for clip in clips[(kept or 0) // 16 :]]
    assert path.read_bytes() == recorded
    assert (tmp_path / "out" / CORPUS_NAME).read_bytes() == about


def test_a_digest_without_a_clip_is_removed(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=3)
    prepare(plan_of(tmp_path / "out", folder))
    recorded = (tmp_path / "out" / DIGESTS_NAME).read_bytes()
    lines = (tmp_path / "out" / CLIPS_NAME).read_bytes().split(b"\n")
    (tmp_path / "out" / CLIPS_NAME).write_bytes(b"\n".join([*lines[:-2], b""]))  # killed before the last clip
    assert Reason.DUPLICATE not in prepare(plan_of(tmp_path / "out", folder)).dropped
    assert (tmp_path / "out" / DIGESTS_NAME).read_bytes() == recorded


def test_truncated_audio_is_reported_although_it_is_not_read(tmp_path: Path) -> None:
    folder = release(tmp_path / "cv", clips=3)
    prepare(plan_of(tmp_path / "out", folder))
    (audio,) = (tmp_path / "out" / AUDIO_NAME).iterdir()
    audio.write_bytes(audio.read_bytes()[:-2])
    with pytest.raises(CorpusError, match="is truncated"):
        prepare(plan_of(tmp_path / "out", folder))


def test_again_removes_the_digests(tmp_path: Path, counted: list[int]) -> None:
    folder = release(tmp_path / "cv", clips=3)
    prepare(plan_of(tmp_path / "out", folder))
    clips = prepare(plan_of(tmp_path / "out", folder), again=True).corpus.clips
    assert len((tmp_path / "out" / DIGESTS_NAME).read_bytes()) == 16 * len(clips)
    assert counted == []
