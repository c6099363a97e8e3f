"""`make up` and `make down`: every service on this machine, under one supervisor.

python -m demo.up          start everything, print the address, stream the logs; Ctrl-C stops it
python -m demo.up --down   stop the one that runs
"""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import os
import re
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from demo import leash, preflight
from demo.ports import PreflightError, check_ports
from demo.settings import Settings
from demo.supervisor import Service, StartError, Supervisor
from wire.bus import connect
from wire.errors import SettingsError
from wire.settings import load
from wire.workers import alive

ROOT = Path(__file__).resolve().parent.parent

#: How long `make down` waits for everything to stop, in seconds.
DOWN_TIMEOUT_S = 60.0

#: What Redis says at every start and stop, on its highest log level.
REDIS_SMALL_TALK = re.compile(
    r"oO0OoO0OoO0Oo|Redis version=|Configuration loaded|Server initialized|Memory overcommit|"
    r"Received SIGTERM|User requested shutdown|ready to exit"
)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; every problem that can be foreseen is one sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="demo.up", description="Every Undertext service on this machine.")
    parser.add_argument("--down", action="store_true", help="stop the one that runs")
    options = parser.parse_args(argv)
    os.chdir(ROOT)
    # Programs out of wheels (ffmpeg) are linked beside our Python; the system's own come first.
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    try:
        settings = load(Settings, os.environ)
        settings = dataclasses.replace(settings, data_dir=str(Path(settings.data_dir).expanduser().absolute()))
        return down(settings) if options.down else up(settings)
    except (SettingsError, PreflightError, StartError) as e:
        print(f"undertext: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def up(settings: Settings) -> int:
    """Starts everything and stays until it is told to stop."""
    if "MAKELEVEL" in os.environ:  # `make` may be killed without telling us
        leash.hold(os.getppid())
    preflight.check_folder("DATA_DIR", Path(settings.data_dir))
    with _pid_file(settings) as pid_file:
        if not _lock(pid_file):
            raise PreflightError(
                f"Undertext runs already (process {pid_file.read().strip() or 'unknown'}): `make down` stops it, "
                "or give this one its own DATA_DIR, PORT, DEMO_PORT and REDIS_PORT."
            )
        pid_file.truncate(0)
        pid_file.write(f"{os.getpid()}\n")
        pid_file.flush()
        check(settings)
        return supervise(settings)


def check(settings: Settings) -> None:
    """Raises PreflightError for the first thing that is in the way."""
    preflight.check_programs()
    check_ports(settings)
    if settings.redis_url:
        preflight.check_redis(settings.redis_url)
    else:
        preflight.find_redis_server()
    preflight.check_model(settings.model)


def supervise(settings: Settings) -> int:
    """Runs the services until a signal comes; exit code 0 if they were ready once."""
    supervisor = Supervisor(services(settings), start_timeout_s=settings.start_timeout_s)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup asks not to hear of SIGHUP.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: supervisor.request_stop())
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=heed_make, args=(os.getppid(), supervisor), daemon=True).start()
    began = time.monotonic()
    try:
        supervisor.start()
        if not supervisor.stopping:
            line = f"Undertext is on air: {address(settings)}"
            ready = f"ready after {time.monotonic() - began:.0f} s; Ctrl-C or `make down` stops it"
            print(f"\n  {line}\n  {ready}\n", flush=True)
        supervisor.run()
    finally:
        supervisor.stop()
    print("undertext: stopped", flush=True)
    return 0


def heed_make(make: int, supervisor: Supervisor) -> None:
    """Stops when `make` was interrupted and we were not.

    Ctrl-C reaches both. A SIGINT sent to make alone does not reach us, and make then waits for us for ever, inside its
    handler (fatal_error_signal in GNU make's commands.c), which shows in that the signal stays blocked there.
    """
    bit = 1 << (signal.SIGINT - 1)
    blocked = 0
    while blocked < 2 and not supervisor.stopping:
        time.sleep(0.5)
        try:
            status = Path(f"/proc/{make}/status").read_text()
        except OSError:  # no /proc here, or make has gone, of which the leash tells
            return
        mask = re.search(r"^SigBlk:\s*([0-9a-f]+)", status, re.MULTILINE)
        blocked = blocked + 1 if mask and int(mask[1], 16) & bit else 0
    if not supervisor.stopping:  # a second request would kill what is stopping
        supervisor.request_stop()


def down(settings: Settings) -> int:
    """Stops the `make up` that holds the pid file."""
    if not _pid_path(settings).exists():
        print("undertext: nothing is running")
        return 0
    with _pid_file(settings) as pid_file:
        if _lock(pid_file):
            print("undertext: nothing is running")
            return 0
        pid = int(pid_file.read() or 0)
        if not pid:  # it holds the lock and has not written yet
            raise StartError("Undertext is only just starting: try again.")
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + DOWN_TIMEOUT_S
        while not _lock(pid_file):
            if time.monotonic() > until:
                raise StartError(f"Process {pid} has not stopped after {DOWN_TIMEOUT_S:g} s: kill it.")
            time.sleep(0.1)
    print("undertext: stopped")
    return 0


# --- what is started ----------------------------------------------------------------------------


def services(settings: Settings) -> list[Service]:
    """Every process, with the environment that makes them find each other."""
    environ = environment(settings)
    redis = connect(environ["REDIS_URL"], patience_s=0.1)
    python = sys.executable

    def ping() -> bool:
        return bool(redis.ping())

    def workers(service: str, count: int) -> Callable[[], bool]:
        return lambda: sum(name.startswith(f"{service}-") for name in alive(redis)) >= count

    kept = [
        Service(
            "station",
            (python, "-m", "demo.station"),
            lambda: answers(f"http://127.0.0.1:{settings.demo_port}/healthz"),
            tier=1,
            # Wherever the API listens: stations.yml names the station by its address on this machine.
            environ={**environ, "HOST": "127.0.0.1"},
        ),
        Service("ingest", (python, "-m", "ingest"), workers("ingest", 1), tier=2, environ=environ),
        Service("api", (python, "-m", "api"), lambda: answers(f"{address(settings)}/readyz"), tier=2, environ=environ),
    ]
    for number in range(1, settings.transcribers + 1):
        name = "transcriber" if settings.transcribers == 1 else f"transcriber-{number}"
        # One thread a process: two processes with a thread each do more than one with two.
        threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or "1"}
        ready = workers("transcriber", settings.transcribers)
        own = {**environ, **threads}
        kept.append(Service(name, (python, "-m", "transcriber"), ready, tier=2, environ=own))
    if not settings.redis_url:
        kept.insert(0, Service("redis", redis_command(settings), ping, tier=0, hide=REDIS_SMALL_TALK))
    return kept


def environment(settings: Settings) -> Mapping[str, str]:
    """What the services are told, beside what the user's environment says."""
    own_redis = f"redis://127.0.0.1:{settings.redis_port}/0"
    return {
        "REDIS_URL": settings.redis_url or own_redis,
        "HOST": settings.host,
        "PORT": str(settings.port),
        "DEMO_PORT": str(settings.demo_port),
        # stations.yml asks for these two.
        "DEMO_URL": f"http://127.0.0.1:{settings.demo_port}/stream.mp3",
        "DEMO_LISTEN_URL": f"http://127.0.0.1:{settings.demo_port}/stream.mp3",
        "DATA_DIR": settings.data_dir,
        "MODEL": settings.model,
        "STATIONS_FILE": settings.stations_file,
        "PYTHONUNBUFFERED": "1",
    }


def redis_command(settings: Settings) -> tuple[str, ...]:
    """Our own Redis: on loopback only, every write kept within a second."""
    folder = Path(settings.data_dir) / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    return (
        preflight.find_redis_server(),
        *("--bind", "127.0.0.1", "--port", str(settings.redis_port)),
        *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        # A title would wipe out the environment that /proc shows, by which one finds whose Redis it is.
        *("--daemonize", "no", "--loglevel", "warning", "--set-proc-title", "no"),
    )


def address(settings: Settings) -> str:
    """Where a browser on this machine finds the page."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    return f"http://{host}:{settings.port}"


def answers(url: str) -> bool:
    """Whether `url` answers 200; raises OSError for anything else."""
    with urllib.request.urlopen(url, timeout=3) as answer:
        return bool(answer.status == 200)


# --- the pid file: locked for as long as its writer lives, so a stale one is never believed -----


def _pid_path(settings: Settings) -> Path:
    return Path(settings.data_dir) / "up.pid"


def _pid_file(settings: Settings) -> IO[str]:
    path = _pid_path(settings)
    path.touch()
    return path.open("r+")


def _lock(pid_file: IO[str]) -> bool:
    try:
        fcntl.flock(pid_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
