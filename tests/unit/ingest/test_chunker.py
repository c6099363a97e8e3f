"""The chunker neither loses nor adds audio, however its input is split."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.chunker import Chunker, Piece
from ingest.options import Options
from wire.chunk import Chunk
from wire.messages import Content

# Small sizes exercise the same borders as 80,000 samples.
FEEDS = st.lists(st.binary(max_size=60), max_size=30)
SIZES = st.tuples(st.integers(1, 12), st.integers(0, 12)).filter(lambda sizes: sizes[1] <= sizes[0])


def cut(feeds: list[bytes], chunk_samples: int, lead_samples: int) -> list[Piece]:
    chunker = Chunker(chunk_samples, lead_samples)
    pieces = [piece for pcm in feeds for piece in chunker.feed(pcm)]
    return [*pieces, chunker.finish()]


@given(FEEDS, SIZES)
def test_new_samples_reproduce_the_input(feeds: list[bytes], sizes: tuple[int, int]) -> None:
    given_pcm = b"".join(feeds)
    whole = given_pcm[: len(given_pcm) // 2 * 2]
    pieces = cut(feeds, *sizes)
    assert b"".join(piece.new_pcm for piece in pieces) == whole
    assert sum(piece.n_samples for piece in pieces) == len(whole) // 2


@given(FEEDS, SIZES)
def test_leads_repeat_the_end_of_the_previous_piece(feeds: list[bytes], sizes: tuple[int, int]) -> None:
    pieces = cut(feeds, *sizes)
    assert pieces[0].lead_samples == 0
    for before, after in itertools.pairwise(pieces):
        assert after.lead_samples == before.tail_samples
        assert before.pcm.endswith(after.pcm[: after.lead_samples * 2])
    assert pieces[-1].tail_samples == 0


@given(FEEDS, SIZES)
def test_pieces_are_numbered_and_only_the_final_one_is_last(feeds: list[bytes], sizes: tuple[int, int]) -> None:
    pieces = cut(feeds, *sizes)
    assert [piece.seq for piece in pieces] == list(range(len(pieces)))
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert all(piece.n_samples == sizes[0] for piece in pieces[:-1])
    assert pieces[-1].n_samples < sizes[0]
    for before, after in itertools.pairwise(pieces):
        assert after.first_sample == before.first_sample + before.n_samples


@given(FEEDS, SIZES)
def test_cuts_do_not_depend_on_how_audio_is_fed(feeds: list[bytes], sizes: tuple[int, int]) -> None:
    assert cut(feeds, *sizes) == cut([b"".join(feeds)], *sizes)


def test_end_at_a_border_yields_an_empty_last_piece() -> None:
    *_, last = cut([bytes(20)], 5, 2)
    assert (last.n_samples, last.last) == (0, True)
    chunk = last.chunk("jobs/j", epoch=1, origin_s=0.0)
    assert (chunk.pcm, chunk.lead_samples, chunk.last) == (b"", 0, True)


def test_chunk_of_a_piece_uses_the_clock_of_its_source() -> None:
    first, second, _ = cut([bytes(64_000)], 16_000, 8_000)
    chunk = second.chunk("stations/p1", epoch=3, origin_s=1000.0, options=Options("sv"), captured_s=1002.5)
    # If all audio is equally quiet, the minimum overlap costs least: seven tenths of the usual one, plus savings.
    assert (chunk.start_s, chunk.end_s, chunk.lead_s, chunk.epoch, chunk.seq) == (1001.0, 1002.0, 0.35, 3, 1)
    assert chunk.tail_s == 0.46
    assert len(chunk.pcm) == 43_200
    assert first.chunk("stations/p1", epoch=3, origin_s=0.0, content=Content.SILENCE).pcm == b""


@pytest.mark.parametrize("sizes", [(0, 0), (5, 6), (5, -1)])
def test_impossible_sizes_are_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Chunker(*sizes)


@pytest.mark.parametrize(("onset_s", "begin_s"), [(0.0, 0.5), (0.7, 0.5), (0.9, 1.5), (1.0, 1.6), (3.0, 1.6)])
def test_audio_before_speech_is_skipped(onset_s: float, begin_s: float) -> None:
    rate, pcm = 16_000, np.arange(1, 32_001, dtype="<i2").tobytes()
    _, second, _ = cut([pcm], rate, 8_000)
    chunk = second.chunk("jobs/j", epoch=1, origin_s=0.0, onset_samples=round(onset_s * rate))
    if begin_s < 1:  # with its lead
        begin_s = 1 - second.lead_samples / rate
    assert chunk.transcribed_from_s == pytest.approx(begin_s)
    assert (chunk.start_s, chunk.end_s) == (1.0, 2.0)
    assert np.frombuffer(chunk.transcribed_pcm, "<i2").tolist() == list(range(round(begin_s * rate) + 1, 32_001))
    again = Chunk.decode(chunk.encode())
    assert again == chunk
    assert again.without_audio("shed").n_samples == rate
