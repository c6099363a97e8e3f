"""`make up`, `make transcribers` and `make down`: the services on this machine, under one supervisor.

python -m demo.up                  start everything, print the address, stream the logs; Ctrl-C stops it
python -m demo.up --transcribers   start only transcribers, which work for the system whose Redis is REDIS_URL
python -m demo.up --down           stop the running instance
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
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from demo import leash, preflight
from demo.ports import PreflightError, check_ports
from demo.services import address, services, transcribers
from demo.settings import Settings
from demo.supervisor import Service, StartError, Supervisor
from wire.errors import SettingsError
from wire.settings import describe, load

ROOT = Path(__file__).resolve().parent.parent

EXAMPLES = """\
Each service also reads its own settings: docs/settings.md lists them.

examples:
  python -m demo.up
  PORT=9000 DEMO_PORT=9010 REDIS_PORT=9379 python -m demo.up
  MODEL=KBLab/kb-whisper-small TRANSCRIBERS=2 python -m demo.up
  REDIS_URL=redis://:password@10.0.0.5:6379/0 MODEL=KBLab/kb-whisper-large python -m demo.up --transcribers
  python -m demo.up --down"""

#: How long `make down` waits for everything to stop, in seconds.
DOWN_TIMEOUT_S = 60.0


def main(argv: list[str] | None = None) -> int:
    """Run the command line. Expected errors print one message and exit with code 1."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.up",
        description="Run all Undertext services on this machine, like `make up`, or only transcribers, like "
        "`make transcribers`; Ctrl-C stops them.",
        epilog=f"environment variables and their defaults:\n{describe(Settings)}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--down", action="store_true", help="stop the instance with the same DATA_DIR, like `make down`")
    which.add_argument(
        "--transcribers", action="store_true", help="run only transcribers, for the system whose Redis is REDIS_URL"
    )
    options = parser.parse_args(argv)
    os.chdir(ROOT)
    # Programs from wheels (ffmpeg) are linked next to our Python; the system's take precedence.
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    try:
        preflight.check_variables(os.environ.get("MAKEFLAGS", ""))
        settings = load(Settings, os.environ)
        settings = dataclasses.replace(settings, data_dir=str(Path(settings.data_dir).expanduser().absolute()))
        return down(settings) if options.down else up(settings, only_transcribers=options.transcribers)
    except (SettingsError, PreflightError, StartError) as e:
        print(f"undertext: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def up(settings: Settings, *, only_transcribers: bool = False) -> int:
    """Start everything, or only transcribers, and run until stopped."""
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
        if only_transcribers:
            check_transcribers(settings)
            news = f"Transcribing for the system at {preflight.without_password(settings.redis_url)}"
            return supervise(settings, transcribers(settings), news)
        check(settings)
        news = f"Undertext is on air: {address(settings)}"
        if not settings.transcribers:
            news += "\n  it has no transcriber here: start some on other machines with `make transcribers`"
        return supervise(settings, services(settings), news)


def check(settings: Settings) -> None:
    """Raise PreflightError for the first problem found."""
    preflight.check_programs()
    check_ports(settings)
    if settings.redis_url:
        preflight.check_redis(settings.redis_url, ", or unset REDIS_URL to let `make up` start its own")
        preflight.check_alone(settings.redis_url)
    else:
        preflight.find_redis_server()
    if settings.transcribers:
        preflight.check_model(settings.model)


def check_transcribers(settings: Settings) -> None:
    """Raise PreflightError for the first problem of a machine that only transcribes."""
    if not settings.redis_url:
        raise PreflightError(
            "Set REDIS_URL to the Redis of the system to transcribe for: redis://:password@host:6379/0."
        )
    if not settings.transcribers:
        raise PreflightError("TRANSCRIBERS=0 leaves nothing to start.")
    preflight.check_redis(settings.redis_url)
    preflight.check_model(settings.model)
    if not preflight.has_system(settings.redis_url):
        shown = preflight.without_password(settings.redis_url)
        print(f"undertext: waiting for work: no Undertext uses REDIS_URL={shown} at the moment", file=sys.stderr)


def supervise(settings: Settings, started: Sequence[Service], news: str) -> int:
    """Run services until a signal arrives; print `news` and return 0 if all of them became ready."""
    supervisor = Supervisor(started, start_timeout_s=settings.start_timeout_s)
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
            ready = f"ready after {time.monotonic() - began:.0f} s; stop it with Ctrl-C or `make down`"
            print(f"\n  {news}\n  {ready}\n", flush=True)
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
    nothing = f"undertext: nothing is running with DATA_DIR={settings.data_dir}"
    if not _pid_path(settings).exists():
        print(nothing)
        return 0
    with _pid_file(settings) as pid_file:
        if _lock(pid_file):
            print(nothing)
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
    print(f"undertext: stopped the instance with DATA_DIR={settings.data_dir}")
    return 0


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
