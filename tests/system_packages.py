"""Installs the programs that tests drive and that no wheel carries, on a Debian where we are root.

Elsewhere it says what is missing; the tests that need it then skip (and fail where CI=true).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

#: Program, and the Debian package that has it.
PACKAGES = {
    "icecast2": "icecast2",  # a real radio station
    "chromium": "chromium",  # a real browser, driven by playwright
    "firefox-esr": "firefox-esr",  # another
    "pulseaudio": "pulseaudio",  # the sound output without which that hears no microphone
    "node": "nodejs",  # runs the tests of the page's modules
    "caddy": "caddy",  # the proxies with TLS that we have configurations for
    "nginx": "nginx-light",
}


def main() -> int:
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if not missing:
        return 0
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(f"undertext: not installed here: {', '.join(missing)}; the tests that need them are skipped")
        return 0
    print(f"undertext: installing {', '.join(missing)} with apt-get (once)", flush=True)
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBCONF_NOWARNINGS": "yes",
        "RUNLEVEL": "1",  # a package that brings a daemon must not start it
    }
    subprocess.run(["apt-get", "-qq", "update"], env=environment, check=False)
    for package in missing:  # each for itself: one that fails must not keep the others away
        command = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", package]
        if subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode:
            print(f"undertext: {package} could not be installed; the tests that need it are skipped", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
