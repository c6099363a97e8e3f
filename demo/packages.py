"""Runs pip with the versions pinned in constraints.txt, and shows its progress on a terminal."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from demo.environment import BIN, ROOT, InstallError

#: How pip's routine output lines begin; all others are about errors.
ROUTINE_LINES = (
    *("Looking in", "Collecting", "Processing", "Obtaining", "Requirement already", "Installing collected"),
    *("Downloading", "Using cached", "Preparing", "Getting requirements", "Building", "Created wheel", "━"),
)


def pip(*arguments: str) -> None:
    """Install packages; print pip's output only if it fails.

    Raises:
        InstallError: it failed; the message has the remedy, if known.
    """
    succeeded, errors = run_pip(*arguments)
    if succeeded:
        return
    print("\n".join(errors), file=sys.stderr)
    if re.search(r"Failed (to build|building)|command '.*(gcc|cc)' failed", "\n".join(errors)) and not (
        shutil.which("cc") or shutil.which("gcc")
    ):
        raise InstallError(
            "A package had to be compiled, but there is no C compiler: install one "
            "(on Debian and Ubuntu: apt-get install gcc python3-dev) and try again."
        )
    raise InstallError("pip could not install the packages that Undertext needs; its output is above.")


def run_pip(*arguments: str) -> tuple[bool, list[str]]:
    """Run `pip install`; return whether it succeeded, and its output without routine lines."""
    python, pins = str(BIN / "python"), str(ROOT / "constraints.txt")
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "-c", pins, *arguments]
    errors = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if not line.strip().startswith(ROUTINE_LINES):
                errors.append(line.rstrip())
            show(progress(line))
    show("")
    return running.returncode == 0, errors


def progress(line: str) -> str | None:
    """The progress in a line of pip's output, such as `downloading torch 2.13.0 (196.6 MB)`; None if there is none."""
    wheel = r"\s*Downloading (?:\S+/)?([^-\s]+)-([^-\s]+)-\S+\.whl \((.+)\)"
    source = r"\s*Downloading (?:\S+/)?(\S+)-([^-\s]+)\.(?:tar\.gz|zip) \((.+)\)"
    download = re.match(wheel, line) or re.match(source, line)
    if download:
        return f"downloading {download[1].replace('_', '-')} {download[2]} ({download[3]})"
    install = re.match(r"Installing collected packages: (.+)", line)
    return f"installing {install[1].count(',') + 1} packages" if install else None


def show(text: str | None) -> None:
    """Replace the progress line, on a terminal only. An empty text clears it; None leaves it unchanged."""
    if text is not None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        sys.stdout.write(("\r\033[K" + (text and f"  {text}"))[: width + len("\r\033[K")])
        sys.stdout.flush()
