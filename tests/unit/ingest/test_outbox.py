"""The outbox: bounded; chunks that no longer fit become gaps and keep their place."""

from __future__ import annotations

import threading
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ingest.live.outbox import Outbox
from wire.chunk import Chunk
from wire.messages import Content


def chunk(seq: int, *, epoch: int = 1, silent: bool = False) -> Chunk:
    n = 80_000
    content = Content.SILENCE if silent else Content.SPEECH
    return Chunk("stations/x", epoch, seq, 5.0 * seq, n, b"" if silent else bytes(2 * n), content=content)


def drain(outbox: Outbox) -> list[Chunk]:
    found = []
    while (taken := outbox.take(0)) is not None:
        found.append(taken)
    return found


def test_first_in_first_out() -> None:
    outbox = Outbox(60)
    for seq in range(3):
        assert outbox.put(chunk(seq))
    assert [c.seq for c in drain(outbox)] == [0, 1, 2]
    assert outbox.take(0) is None


def test_oldest_audio_becomes_a_gap() -> None:
    shed: list[float] = []
    outbox = Outbox(10, on_shed=shed.append)
    for seq in range(5):
        outbox.put(chunk(seq))
    found = drain(outbox)
    assert [c.content for c in found] == [Content.GAP] * 3 + [Content.SPEECH] * 2
    assert [c.seq for c in found] == [0, 1, 2, 3, 4]
    assert [c.reason for c in found[:3]] == ["overflow"] * 3
    assert all(c.start_s == 5.0 * c.seq and c.n_samples == 80_000 for c in found)
    assert shed == [5.0, 5.0, 5.0]


def test_chunk_put_back_is_the_oldest_again() -> None:
    outbox = Outbox(60)
    outbox.put(chunk(0))
    outbox.put(chunk(1))
    taken = outbox.take(0)
    assert taken is not None
    outbox.put_back(taken)
    assert [c.seq for c in drain(outbox)] == [0, 1]


def test_too_many_waiting_chunks_break_the_sequence() -> None:
    outbox = Outbox(60, max_chunks=3)
    assert [outbox.put(chunk(seq, silent=True)) for seq in range(4)] == [True, True, True, False]
    assert len(outbox) == 0


def test_take_waits_for_a_chunk() -> None:
    outbox = Outbox(60)
    found: list[Chunk | None] = []
    thread = threading.Thread(target=lambda: found.append(outbox.take(30)))
    thread.start()
    outbox.put(chunk(7))
    thread.join()
    assert [c.seq for c in found if c] == [7]


@given(st.lists(st.sampled_from(["put", "silent", "take", "take and put back"]), max_size=200))
def test_order_is_kept_and_audio_is_bounded(actions: list[str]) -> None:
    outbox, sent, seq = Outbox(20), [], 0
    for action in actions:
        if action in ("put", "silent"):
            outbox.put(chunk(seq, silent=action == "silent"))
            seq += 1
        elif (taken := outbox.take(0)) is not None:
            if action == "take":
                sent.append(taken)
            else:
                outbox.put_back(taken)
        waiting = [c for c in outbox._chunks if c.pcm]
        assert len(waiting) <= 4
        assert outbox._audio_s == 5.0 * len(waiting)
    sent += drain(outbox)
    assert [c.seq for c in sent] == list(range(seq))


def test_partial_chunk_waits_for_complete_ones_and_only_the_newest_is_kept() -> None:
    outbox = Outbox(60)
    for seq, n_samples in ((0, 0), (1, 20_000), (1, 40_000)):
        whole = chunk(seq)
        outbox.put(replace(whole, n_samples=n_samples, pcm=whole.pcm[: 2 * n_samples], partial=True) if seq else whole)
    assert [(c.seq, c.n_samples) for c in drain(outbox)] == [(0, 80_000), (1, 40_000)]


def test_complete_chunk_replaces_its_partial_one() -> None:
    outbox = Outbox(60)
    outbox.put(replace(chunk(0), partial=True))
    outbox.put(chunk(0))
    assert [c.partial for c in drain(outbox)] == [False]
    outbox.put(replace(chunk(1), partial=True))
    outbox.clear()
    assert drain(outbox) == []
