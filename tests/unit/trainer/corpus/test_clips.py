"""The on-disk format of a corpus, and resuming an interrupted writer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.corpus import clips
from trainer.corpus.clips import Clip, Corpus, CorpusError, Writer, audio_path

ABOUT = {"text": "Hej då!", "language": "sv", "split": "train", "speaker": "s1", "accent": "skånska"}


def ramp(n_samples: int) -> np.ndarray:
    return np.arange(n_samples, dtype=np.int16)


def test_written_values_are_read_back(tmp_path: Path) -> None:
    with Writer(tmp_path) as writer:
        writer.add(ramp(100), id="a", **ABOUT)
        writer.add(ramp(50), id="b", **{**ABOUT, "split": "test"}, segments=((0.0, 0.1, "Hej"),))
        corpus = writer.finish({"sources": ["x"]})
    assert [clip.id for clip in corpus.clips] == ["a", "b"]
    assert [clip.id for clip in corpus.split("test")] == ["b"]
    assert corpus.clips[1].segments == ((0.0, 0.1, "Hej"),)
    assert corpus.clips[0].column("accent") == "skånska"
    np.testing.assert_array_equal(corpus.audio(corpus.clips[1]) * 32768, ramp(50))
    assert Corpus(tmp_path).about == {"sources": ["x"]}


def test_an_interrupted_corpus_is_resumed(tmp_path: Path) -> None:
    with Writer(tmp_path) as writer:
        writer.add(ramp(100), id="a", **ABOUT)
    with clips.audio_path(tmp_path, 0).open("ab") as file:
        file.write(b"audio without a line")
    with (tmp_path / clips.CLIPS_NAME).open("ab") as file:
        file.write(b'{"id": "half a li')
    with pytest.raises(CorpusError, match="not a prepared corpus"):
        Corpus(tmp_path)
    with Writer(tmp_path) as writer:
        assert writer.written == {"a"}
        writer.add(ramp(7), id="b", **ABOUT)
        corpus = writer.finish({})
    assert [clip.id for clip in corpus.clips] == ["a", "b"]
    np.testing.assert_array_equal(corpus.audio(corpus.clips[1]) * 32768, ramp(7))


def test_a_new_audio_file_is_started_when_one_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "SAMPLES_PER_FILE", 100)
    for id in "abcd":
        with Writer(tmp_path) as writer:
            writer.add(ramp(60), id=id, **ABOUT)
    corpus = Corpus(_finished(tmp_path))
    assert [(clip.file, clip.first_sample) for clip in corpus.clips] == [(0, 0), (0, 60), (1, 0), (1, 60)]
    for clip in corpus.clips:
        np.testing.assert_array_equal(corpus.audio(clip) * 32768, ramp(60))


def _finished(folder: Path) -> Path:
    with Writer(folder) as writer:
        writer.finish({})
    return folder


@given(text=st.text(), accent=st.text(), n_samples=st.integers(0, 10**9))
def test_a_clip_is_written_as_one_line(text: str, accent: str, n_samples: int) -> None:
    clip = Clip("id", 1, 2, n_samples, text, "sv", "dev", accent=accent)
    assert "\n" not in clip.line()
    assert Clip.of_line(clip.line()) == clip


@pytest.mark.parametrize("line", ["", "[]", '{"id": "a"}', '{"nonsense": 1}'])
def test_an_invalid_line_is_an_error(line: str) -> None:
    with pytest.raises(CorpusError, match="not a clip"):
        Clip.of_line(line)


def test_missing_empty_and_truncated_audio_is_reported(tmp_path: Path) -> None:
    with Writer(tmp_path) as writer:
        clip = writer.add(ramp(60), id="a", **ABOUT)
        writer.finish({})
    path = audio_path(tmp_path, 0)
    for data, told in ((bytes(10), "is truncated"), (b"", "is missing or empty")):
        path.write_bytes(data)
        with pytest.raises(CorpusError, match=rf"{told}: prepare the corpus again \(--again\)"):
            Corpus(tmp_path).audio(clip)
    path.unlink()
    with pytest.raises(CorpusError, match="is missing or empty"):
        Corpus(tmp_path).audio(clip)


def test_an_unknown_column_error_lists_the_columns() -> None:
    with pytest.raises(KeyError, match="accent"):
        Clip("id", 0, 0, 1, "x", "sv", "train").column("shoe size")


def test_clips_share_repeated_values(tmp_path: Path) -> None:
    with Writer(tmp_path) as writer:
        for id in "ab":
            writer.add(ramp(7), id=id, **{**ABOUT, "speaker": "f" * 128})
    first, second = Corpus(_finished(tmp_path)).clips
    for name in ("language", "split", "source", "speaker", "accent"):
        assert getattr(first, name) is getattr(second, name), name
