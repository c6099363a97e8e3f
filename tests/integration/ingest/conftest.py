"""Fixtures of a small world of radio; see `radio`."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis
from prometheus_client import CollectorRegistry

from ingest.context import Context
from ingest.media.web import make_client
from ingest.microphones.supervisor import MicrophoneSupervisor
from ingest.recordings.decoding import Decoding
from ingest.settings import Settings
from ingest.stations.supervisor import Supervisor
from tests.integration.ingest.fixture_types import Start
from tests.integration.ingest.radio import ICECAST_CONFIG, Icecast, Web, wait_for_port
from wire.bus import connect
from wire.chunk import Chunk
from wire.messages import Job, Kind, Station, Status
from wire.metrics import IngestMetrics
from wire.microphone import Microphones
from wire.queue import STREAMS
from wire.sources import Jobs, Stations, Statuses


@pytest.fixture(scope="session")
def icecast_server(free_port: Callable[[], int], need_program: Callable[..., str]) -> Iterator[tuple[int, Path]]:
    """Port and log folder of an Icecast without mounts."""
    program = need_program("icecast2", "icecast")
    need_program("ffmpeg")
    # Not below pytest's folders, which only their owner can access: Icecast refuses to run as root.
    folder, port = Path(tempfile.mkdtemp(prefix="icecast-")), free_port()
    owner = ""
    if os.geteuid() == 0:
        owner = "<security><changeowner><user>nobody</user><group>nogroup</group></changeowner></security>"
        shutil.chown(folder, "nobody", "nogroup")
    config = folder / "icecast.xml"
    # A new listener gets 4 s of an MP3 at once: ffmpeg probes 130 kB of a stream joined in the middle.
    config.write_text(ICECAST_CONFIG.format(port=port, folder=folder, owner=owner, burst=160_000))
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for_port(port, server, folder / "log")
        yield port, folder
    finally:
        server.terminate()
        server.wait(timeout=10)
        shutil.rmtree(folder)


@pytest.fixture
def icecast(icecast_server: tuple[int, Path]) -> Iterator[Icecast]:
    """An Icecast whose senders are stopped after the test."""
    world = Icecast(*icecast_server)
    yield world
    world.stop()


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[Any]:
    """A client of an empty Redis."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def chunks(redis_client: Any) -> Callable[[str], list[Chunk]]:
    """`chunks(source)` returns the queued chunks of a source, in order."""

    def read(source: str) -> list[Chunk]:
        found = []
        for stream in STREAMS:
            found += [Chunk.decode(fields) for _, fields in redis_client.xrange(stream)]
        return [chunk for chunk in found if chunk.source == source]

    return read


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server on loopback."""
    world = Web(0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            best = max((prefix for prefix in world.pages if path.startswith(prefix)), key=len, default=None)
            if best is None:
                self.send_error(404)
            else:
                world.pages[best](self)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    world.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield world
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def make_audio(tmp_path: Path, need_program: Callable[..., str]) -> Callable[..., Path]:
    """`make_audio("x.mp3", "-b:a", "64k", source="sine=…:duration=12")` generates a file with ffmpeg."""
    need_program("ffmpeg")

    def make(
        name: str, *options: str, source: str = "sine=frequency=440:duration=12", inputs: tuple[str, ...] = ()
    ) -> Path:
        path = tmp_path / name
        given = inputs or ("-f", "lavfi", "-i", source)
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *given, *options, str(path)], check=True)
        return path

    return make


@pytest.fixture
def context(redis_url: str, tmp_path: Path) -> Iterator[Context]:
    """The resources of a decoder of uploads; chunks of 5 s."""
    redis = connect(redis_url)
    settings = Settings(redis_url=redis_url, data_dir=str(tmp_path), chunk_s=5.0, lead_s=1.0)
    with make_client(5.0) as client:
        yield Context(redis, settings, IngestMetrics(CollectorRegistry()), client)
    redis.close()


@pytest.fixture
def decode(context: Context) -> Callable[..., Job]:
    """`decode(path)` decodes a job and returns its record."""

    def run(path: Path | str = "", **fields: Any) -> Job:
        jobs = Jobs(context.redis)
        jobs.save(Job("j", time.time(), filename="x", path=path.name if isinstance(path, Path) else path, **fields))
        Decoding("j", context).run()
        return jobs.get("j")

    return run


@pytest.fixture
def on_air(redis_url: str) -> Iterator[Callable[..., Supervisor]]:
    """`on_air(station, …)` runs the part of an ingest process that reads stations."""
    ended = []

    def start(*stations: Station, **settings: Any) -> Supervisor:
        chosen = Settings(redis_url=redis_url, chunk_s=1.0, lead_s=0.25, **{"stall_s": 20.0, "lease_s": 2.0} | settings)
        redis = connect(redis_url)
        register = Stations(redis)
        for station in stations:
            register.add(station)
        client = make_client(5.0)
        context = Context(redis, chosen, IngestMetrics(CollectorRegistry()), client, worker="ingest-0")
        supervisor = Supervisor(context, processes=lambda: 1)
        thread = threading.Thread(target=supervisor.run)
        thread.start()

        def end() -> None:
            context.stopping.set()
            thread.join()
            client.close()
            redis.close()

        ended.append(end)
        return supervisor

    yield start
    for end in ended:
        end()


@pytest.fixture
def start_microphones(redis_url: str) -> Iterator[Callable[..., None]]:
    """`start_microphones(max_microphones=…)` runs the part of an ingest process that reads microphones."""
    stop, threads, clients = threading.Event(), [], contextlib.ExitStack()

    def start(**settings: Any) -> None:
        redis, client = clients.enter_context(connect(redis_url)), clients.enter_context(make_client(5.0))
        chosen = Settings(redis_url=redis_url, chunk_s=1.0, lead_s=0.25, **settings)
        context = Context(redis, chosen, IngestMetrics(CollectorRegistry()), client, worker="ingest-0", stopping=stop)
        threads.append(threading.Thread(target=MicrophoneSupervisor(context).run))
        threads[-1].start()

    with clients:
        yield start
        stop.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def api(redis_client: Any) -> Microphones:
    """Microphones from the API's side."""
    return Microphones(redis_client)


@pytest.fixture
def status(redis_client: Any) -> Callable[[str], Status]:
    return lambda id: Statuses(redis_client).get(Kind.STATION, id)


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Start]:
    """`ingest(redis_url, NAME="value", …)` starts `python -m ingest`, or another program, without stations."""
    started: list[subprocess.Popen[bytes]] = []
    stations = tmp_path / "none.yml"
    stations.write_text("stations: []\n")

    def start(redis_url: str, *, program: Sequence[str] = ("-m", "ingest"), **environ: str) -> subprocess.Popen[bytes]:
        ours = {"STATIONS_FILE": str(stations), "DATA_DIR": str(tmp_path), "CHUNK_S": "1", "LEAD_S": "0.25"}
        ours |= {"REDIS_URL": redis_url, "LEASE_S": "2", "UPLOAD_WORKERS": "0"} | environ
        process = subprocess.Popen([sys.executable, *program], env={**os.environ, **ours})
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        process.terminate()
    for process in started:
        process.wait(timeout=20)
