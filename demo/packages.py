"""pip, with the versions that constraints.txt names; on a terminal, a line that changes says how far it is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from demo.environment import BIN, ROOT, InstallError

#: What pip says of its ordinary work; the rest of its words are about what went wrong.
SMALL_TALK = (
    *("Looking in", "Collecting", "Processing", "Obtaining", "Requirement already", "Installing collected"),
    *("Downloading", "Using cached", "Preparing", "Getting requirements", "Building", "Created wheel", "━"),
)


def pip(*arguments: str) -> None:
    """Installs; shows pip's own words only when it fails.

    Raises:
        InstallError: it failed; the sentence says what to do, where that is known.
    """
    worked, words = run_pip(*arguments)
    if worked:
        return
    print("\n".join(words), file=sys.stderr)
    if re.search(r"Failed (to build|building)|command '.*(gcc|cc)' failed", "\n".join(words)) and not (
        shutil.which("cc") or shutil.which("gcc")
    ):
        raise InstallError(
            "A package had to be compiled and there is no C compiler: install one "
            "(on Debian and Ubuntu: apt-get install gcc python3-dev) and try again."
        )
    raise InstallError("pip could not install what Undertext needs; its own words are above.")


def run_pip(*arguments: str) -> tuple[bool, list[str]]:
    """Whether pip could install, and what it said beside small talk."""
    python, pins = str(BIN / "python"), str(ROOT / "constraints.txt")
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "-c", pins, *arguments]
    words = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if not line.strip().startswith(SMALL_TALK):
                words.append(line.rstrip())
            show(progress(line))
    show("")
    return running.returncode == 0, words


def progress(line: str) -> str | None:
    """What a line of pip's says of how far it is, such as `fetching torch 2.13.0 (196.6 MB)`; None if nothing."""
    wheel = r"\s*Downloading (?:\S+/)?([^-\s]+)-([^-\s]+)-\S+\.whl \((.+)\)"
    source = r"\s*Downloading (?:\S+/)?(\S+)-([^-\s]+)\.(?:tar\.gz|zip) \((.+)\)"
    fetched = re.match(wheel, line) or re.match(source, line)
    if fetched:
        return f"fetching {fetched[1].replace('_', '-')} {fetched[2]} ({fetched[3]})"
    unpacked = re.match(r"Installing collected packages: (.+)", line)
    return f"unpacking {unpacked[1].count(',') + 1} packages" if unpacked else None


def show(words: str | None) -> None:
    """Writes over the line that was shown before, on a terminal alone; an empty text takes it away."""
    if words is not None and sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - 1
        sys.stdout.write(("\r\033[K" + (words and f"  {words}"))[: room + len("\r\033[K")])
        sys.stdout.flush()
