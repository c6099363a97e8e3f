"""The live cutter: turns PCM with arrival times into chunks on a clock. Times are passed in."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from ingest.live.cutter import LiveCutter
from ingest.live.outbox import Outbox
from ingest.options import Options
from ingest.settings import Settings
from ingest.speech.detector import SilenceDetector
from wire.chunk import Chunk
from wire.messages import Content
from wire.metrics import IngestMetrics

NOW = 1_800_000_000.0
RATE = 16_000


class World:
    """A cutter, its outbox, and a clock controlled by the test."""

    def __init__(
        self, source: str = "stations/x", *, steady: bool = False, max_chunks: int = 2000, partial_s: float = 0.0
    ) -> None:
        self.now_s = NOW
        self.watched = True
        self.outbox = Outbox(90, max_chunks=max_chunks)
        self.cutter = LiveCutter(
            source,
            self.outbox,
            Settings(chunk_s=1.0, lead_s=0.25, partial_s=partial_s),
            IngestMetrics(CollectorRegistry()),
            SilenceDetector,
            partials_wanted=lambda: self.watched,
            steady=steady,
            now_s=lambda: self.now_s,
        )
        self._random = np.random.default_rng(1)

    def noise(self, duration_s: float) -> bytes:
        return self._random.integers(-9000, 9000, round(duration_s * RATE)).astype("<i2").tobytes()

    def speak(self, duration_s: float, step_s: float = 0.1) -> None:
        for _ in range(round(duration_s / step_s)):
            self.now_s += step_s
            self.cutter.feed(self.noise(step_s))

    def chunks(self) -> list[Chunk]:
        return list(iter(lambda: self.outbox.take(0), None))


def test_chunks_wait_for_the_clock_and_are_sent_in_order() -> None:
    world = World()
    world.cutter.open(Options(hot_words=("Umeå",)))
    assert not world.cutter.feed(world.noise(4.5)), "a burst: the clock is not known yet"
    assert world.chunks() == []
    world.speak(2)
    found = world.chunks()
    assert [chunk.seq for chunk in found] == [0, 1, 2, 3, 4, 5]
    assert found[0].start_s == pytest.approx(NOW - 4.5, abs=0.01)
    assert found[0].captured_s == NOW
    assert {chunk.hot_words for chunk in found} == {("Umeå",)}
    for before, after in itertools.pairwise(found):
        assert after.start_s == pytest.approx(before.end_s)
        assert after.captured_s >= before.captured_s


def test_digital_silence_is_sent_without_audio() -> None:
    world = World()
    world.cutter.open()
    world.speak(2)
    world.now_s += 1
    world.cutter.feed(bytes(2 * RATE))
    world.speak(1)
    world.cutter.close()
    found = world.chunks()
    assert [chunk.content for chunk in found[:4]] == [
        Content.SPEECH,
        Content.SPEECH,
        Content.SILENCE,
        Content.SPEECH,
    ]
    assert (found[2].pcm, found[2].n_samples) == (b"", RATE)


def test_end_of_a_connection_sends_the_rest_as_last_chunk() -> None:
    world = World()
    world.cutter.open()
    world.speak(2.5)
    world.cutter.close()
    found = world.chunks()
    assert [(chunk.seq, chunk.n_samples, chunk.last) for chunk in found] == [
        (0, RATE, False),
        (1, RATE, False),
        (2, RATE // 2, True),
    ]


def test_each_connection_is_an_epoch_with_its_own_clock() -> None:
    world = World()
    for _ in range(2):
        world.cutter.open()
        world.speak(2.5)
        world.cutter.close()
        world.now_s += 30
    found = world.chunks()
    assert [(chunk.epoch, chunk.seq) for chunk in found] == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert found[3].start_s == pytest.approx(NOW + 32.5, abs=0.01)
    assert found[3].lead_samples == 0


def test_connection_without_audio_is_no_epoch() -> None:
    world = World()
    world.cutter.open()
    world.cutter.feed(b"")
    world.cutter.close()
    assert world.chunks() == []


def test_microphone_without_audio_still_has_a_last_chunk() -> None:
    world = World("microphones/m", steady=True)
    world.cutter.open()
    world.cutter.close()
    assert [(chunk.n_samples, chunk.last, chunk.start_s) for chunk in world.chunks()] == [(0, True, NOW)]


@pytest.mark.parametrize("burst_s", [3.0, 3.5])
def test_audio_waiting_for_the_clock_is_sent_before_the_next_connection(burst_s: float) -> None:
    world = World("microphones/m", steady=True)
    world.cutter.open()
    world.cutter.feed(world.noise(burst_s))
    world.cutter.flush()
    world.cutter.open()
    world.cutter.close()
    found = world.chunks()
    assert sum(chunk.n_samples for chunk in found) == burst_s * RATE
    assert [chunk.last for chunk in found] == [False] * (len(found) - 1) + [True]


def test_invalid_clock_begins_a_new_epoch() -> None:
    world = World()
    world.cutter.open()
    world.speak(3)
    world.cutter.feed(world.noise(6))  # the sender jumps ahead
    world.speak(3)
    found = world.chunks()
    assert {chunk.epoch for chunk in found} == {1, 2}
    first, second = ([chunk for chunk in found if chunk.epoch == epoch] for epoch in (1, 2))
    assert first[-1].last
    assert second[0].seq == 0
    assert second[-1].end_s <= world.now_s + 0.2


def test_no_sample_is_lost_or_duplicated_across_epochs() -> None:
    world = World()
    world.cutter.open()
    fed = b""
    for _ in range(100):
        world.now_s += 0.1
        pcm = world.noise(0.1)
        fed += pcm
        world.cutter.feed(pcm)
    burst = world.noise(6.01)
    fed += burst
    world.cutter.feed(burst)
    world.cutter.close()
    assert b"".join(chunk.pcm[2 * chunk.lead_samples :] for chunk in world.chunks()) == fed


def test_after_hours_without_redis_a_new_epoch_begins() -> None:
    world = World(max_chunks=5)
    world.cutter.open()
    world.speak(8)
    assert {chunk.epoch for chunk in world.chunks()} == {2}


def test_audio_needs_an_open_connection() -> None:
    with pytest.raises(RuntimeError, match="before open"):
        World().cutter.feed(b"")


def test_partial_chunks_do_not_change_the_complete_chunk() -> None:
    sent: dict[float, list[Chunk]] = {}
    for partial_s in (0.0, 0.25):
        world, sent[partial_s] = World(partial_s=partial_s), []
        world.cutter.open()
        for _ in range(60):
            world.speak(0.1)
            sent[partial_s] += world.chunks()
    ahead = [chunk for chunk in sent[0.25] if chunk.partial]
    assert [chunk for chunk in sent[0.25] if not chunk.partial] == sent[0.0]
    whole = {chunk.seq: chunk for chunk in sent[0.0]}
    assert len(ahead) > 2 * len({chunk.seq for chunk in ahead})
    for chunk in ahead:
        assert 0 < chunk.n_samples < RATE
        if chunk.seq in whole:
            assert whole[chunk.seq].pcm.startswith(chunk.pcm)
            assert whole[chunk.seq].start_s == chunk.start_s


def partial_of(world: World, *heard: bytes, step_s: float) -> list[Chunk]:
    """The partial chunks that are sent if a transcriber takes them immediately."""
    found = []
    for pcm in heard:
        world.now_s += step_s
        world.cutter.feed(pcm)
        found += [chunk for chunk in world.chunks() if chunk.partial]
    return found


def test_partial_chunks_are_only_sent_if_wanted_and_timely() -> None:
    world = World(partial_s=0.25)
    world.cutter.open()
    world.speak(2.0)
    world.chunks()
    said = [world.noise(0.1) for _ in range(10)]
    world.watched = False
    assert not partial_of(world, *said, step_s=0.1)
    world.watched = True
    assert not partial_of(world, *[bytes(3200)] * 10, step_s=0.1)
    assert len(partial_of(world, *said, step_s=0.0)) == 0, "a whole segment, as fast as it is decoded"
    assert len(partial_of(world, *said, step_s=0.1)) == 3
    world.speak(1.4)  # its complete chunk is waiting
    assert not any(chunk.partial for chunk in world.chunks())


def test_partial_chunk_does_not_change_the_detector() -> None:
    heard: list[bytes] = []

    class Remembering(SilenceDetector):
        def __call__(self, new: bytes) -> Content:
            heard.append(new)
            return super().__call__(new)

    world, whole, n_partial = World(partial_s=0.25), list[Chunk](), 0
    world.cutter._make_detector = Remembering  # its `fork` has no state
    world.cutter.open()
    for _ in range(40):
        world.speak(0.1)
        for chunk in world.chunks():
            n_partial += chunk.partial
            whole += [] if chunk.partial else [chunk]
    assert n_partial > 4
    assert heard == [chunk.pcm[2 * chunk.lead_samples :] for chunk in whole]
