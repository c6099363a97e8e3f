"""Stations: real streams of a real Icecast and of HLS become chunks."""

from __future__ import annotations

import io
import itertools
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from prometheus_client import CollectorRegistry

from ingest.context import Context
from ingest.media.web import make_client
from ingest.settings import Settings
from ingest.stations.supervisor import Supervisor
from tests.integration.ingest.fixture_types import Chunks, Wait
from tests.integration.ingest.radio import Icecast, Web, audio_of, frequency_hz
from wire import audience, keys
from wire.bus import connect
from wire.chunk import Chunk
from wire.kept_audio import KeptAudio
from wire.messages import State, Station
from wire.metrics import IngestMetrics
from wire.sources import Stations


@pytest.mark.parametrize("encoding", ["mp3", "aac", "opus"])
def test_stream_is_cut_into_chunks(
    encoding: str, icecast: Icecast, on_air: Callable[..., Supervisor], chunks: Chunks, status: Any, wait_until: Wait
) -> None:
    url = icecast.send(f"tone-{encoding}", encoding)
    began_s = time.time()
    on_air(Station("tone", "Tone", url, language="sv"))
    wait_until(lambda: len(chunks("stations/tone")) >= 6, 40)

    found = chunks("stations/tone")
    assert [chunk.seq for chunk in found] == list(range(len(found)))
    assert {chunk.epoch for chunk in found} == {1}
    assert {chunk.language for chunk in found} == {"sv"}
    assert abs(frequency_hz(audio_of(found[:5])) - 440) < 1
    for before, after in itertools.pairwise(found):
        assert after.start_s == pytest.approx(before.end_s)
        assert after.pcm[: after.lead_samples * 2] == before.pcm[-after.lead_samples * 2 :]
    # The server's burst is timed neither in the future nor far in the past.
    for chunk in found:
        assert chunk.end_s <= chunk.captured_s + 0.5
        assert chunk.end_s > began_s - 30

    now = status("tone")
    assert (now.state, now.codec, now.epoch) == (State.RUNNING, encoding, 1)
    assert now.sample_rate_hz in (44100, 48000)


def test_speech_is_kept_for_playback(
    icecast: Icecast,
    on_air: Callable[..., Supervisor],
    chunks: Chunks,
    status: Any,
    redis_client: Any,
    wait_until: Wait,
) -> None:
    on_air(Station("tone", "Tone", icecast.send("kept")), audio_kept_s=60.0)
    wait_until(lambda: len(KeptAudio(redis_client).between("stations/tone", 0, 1e12)) >= 5, 30)
    kept = KeptAudio(redis_client).between("stations/tone", 0, 1e12)
    found = chunks("stations/tone")
    assert [(s.start_s, s.n_samples) for s in kept] == [(c.start_s, c.n_samples) for c in found[: len(kept)]]
    for clip, chunk in zip(kept, found, strict=False):
        heard, _ = soundfile.read(io.BytesIO(clip.vorbis), dtype="int16")
        assert np.corrcoef(heard, audio_of([chunk]))[0, 1] > 0.98
    assert status("tone").audio_kept_s == 60


def test_nothing_is_kept_if_disabled(
    icecast: Icecast,
    on_air: Callable[..., Supervisor],
    chunks: Chunks,
    status: Any,
    redis_client: Any,
    wait_until: Wait,
) -> None:
    on_air(Station("tone", "Tone", icecast.send("unkept")), audio_kept_s=0.0)
    wait_until(lambda: len(chunks("stations/tone")) >= 2, 30)
    assert not redis_client.exists(keys.audio("stations/tone"))
    assert status("tone").audio_kept_s == 0


def test_titles_are_updated(icecast: Icecast, on_air: Callable[..., Supervisor], status: Any, wait_until: Wait) -> None:
    url = icecast.send("titles")
    on_air(Station("tone", "Tone", url))
    wait_until(lambda: status("tone").state is State.RUNNING, 30)
    for title in ("Ekot – nyheter på åtta", "Väder; i morgon 'sol'"):
        icecast.title("titles", title)
        wait_until(lambda title=title: status("tone").title == title, 20, title)


@pytest.mark.parametrize("name", ["list.m3u", "list.pls"])
def test_playlists_are_resolved_to_their_stream(
    name: str, icecast: Icecast, web: Web, on_air: Callable[..., Supervisor], chunks: Chunks, wait_until: Wait
) -> None:
    url = icecast.send("listed")
    web.page("/list.m3u", f"#EXTM3U\n#EXTINF:-1,Tone\n{url}\n".encode(), "audio/x-mpegurl")
    web.page("/list.pls", f"[playlist]\nFile1={url}\nNumberOfEntries=1\n".encode(), "audio/x-scpls")
    on_air(Station("tone", "Tone", web.url(f"/{name}")))
    wait_until(lambda: chunks("stations/tone"), 30)


@pytest.fixture
def hls(tmp_path: Path, web: Web, need_program: Callable[..., str]) -> Iterator[str]:
    """URL of a live HLS stream with segments of 1 s."""
    folder = tmp_path / "hls"
    folder.mkdir()
    command = [need_program("ffmpeg"), "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "sine=frequency=440"]
    command += [
        "-c:a",
        "aac",
        "-f",
        "hls",
        "-hls_time",
        "1",
        "-hls_list_size",
        "5",
        "-hls_flags",
        "delete_segments+temp_file",
    ]
    sender = subprocess.Popen([*command, str(folder / "live.m3u8")])
    web.folder("/hls/", folder)
    yield web.url("/hls/live.m3u8")
    sender.kill()
    sender.wait()


def test_hls(
    hls: str, tmp_path: Path, on_air: Callable[..., Supervisor], chunks: Chunks, status: Any, wait_until: Wait
) -> None:
    wait_until(lambda: len(list((tmp_path / "hls").glob("*.ts"))) >= 4, 30)
    on_air(Station("hls", "HLS", hls))
    wait_until(lambda: len(chunks("stations/hls")) >= 9, 60)
    found = chunks("stations/hls")
    assert {chunk.epoch for chunk in found} == {1}
    assert frequency_hz(audio_of(found)) == pytest.approx(440, abs=1)
    assert status("hls").codec == "aac"
    assert all(chunk.end_s <= chunk.captured_s + 1 for chunk in found)


def test_partial_chunks_are_sent_while_somebody_watches(
    icecast: Icecast, on_air: Callable[..., Supervisor], chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    on_air(Station("tone", "Tone", icecast.send("ahead")), partial_s=0.25)
    wait_until(lambda: len(chunks("stations/tone")) >= 3, 30)
    assert redis_client.xlen(keys.PARTIAL_CHUNKS) == 0
    audience.register_viewers(redis_client, ["stations/tone"])
    wait_until(lambda: redis_client.xlen(keys.PARTIAL_CHUNKS) >= 3, 20)
    ahead = [Chunk.decode(fields) for _, fields in redis_client.xrange(keys.PARTIAL_CHUNKS)]
    assert all(chunk.partial and 0.25 <= chunk.duration_s < 1.0 for chunk in ahead)
    wait_until(lambda: chunks("stations/tone")[-1].seq > ahead[-1].seq, 20)
    whole = {chunk.seq: chunk for chunk in chunks("stations/tone")}
    for chunk in ahead:
        assert whole[chunk.seq].epoch == chunk.epoch == 1
        assert whole[chunk.seq].pcm.startswith(chunk.pcm)


def test_partial_chunks_are_not_sent_while_no_worker_takes_them(
    icecast: Icecast, on_air: Callable[..., Supervisor], chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    redis_client.set(keys.watched("stations/tone"), b"1")
    on_air(Station("tone", "Tone", icecast.send("ignored")), partial_s=0.25)
    wait_until(lambda: redis_client.xlen(keys.PARTIAL_CHUNKS), 30)
    newest: list[bytes] = [b""]
    seen = [0]

    def quiet() -> bool:
        """Return True if no partial chunk arrives while four complete ones do."""
        [(entry, _)] = redis_client.xrevrange(keys.PARTIAL_CHUNKS, count=1)
        if entry != newest[0]:
            newest[0], seen[0] = entry, len(chunks("stations/tone"))
        return len(chunks("stations/tone")) >= seen[0] + 4

    wait_until(quiet, 40)
    redis_client.delete(keys.PARTIAL_CHUNKS)  # a transcriber took it
    wait_until(lambda: redis_client.xlen(keys.PARTIAL_CHUNKS), 30)


def test_removed_station_is_no_longer_read(
    icecast: Icecast,
    on_air: Callable[..., Supervisor],
    chunks: Chunks,
    status: Any,
    wait_until: Wait,
    redis_client: Any,
) -> None:
    url = icecast.send("removed")
    supervisor = on_air(Station("tone", "Tone", url))
    wait_until(lambda: chunks("stations/tone"), 30)
    Stations(redis_client).remove("tone")
    wait_until(lambda: not supervisor.reading and not redis_client.exists(keys.lease("stations/tone")), 20)
    redis_client.delete(keys.status("stations/tone"))
    before = len(chunks("stations/tone"))
    Stations(redis_client).add(Station("tone", "Tone", url, language="en", task="translate"))
    wait_until(lambda: len(chunks("stations/tone")) > before, 30)
    assert chunks("stations/tone")[-1].epoch == 2
    assert (chunks("stations/tone")[-1].language, chunks("stations/tone")[-1].task) == ("en", "translate")


def test_metrics_of_a_removed_station_are_deleted(
    on_air: Callable[..., Supervisor], wait_until: Wait, redis_url: str
) -> None:
    supervisor = on_air(Station("gone", "Gone", "http://127.0.0.1:1/"), Station("here", "Here", "http://127.0.0.1:1/"))
    wait_until(lambda: supervisor.reading == ["gone", "here"])
    reconnects = supervisor._metrics.reconnects
    for id in supervisor.reading:
        reconnects.labels(id).inc()
    Stations(connect(redis_url)).remove("gone")

    def counted() -> set[str]:
        return {sample.labels["station"] for family in reconnects.collect() for sample in family.samples}

    wait_until(lambda: counted() == {"here"}, 30)


def test_changed_station_is_reconnected(
    icecast: Icecast, on_air: Callable[..., Supervisor], chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    on_air(Station("tone", "Tone", icecast.send("one")))
    wait_until(lambda: chunks("stations/tone"), 30)
    url = icecast.send("two", source="sine=frequency=880")
    Stations(redis_client).add(Station("tone", "Tone", url, hot_words=("Umeå",)))
    wait_until(lambda: len([c for c in chunks("stations/tone") if c.epoch == 2]) >= 2, 30)
    assert frequency_hz(audio_of([c for c in chunks("stations/tone") if c.epoch == 2])) == pytest.approx(880, abs=1)
    assert next(c.hot_words for c in chunks("stations/tone") if c.epoch == 2) == ("Umeå",)


def test_epochs_keep_rising_after_their_counter_expired(
    icecast: Icecast, on_air: Callable[..., Supervisor], chunks: Chunks, wait_until: Wait, redis_client: Any
) -> None:
    fields = {"event": 9, "epoch": 7, "next_seq": 3, "until_s": 0.0, "finished": 0}
    redis_client.hset(keys.progress("stations/tone"), mapping=fields)
    on_air(Station("tone", "Tone", icecast.send("rises")))
    wait_until(lambda: chunks("stations/tone"), 30)
    assert chunks("stations/tone")[0].epoch == 8


def test_status_after_a_shutdown(
    icecast: Icecast, redis_url: str, chunks: Chunks, status: Any, wait_until: Wait, redis_client: Any
) -> None:
    url = icecast.send("goodbye")
    redis = connect(redis_url)
    Stations(redis).add(Station("tone", "Tone", url))
    with make_client(5.0) as client:
        settings = Settings(redis_url=redis_url, chunk_s=1.0, lead_s=0.25)
        context = Context(redis, settings, IngestMetrics(CollectorRegistry()), client, worker="ingest-0")
        thread = threading.Thread(target=Supervisor(context, processes=lambda: 1).run)
        thread.start()
        wait_until(lambda: len(chunks("stations/tone")) >= 2, 30)
        context.stopping.set()
        thread.join()
    assert chunks("stations/tone")[-1].last
    assert status("tone").state is State.WAITING
    assert not redis_client.exists(keys.lease("stations/tone"))
    redis.close()
