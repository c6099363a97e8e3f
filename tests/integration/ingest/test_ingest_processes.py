"""Complete ingest processes: they share stations, take over from dead ones, and leave no orphans."""

from __future__ import annotations

import itertools
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.ingest.fixture_types import Start, Wait
from tests.integration.ingest.process_tree import children, running
from tests.integration.ingest.radio import Icecast, audio_of
from wire import keys
from wire.chunk import Chunk
from wire.jobs import enqueue_decode
from wire.messages import Content, Hello, Job, Kind, State, Station
from wire.microphone import Microphones
from wire.sources import Jobs, Stations, Statuses
from wire.workers import alive


def readers(client: Any, ids: list[str]) -> dict[str, str]:
    """The worker that holds the lease of each station."""
    values = client.mget([keys.lease(f"stations/{id}") for id in ids])
    return {id: value.decode().split()[0] for id, value in zip(ids, values, strict=True) if value}


def test_processes_share_stations_and_take_over_from_dead_ones(
    icecast: Icecast,
    redis_url: str,
    redis_client: Any,
    ingest: Start,
    chunks: Callable[[str], list[Chunk]],
    wait_until: Wait,
) -> None:
    ids = [f"s{n}" for n in range(4)]
    url = icecast.send("shared")
    for id in ids:
        Stations(redis_client).add(Station(id, id, url))
    first = ingest(redis_url)
    wait_until(lambda: len(readers(redis_client, ids)) == 4, 30)
    ingest(redis_url)
    wait_until(
        lambda: sorted(list(readers(redis_client, ids).values()).count(f"ingest-{n}") for n in (0, 1)) == [2, 2], 60
    )

    ours = children(first.pid)
    assert len([pid for pid in ours if running(pid)]) >= 2
    dead = [id for id, worker in readers(redis_client, ids).items() if worker == "ingest-0"]
    first.kill()
    first.wait()
    wait_until(lambda: not any(running(pid) for pid in ours), 10, "its ffmpegs die with it")
    wait_until(lambda: set(readers(redis_client, ids).values()) == {"ingest-1"}, 40)
    for id in dead:
        wait_until(lambda id=id: Statuses(redis_client).get(Kind.STATION, id).worker == "ingest-1", 30)
        wait_until(lambda id=id: Statuses(redis_client).get(Kind.STATION, id).state is State.RUNNING, 40)
        epochs = [chunk.epoch for chunk in chunks(f"stations/{id}")]
        assert epochs == sorted(epochs)


def test_music_is_sent_without_audio_and_shown_in_the_status(
    icecast: Icecast,
    redis_url: str,
    redis_client: Any,
    ingest: Start,
    chunks: Callable[[str], list[Chunk]],
    wait_until: Wait,
) -> None:
    Stations(redis_client).add(Station("tone", "Tone", icecast.send("tone")))
    ingest(redis_url)
    wait_until(lambda: len(chunks("stations/tone")) >= 3, 40)
    assert {(chunk.content, chunk.pcm) for chunk in chunks("stations/tone")} == {(Content.MUSIC, b"")}
    wait_until(lambda: Statuses(redis_client).get(Kind.STATION, "tone").activity == "music", 20)


def test_process_suspended_past_its_lease_sends_nothing(
    icecast: Icecast,
    redis_url: str,
    redis_client: Any,
    ingest: Start,
    chunks: Callable[[str], list[Chunk]],
    wait_until: Wait,
) -> None:
    Stations(redis_client).add(Station("tone", "Tone", icecast.send("slept")))
    first = ingest(redis_url)
    wait_until(lambda: len(chunks("stations/tone")) >= 2, 40)
    first.send_signal(signal.SIGSTOP)
    ingest(redis_url)
    wait_until(lambda: readers(redis_client, ["tone"]).get("tone") == "ingest-1", 60)
    wait_until(lambda: chunks("stations/tone")[-1].epoch == 2, 40)
    first.send_signal(signal.SIGCONT)
    more = len(chunks("stations/tone")) + 3
    wait_until(lambda: len(chunks("stations/tone")) >= more, 40)
    epochs = [chunk.epoch for chunk in chunks("stations/tone")]
    assert epochs == sorted(epochs)
    assert readers(redis_client, ["tone"]) == {"tone": "ingest-1"}


def test_sigterm_stops_everything_within_seconds(
    icecast: Icecast, redis_url: str, redis_client: Any, ingest: Start, wait_until: Wait
) -> None:
    Stations(redis_client).add(Station("tone", "Tone", icecast.send("term")))
    process = ingest(redis_url, UPLOAD_WORKERS="1")
    wait_until(lambda: Statuses(redis_client).get(Kind.STATION, "tone").state is State.RUNNING, 40)
    wait_until(lambda: set(alive(redis_client)) == {"ingest-0", "decoder-0"}, 20)
    ours = children(process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=15) == 0
    assert not any(running(pid) for pid in ours)
    assert not redis_client.exists(keys.lease("stations/tone"))
    assert alive(redis_client) == {}


def test_process_exits_if_a_thread_fails(redis_url: str, redis_client: Any, ingest: Start) -> None:
    broken = (
        "import ingest.main; ingest.main.Supervisor.poll = lambda self: 1 / 0; raise SystemExit(ingest.main.main([]))"
    )
    process = ingest(redis_url, program=("-c", broken))
    assert process.wait(timeout=40) == 1
    assert alive(redis_client) == {}


def test_limit_of_open_files_is_raised_to_the_maximum(
    redis_url: str, redis_client: Any, ingest: Start, wait_until: Wait
) -> None:
    few = "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (64, r.getrlimit(r.RLIMIT_NOFILE)[1]));"
    process = ingest(redis_url, program=("-c", few + "import ingest.main; ingest.main.main([])"))
    wait_until(lambda: alive(redis_client), 40)
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


@pytest.mark.long
def test_decoders_exit_with_a_killed_process_and_uploads_are_resumed(
    redis_url: str, redis_client: Any, ingest: Start, make_audio: Callable[..., Path], wait_until: Wait
) -> None:
    process = ingest(redis_url, UPLOAD_WORKERS="1")
    wait_until(lambda: "decoder-0" in alive(redis_client), 30)
    ours = children(process.pid)
    process.kill()
    process.wait()
    wait_until(lambda: not any(running(pid) for pid in ours), 15)

    path = make_audio("x.ogg", "-c:a", "libopus")
    Jobs(redis_client).save(Job("j", time.time(), path=path.name))
    enqueue_decode(redis_client, "j", timeout_s=60)
    ingest(redis_url, UPLOAD_WORKERS="1")
    wait_until(lambda: not path.exists(), 40)
    metrics = b"".join(alive(redis_client).values()).decode()
    assert "undertext_ingest_audio_seconds_total" in metrics


#: `python -m ingest.recordings.decoder` in a container, where process ids restart with every container.
NUMBERED = "import os; os.getpid = lambda: 7; from ingest.recordings.decoder import main; raise SystemExit(main([]))"


def test_decoder_is_not_mistaken_for_a_killed_one_with_its_number(
    redis_url: str, redis_client: Any, ingest: Start, wait_until: Wait
) -> None:
    first = ingest(redis_url, program=["-c", NUMBERED])
    wait_until(lambda: redis_client.smembers("rq:workers"), 30)
    first.kill()
    first.wait()
    [name] = redis_client.smembers("rq:workers")
    redis_client.persist(name)  # RQ still has its record
    redis_client.delete(keys.worker("decoder-0"))
    second = ingest(redis_url, program=["-c", NUMBERED])
    wait_until(lambda: second.poll() is not None or len(redis_client.smembers("rq:workers")) == 2, 30)
    assert second.poll() is None


def test_decoders_do_not_subscribe_to_commands_of_rq(
    redis_url: str, redis_client: Any, ingest: Start, make_audio: Callable[..., Path], wait_until: Wait
) -> None:
    ingest(redis_url, UPLOAD_WORKERS="1")
    path = make_audio("x.ogg", "-c:a", "libopus")
    Jobs(redis_client).save(Job("j", time.time(), path=path.name))
    enqueue_decode(redis_client, "j", timeout_s=60)
    wait_until(lambda: not path.exists(), 40)  # RQ subscribes before it takes a job
    assert redis_client.pubsub_channels("rq:*") == []


#: `python -m ingest` that is killed as soon as it has queued a microphone's third chunk.
KILLED_AFTER_QUEUEING = """
import os, signal
from ingest.main import main
from wire.queue import ChunkQueue
put = ChunkQueue.put
def put_and_die(queue, chunk, **options):
    queued = put(queue, chunk, **options)
    if not chunk.partial and chunk.seq == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return queued
ChunkQueue.put = put_and_die
main([])
"""


@pytest.mark.parametrize(
    ("program", "number"),
    [
        (["-c", KILLED_AFTER_QUEUEING], signal.SIGKILL),
        (["-m", "ingest"], signal.SIGKILL),
        (["-m", "ingest"], signal.SIGTERM),
    ],
)
def test_another_process_resumes_a_microphone(
    program: list[str],
    number: signal.Signals,
    redis_url: str,
    redis_client: Any,
    ingest: Start,
    chunks: Callable[[str], list[Chunk]],
    wait_until: Wait,
) -> None:
    """Every sample of a ramp is its own index, so lost and duplicated audio can be counted."""
    api = Microphones(redis_client)
    ramp = (np.arange(16_000 * 8) // 8 + 1000).astype("<i2").tobytes()
    frame_bytes = 3200  # a tenth of a second
    frames = [ramp[at : at + frame_bytes] for at in range(0, len(ramp), frame_bytes)]
    first = ingest(redis_url, program=program, VAD="off")  # a ramp is not speech
    api.open(Hello("m", 16_000, "sv"))
    for frame in frames[:35]:
        api.send("m", frame)
    wait_until(lambda: len(chunks("microphones/m")) == 3, 60)
    first.send_signal(number)
    first.wait(timeout=30)
    for frame in frames[35:]:
        api.send("m", frame)
    ingest(redis_url, VAD="off")
    wait_until(lambda: len(chunks("microphones/m")) > 3, 60)
    api.close("m")
    wait_until(lambda: chunks("microphones/m")[-1].last, 30)
    found = chunks("microphones/m")
    assert [epoch for epoch, _ in itertools.groupby(found, lambda chunk: chunk.epoch)] == [1, 2]
    assert found[3].follows == (1, 3)
    heard = audio_of(found)
    assert set(np.frombuffer(ramp, "<i2").tolist()) <= set(heard.tolist()), "audio was lost"
    assert len(heard) - len(ramp) // 2 <= 2 * frame_bytes, "audio was duplicated"
    wait_until(lambda: Statuses(redis_client).get(Kind.MICROPHONE, "m").state is State.FINISHED, 30)
    assert redis_client.hlen(keys.READ_MICROPHONES) == 0


#: `python -m ingest` that is killed after it has taken a microphone and before it has recorded it.
KILLED_IN_BETWEEN = """
import os, signal
from ingest.main import main
from wire.microphone import Microphones
Microphones._record = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main([])
"""


def test_microphone_of_a_worker_that_dies_while_taking_it_is_read_by_another(
    redis_url: str, redis_client: Any, ingest: Start, chunks: Callable[[str], list[Chunk]], wait_until: Wait
) -> None:
    first = ingest(redis_url, program=["-c", KILLED_IN_BETWEEN])
    api = Microphones(redis_client)
    api.open(Hello("m", 16_000, "sv"))
    assert first.wait(timeout=60) == -signal.SIGKILL
    assert redis_client.llen(keys.MICROPHONES) == 0
    api.send("m", bytes(2 * 16_000))
    api.close("m")
    ingest(redis_url)
    wait_until(lambda: (found := chunks("microphones/m")) and found[-1].last, 60)
    wait_until(lambda: not redis_client.exists(keys.READ_MICROPHONES, keys.TAKEN_MICROPHONES), 30)
