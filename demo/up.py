"""`make up` and `make down`: every service on this machine, under one supervisor.

python -m demo.up          start everything, print the address, stream the logs; Ctrl-C stops it
python -m demo.up --down   stop the running instance
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
from wire.settings import describe, load
from wire.workers import alive

ROOT = Path(__file__).resolve().parent.parent

EXAMPLES = """\
Each service also reads its own settings: docs/settings.md lists them.

examples:
  python -m demo.up
  PORT=9000 DEMO_PORT=9010 REDIS_PORT=9379 python -m demo.up
  MODEL=KBLab/kb-whisper-small TRANSCRIBERS=2 python -m demo.up
  python -m demo.up --down"""

#: How long `make down` waits for everything to stop, in seconds.
DOWN_TIMEOUT_S = 60.0

#: Routine messages that Redis logs as warnings at every start and stop.
REDIS_ROUTINE_LINES = re.compile(
    r"oO0OoO0OoO0Oo|Redis version=|Configuration loaded|Server initialized|Memory overcommit|"
    r"Received SIGTERM|User requested shutdown|ready to exit"
)


def main(argv: list[str] | None = None) -> int:
    """Run the command line. Expected errors print one message and exit with code 1."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.up",
        description="Run all Undertext services on this machine, like `make up`; Ctrl-C stops them.",
        epilog=f"environment variables and their defaults:\n{describe(Settings)}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--down", action="store_true", help="stop the instance with the same DATA_DIR, like `make down`"
    )
    options = parser.parse_args(argv)
    os.chdir(ROOT)
    # Programs from wheels (ffmpeg) are linked next to our Python; the system's take precedence.
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
    """Start everything and run until stopped."""
    if "MAKELEVEL" in os.environ:  # `make` may be killed without signalling us
        leash.hold(os.getppid())
    preflight.check_folder("DATA_DIR", Path(settings.data_dir))
    with _pid_file(settings) as pid_file:
        if not _lock(pid_file):
            raise PreflightError(
                f"Undertext is already running (process {pid_file.read().strip() or 'unknown'}): stop it with "
                "`make down`, or set a different DATA_DIR, PORT, DEMO_PORT and REDIS_PORT for this one."
            )
        pid_file.truncate(0)
        pid_file.write(f"{os.getpid()}\n")
        pid_file.flush()
        check(settings)
        return supervise(settings)


def check(settings: Settings) -> None:
    """Raise PreflightError for the first problem found."""
    preflight.check_programs()
    check_ports(settings)
    if settings.redis_url:
        preflight.check_redis(settings.redis_url)
    else:
        preflight.find_redis_server()
    preflight.check_model(settings.model)


def supervise(settings: Settings) -> int:
    """Run the services until a signal arrives; return 0 if all of them became ready."""
    supervisor = Supervisor(services(settings), start_timeout_s=settings.start_timeout_s)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup ignores SIGHUP; keep it ignored.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: supervisor.request_stop())
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=watch_make, args=(os.getppid(), supervisor), daemon=True).start()
    began = time.monotonic()
    try:
        supervisor.start()
        if not supervisor.stopping:
            line = f"Undertext is on air: {address(settings)}"
            ready = f"ready after {time.monotonic() - began:.0f} s; stop it with Ctrl-C or `make down`"
            print(f"\n  {line}\n  {ready}\n", flush=True)
        supervisor.run()
    finally:
        supervisor.stop()
    print("undertext: stopped", flush=True)
    return 0


def watch_make(make: int, supervisor: Supervisor) -> None:
    """Stop if `make` was interrupted but this process was not.

    Ctrl-C reaches both. A SIGINT sent only to make does not reach this process, and make then waits for it forever in
    its handler (fatal_error_signal in GNU make's commands.c). Meanwhile, SIGINT stays blocked in make.
    """
    bit = 1 << (signal.SIGINT - 1)
    blocked = 0
    while blocked < 2 and not supervisor.stopping:
        time.sleep(0.5)
        try:
            status = Path(f"/proc/{make}/status").read_text()
        except OSError:  # no /proc, or make has exited, which the leash handles
            return
        mask = re.search(r"^SigBlk:\s*([0-9a-f]+)", status, re.MULTILINE)
        blocked = blocked + 1 if mask and int(mask[1], 16) & bit else 0
    if not supervisor.stopping:  # a second request would kill services that are stopping
        supervisor.request_stop()


def down(settings: Settings) -> int:
    """Stop the `make up` that holds the pid file."""
    if not _pid_path(settings).exists():
        print("undertext: nothing is running")
        return 0
    with _pid_file(settings) as pid_file:
        if _lock(pid_file):
            print("undertext: nothing is running")
            return 0
        pid = int(pid_file.read() or 0)
        if not pid:  # it holds the lock but has not written its pid yet
            raise StartError("Undertext is just starting. Try again.")
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + DOWN_TIMEOUT_S
        while not _lock(pid_file):
            if time.monotonic() > until:
                raise StartError(f"Process {pid} did not stop within {DOWN_TIMEOUT_S:g} s. Kill it.")
            time.sleep(0.1)
    print("undertext: stopped")
    return 0


# --- services -----------------------------------------------------------------------------------


def services(settings: Settings) -> list[Service]:
    """All services, with the environment that lets them find each other."""
    environ = environment(settings)
    redis = connect(environ["REDIS_URL"], patience_s=0.1)
    python = sys.executable

    def ping() -> bool:
        return bool(redis.ping())

    def workers(service: str, count: int) -> Callable[[], bool]:
        return lambda: sum(name.startswith(f"{service}-") for name in alive(redis)) >= count

    started = [
        Service(
            "station",
            (python, "-m", "demo.station"),
            lambda: responds(f"http://127.0.0.1:{settings.demo_port}/healthz"),
            tier=1,
            # Independent of the API's HOST: stations.yml refers to the station by its loopback address.
            environ={**environ, "HOST": "127.0.0.1"},
        ),
        Service("ingest", (python, "-m", "ingest"), workers("ingest", 1), tier=2, environ=environ),
        Service("api", (python, "-m", "api"), lambda: responds(f"{address(settings)}/readyz"), tier=2, environ=environ),
    ]
    for number in range(1, settings.transcribers + 1):
        name = "transcriber" if settings.transcribers == 1 else f"transcriber-{number}"
        # One thread per process: two processes with one thread each are faster than one process with two.
        threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or "1"}
        ready = workers("transcriber", settings.transcribers)
        command = (python, "-m", "transcriber")
        started.append(Service(name, command, ready, tier=2, environ={**environ, **threads}))
    if not settings.redis_url:
        started.insert(0, Service("redis", redis_command(settings), ping, tier=0, hide=REDIS_ROUTINE_LINES))
    return started


def environment(settings: Settings) -> Mapping[str, str]:
    """Variables for the services, in addition to the user's environment."""
    embedded_redis = f"redis://127.0.0.1:{settings.redis_port}/0"
    return {
        "REDIS_URL": settings.redis_url or embedded_redis,
        "HOST": settings.host,
        "PORT": str(settings.port),
        "DEMO_PORT": str(settings.demo_port),
        # Used in stations.yml.
        "DEMO_URL": f"http://127.0.0.1:{settings.demo_port}/stream.mp3",
        "DEMO_LISTEN_URL": f"http://127.0.0.1:{settings.demo_port}/stream.mp3",
        "DATA_DIR": settings.data_dir,
        "MODEL": settings.model,
        "STATIONS_FILE": settings.stations_file,
        "PYTHONUNBUFFERED": "1",
    }


def redis_command(settings: Settings) -> tuple[str, ...]:
    """The embedded Redis: listens on loopback only, syncs writes to disk every second."""
    folder = Path(settings.data_dir) / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    return (
        preflight.find_redis_server(),
        *("--bind", "127.0.0.1", "--port", str(settings.redis_port)),
        *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        # Setting a process title would overwrite the environment in /proc, which identifies whose Redis it is.
        *("--daemonize", "no", "--loglevel", "warning", "--set-proc-title", "no"),
    )


def address(settings: Settings) -> str:
    """The address of the page for a browser on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    return f"http://{host}:{settings.port}"


def responds(url: str) -> bool:
    """Return whether `url` responds with status 200; raise OSError for HTTP errors and connection failures."""
    with urllib.request.urlopen(url, timeout=3) as response:
        return bool(response.status == 200)


# --- the pid file: locked while its process lives, so that a stale one is detected --------------


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
