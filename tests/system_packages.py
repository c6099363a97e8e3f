"""Installs the programs that tests need and that no wheel provides, on Debian if we are root.

Elsewhere it prints what is missing; tests that need it are skipped (and fail if CI=true).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

#: Programs, and the Debian packages that contain them.
PACKAGES = {
    "icecast2": "icecast2",  # a real radio station
    "chromium": "chromium",  # a real browser, driven by playwright
    "firefox-esr": "firefox-esr",  # another browser
    "pulseaudio": "pulseaudio",  # the sound server without which Firefox has no microphone
    "node": "nodejs",  # runs the tests of the page's modules
    "caddy": "caddy",  # the TLS proxies for which we provide configurations
    "nginx": "nginx-light",
}


def main() -> int:
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if not missing:
        return 0
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(f"undertext: not installed: {', '.join(missing)}; the tests that need them are skipped")
        return 0
    print(f"undertext: installing {', '.join(missing)} with apt-get (once)", flush=True)
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBCONF_NOWARNINGS": "yes",
        "RUNLEVEL": "1",  # packages must not start their daemons
    }
    subprocess.run(["apt-get", "-qq", "update"], env=environment, check=False)
    for package in missing:  # one at a time: a failure must not affect the others
        command = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", package]
        if subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode:
            print(f"undertext: {package} could not be installed; the tests that need it are skipped", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
