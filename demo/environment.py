"""Creates the virtual environment .venv, including pip, with the first method that works on this machine.

Like all of demo.install, it runs under whatever `python3` the machine has, using only the standard library.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"


class InstallError(Exception):
    """The environment cannot be created. The message is for the user."""


def environment_runs() -> bool:
    """Return whether .venv has a working Python of this version and a working pip."""
    code = f"import sys, pip; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    try:
        done = subprocess.run([BIN / "python", "-c", code], stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return done.returncode == 0


def make_environment() -> None:
    """Create .venv, including pip, with the first method that works on this machine."""
    if environment_runs():
        return
    say(f"creating {VENV} with {sys.executable}")
    shutil.rmtree(VENV, ignore_errors=True)
    if not has_ensurepip():
        apt_get_install("python3-venv")  # if that fails, the next method is tried
    if run_quietly(sys.executable, "-m", "venv", str(VENV)):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if not run_quietly(sys.executable, "-m", "venv", "--without-pip", str(VENV)):
        raise InstallError(
            f"{sys.executable} cannot create a virtual environment: install Python's venv module "
            "(on Debian and Ubuntu: apt-get install python3-venv) and try again."
        )
    bootstrap_pip()


def has_ensurepip() -> bool:
    """Return whether `python -m venv` can install pip, which needs a separate package on Debian."""
    return run_quietly(sys.executable, "-c", "import ensurepip, venv")


def apt_get_install(*packages: str) -> None:
    """Install packages if this is Debian or Ubuntu and we are root. The caller checks whether that worked."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    say(f"installing {', '.join(packages)} with apt-get")
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBCONF_NOWARNINGS": "yes",
        "RUNLEVEL": "1",  # packages need not start their daemons
    }
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "-qq", *arguments], env=environment, stdout=subprocess.DEVNULL, check=False)


def bootstrap_pip() -> None:
    """Install pip into a .venv that has none, from its wheel on the configured package index."""
    index = index_url()
    if index is None:
        raise InstallError(
            f"{sys.executable} has no ensurepip: install it (on Debian and Ubuntu: apt-get install python3-venv), "
            "or set PIP_INDEX_URL to a package index, and try again."
        )
    page = index.rstrip("/") + "/pip/"
    try:
        with urllib.request.urlopen(page, timeout=30) as answer:
            link = newest_pip(answer.read().decode())
        if link is None:
            raise InstallError(f"The package index at {page} does not have pip.")
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
            f"{sys.executable} has no ensurepip, and pip could not be downloaded from {page} ({e}): "
            "install it (on Debian and Ubuntu: apt-get install python3-venv) and try again."
        ) from e


def newest_pip(page: str) -> str | None:
    """The link to the newest released wheel of pip on its package index page."""
    links = re.findall(r'href="([^"#]*/pip-([0-9]+(?:\.[0-9]+)*)-py3-none-any\.whl)', page)
    newest = max(links, key=lambda link: [int(part) for part in link[1].split(".")], default=None)
    return newest[0] if newest else None


def index_url() -> str | None:
    """The package index configured for pip, in its environment variable or configuration files."""
    if os.environ.get("PIP_INDEX_URL"):
        return os.environ["PIP_INDEX_URL"]
    files = ["/etc/xdg/pip/pip.conf", "/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf"]
    config = configparser.RawConfigParser(strict=False)
    config.read([os.path.expanduser(name) for name in files])
    return config.get("global", "index-url", fallback=None)


def run_quietly(*command: str) -> bool:
    """Return whether a command succeeds; discard its output."""
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return done.returncode == 0


def say(line: str) -> None:
    print(f"undertext: {line}", flush=True)
