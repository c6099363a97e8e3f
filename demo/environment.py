"""The virtual environment .venv: made, with pip in it, by the first of the ways that this machine allows.

Runs under whatever `python3` the machine has, with the standard library alone, as all that demo.install does.
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
    """The environment cannot be made; the message is for the user, one sentence."""


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


def run_quietly(*command: str) -> bool:
    """Whether a command succeeds; its words are dropped."""
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return done.returncode == 0


def say(line: str) -> None:
    print(f"undertext: {line}", flush=True)
