"""Take the README's screenshots of the page: the demo station, and a recording.

    sed 21q stations.yml > demo.yml; make up STATIONS_FILE=demo.yml     # only the demo station
    python docs/make_pictures.py [http://127.0.0.1:8000]

Requires the dependencies of the tests (`make venv`) and Debian's Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect, sync_playwright

FOLDER = Path(__file__).resolve().parent

#: Length of the recording taken from the station, in seconds.
RECORDING_S = 30


def main(url: str) -> None:
    """Take both screenshots of the page at `url`."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 640})
        radio(page, url)
        recording(page, url, recorded(url, Path(folder) / "Bulletin.mp3"))
        browser.close()


def radio(page: Page, url: str) -> None:
    """The demo station with live captions."""
    page.goto(f"{url}/#radio/demo")
    expect(page.locator(".lines .caption").nth(8)).to_be_visible(timeout=120_000)
    expect(page.locator(".lines .provisional")).to_be_visible(timeout=30_000)
    page.screenshot(path=FOLDER / "radio.png")


def recording(page: Page, url: str, path: Path) -> None:
    """A recording with its player, and a line being corrected."""
    page.goto(f"{url}/#file")
    page.set_input_files("input[type=file]", path)
    page.get_by_role("button", name="Caption it").click()
    expect(page.get_by_role("group", name="Download captions")).to_contain_text("Download", timeout=120_000)
    line = page.locator(".lines p").nth(1)
    line.hover()
    line.locator(".correct").click()
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=FOLDER / "recording.png")


def recorded(url: str, path: Path) -> Path:
    """Record the demo station into the file `path`; return it."""
    listen_url = httpx.get(f"{url}/stations/demo").raise_for_status().json()["listen_url"]
    until_s = time.monotonic() + RECORDING_S
    with httpx.stream("GET", listen_url) as stream, path.open("wb") as file:
        for data in stream.iter_bytes():
            file.write(data)
            if time.monotonic() > until_s:
                break
    return path


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["http://127.0.0.1:8000"])
