"""The ingest process: reads stations and microphones, and runs the processes that decode uploads."""

from __future__ import annotations

import argparse
import logging
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry

from ingest.context import Context
from ingest.media.ffmpeg import find_program
from ingest.media.web import make_client
from ingest.microphones.supervisor import MicrophoneSupervisor
from ingest.presence import register_worker
from ingest.settings import Settings
from ingest.speech.speech_detector import make_detectors
from ingest.stations import stations_file
from ingest.stations.supervisor import SERVICE, Supervisor
from wire.bus import connect
from wire.errors import SettingsError
from wire.messages import Station
from wire.metrics import IngestMetrics
from wire.settings import describe, load
from wire.sources import Stations
from wire.stopping import stop_on_signals

log = logging.getLogger(__name__)

#: A decoder that has exited is restarted after this time, in seconds.
RESTART_S = 2.0

#: Decoders and threads that do not stop within this time are killed, in seconds. Other processes continue their work.
STOP_S = 5.0

#: Time-out of Redis commands, in seconds: longer than our longest blocking read, and short enough for a quick shutdown.
REDIS_TIMEOUT_S = 4.0

ABOUT = """\
Reads stations, uploads and microphones and cuts them into chunks for the transcribers.

Stations are defined in stations.yml and through the API. Run as many of these processes as you like, on any number of
machines: they share the stations, and if one dies, the others take over its stations. Uploads are decoded by child
processes (UPLOAD_WORKERS), which need access to the API's uploads folder (DATA_DIR)."""

EXAMPLES = """\
examples:
  python -m ingest
  python -m ingest --check
  STATIONS_FILE=my-stations.yml UPLOAD_WORKERS=0 python -m ingest

Exit codes: 0 stopped on request, 1 failed while running, 2 a setting is invalid (the message names it)."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line. Exit code 1: it failed while running; 2: a setting is invalid."""
    parser = argparse.ArgumentParser(
        prog="python -m ingest",
        description=ABOUT,
        epilog="environment variables and their defaults:\n" + describe(Settings) + "\n\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="check the settings and stations.yml, then exit")
    options = parser.parse_args(argv)
    try:
        settings = load(Settings, os.environ)
        seeds = read_stations(settings)
        find_program("ffmpeg"), find_program("ffprobe")
    except SettingsError as error:
        print(f"ingest: {error}", file=sys.stderr)
        return 2
    if options.check:
        print(f"ingest: the settings are valid; {len(seeds)} stations in {settings.stations_file}")
        return 0
    logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # A station has at least four files open: two pipes of its ffmpeg, and both ends of the relay's connection.
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    stop = threading.Event()
    stop_on_signals(stop.set)
    return run(settings, seeds, stop)


def read_stations(settings: Settings) -> list[Station]:
    """The stations of STATIONS_FILE; none if there is no such file.

    Raises:
        SettingsError: an entry is invalid, or there are too many.
    """
    path = Path(settings.stations_file)
    if not path.exists():
        print(f"ingest: {path} does not exist: only stations added through the API are read", file=sys.stderr)
        return []
    stations = stations_file.read(path, os.environ)
    if len(stations) > settings.max_stations:
        raise SettingsError(f"{path} has {len(stations)} stations, more than MAX_STATIONS={settings.max_stations}")
    return stations


def run(settings: Settings, seeds: list[Station], stop: threading.Event) -> int:
    """Ingest until `stop` is set; return the exit code."""
    failed = threading.Event()
    redis = connect(settings.redis_url, timeout_s=REDIS_TIMEOUT_S)
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    make_detector = make_detectors(settings)
    registered = register_worker(redis, SERVICE, registry, stop)
    if registered is None:
        return 0
    with make_client(settings.connect_timeout_s) as client, registered as worker:
        Stations(redis, limit=settings.max_stations).seed(seeds)
        context = Context(redis, settings, metrics, client, make_detector, worker.name, stop, worker.clock)
        stations, microphones = Supervisor(context, seeds=seeds), MicrophoneSupervisor(context)
        threads = [
            threading.Thread(target=run_thread, args=(stations.run, stop, failed), name="supervisor"),
            threading.Thread(target=run_thread, args=(microphones.run, stop, failed), name="microphones"),
        ]
        for thread in threads:
            thread.start()
        log.info("%s is ready; %d stations in %s", worker.name, len(seeds), settings.stations_file)
        try:
            supervise_decoders(settings.upload_workers, stop)
        finally:
            stop.set()
            until_s = time.monotonic() + STOP_S + 2
            for thread in threads:
                thread.join(max(0.1, until_s - time.monotonic()))
            if any(thread.is_alive() for thread in threads):
                # redis-py would retry for minutes. The kernel kills our ffmpeg processes, and leases expire.
                log.warning("stopped without releasing leases, as Redis does not respond")
                logging.shutdown()
                os._exit(int(failed.is_set()))
    log.info("stopped")
    return int(failed.is_set())


def run_thread(work: Callable[[], None], stop: threading.Event, failed: threading.Event) -> None:
    """Run a thread's `work`; if it fails, stop the process, to be restarted.

    While the process has a heartbeat, others leave it its share of the stations, which no process would read.
    """
    try:
        work()
    except Exception:
        log.exception("unexpected error")
        failed.set()
    finally:
        stop.set()


def supervise_decoders(count: int, stop: threading.Event) -> None:
    """Keep `count` decoders running until `stop` is set, then terminate them."""
    children = [start_decoder() for _ in range(count)]
    try:
        while not stop.wait(RESTART_S):
            for n, child in enumerate(children):
                if child.poll() is None:
                    continue
                if child.returncode:  # otherwise Redis is unavailable, which the next one logs
                    log.warning("a decoder exited with code %d; starting another", child.returncode)
                children[n] = start_decoder()
    finally:
        for child in children:
            child.terminate()
        until_s = time.monotonic() + STOP_S
        for child in children:
            try:
                child.wait(timeout=max(0.1, until_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def start_decoder() -> subprocess.Popen[bytes]:
    """Start a decoder process. It dies with this thread; its separate session keeps Ctrl-C from it, so we stop it."""
    command = [sys.executable, "-m", "ingest.recordings.decoder", str(os.getpid())]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
