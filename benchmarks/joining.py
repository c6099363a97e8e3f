"""`python -m benchmarks.joining`: time from connecting to a station to its first decoded audio.

A server sends a stream from somewhere in its middle, in real time, after an initial burst of 64 kB as sent by Icecast,
or without one. Our code resolves the address, probes it unless it is an MP3, and decodes it, with a separate connection
for each step; it is compared with plain ffmpeg, started without probing first.

mp3_first_audio_s, aac_first_audio_s, opus_first_audio_s    ours, without a burst; medians
mp3_ffmpeg_first_audio_s    plain ffmpeg
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tqdm import tqdm

from benchmarks.report import Row, arguments, report
from ingest.media.ffmpeg import Process, decode_command, find_program
from ingest.media.playlist import resolve
from ingest.media.probe import probe_url
from ingest.media.web import make_client

#: Content type, ffmpeg options, bytes per second, and the offset at which a listener joins; Ogg must begin with
#: headers.
STREAMS = {
    "mp3": ("audio/mpeg", ["-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3"], 16_000, 123_457),
    "aac": ("audio/aac", ["-c:a", "aac", "-b:a", "128k", "-f", "adts"], 16_000, 123_457),
    "opus": ("application/ogg", ["-c:a", "libopus", "-b:a", "64k", "-f", "ogg"], 8_000, 0),
}

BURSTS = (0, 65_536)

#: Duration of a stream and timeout, in seconds; repetitions of each measurement.
LENGTH_S, PATIENCE_S, TIMES = 90, 60.0, 3


class Radio(ThreadingHTTPServer):
    """Serves `/mp3`, `/aac` and `/opus`, followed by the size of the burst: `/mp3/65536`."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Sender, folder))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, encoding: str, burst: int) -> str:
        return f"http://127.0.0.1:{self.server_port}/{encoding}/{burst}"


class _Sender(BaseHTTPRequestHandler):
    def __init__(self, folder: Path, *rest: object) -> None:
        self._folder = folder
        super().__init__(*rest)  # type: ignore[arg-type]

    def log_message(self, format: str, *args: object) -> None:
        """Do not log requests."""

    def do_GET(self) -> None:
        _, encoding, burst = self.path.split("/")
        kind, _, bytes_per_s, begin = STREAMS[encoding]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("icy-name", "Benchmark")
        self.end_headers()
        data, begun_s = (self._folder / encoding).read_bytes(), time.monotonic()
        sent = begin
        try:
            while sent < len(data):
                until = begin + int(burst) + int((time.monotonic() - begun_s) * bytes_per_s)
                self.wfile.write(data[sent:until])
                sent = max(sent, until)
                time.sleep(0.05)
        except OSError:
            return  # the listener has disconnected


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(__doc__).parse_args(argv)
    times = 1 if options.quick else TIMES
    cases = list(itertools.product(STREAMS, BURSTS))
    with tempfile.TemporaryDirectory() as folder:
        for encoding in STREAMS:
            encode(Path(folder), encoding)
        with Radio(Path(folder)) as radio, tqdm(total=len(cases) * times * len(WAYS)) as progress:
            results = {case: measure(radio.url(*case), times, progress.update) for case in cases}
            radio.shutdown()
    rows: list[Row] = [
        {"stream": encoding, "burst bytes": burst, **{f"{name} s": seconds for name, seconds in by_way.items()}}
        for (encoding, burst), by_way in results.items()
    ]
    figures = {f"{encoding}_first_audio_s": results[encoding, 0]["ours"] for encoding in STREAMS}
    figures["mp3_ffmpeg_first_audio_s"] = results["mp3", 0]["ffmpeg"]
    report("From connecting to a station to its first audio (median)", rows, figures, options.json)
    return 0


def measure(url: str, times: int, done: Callable[[], object]) -> dict[str, float]:
    """The median of each way over `times` rounds."""
    results: dict[str, list[float]] = {name: [] for name in WAYS}
    for name, join in [*WAYS.items()] * times:
        results[name].append(join(url))
        done()
    return {name: statistics.median(seconds) for name, seconds in results.items()}


def encode(folder: Path, encoding: str) -> None:
    """Encode a stream; its content does not matter."""
    _, options, _, _ = STREAMS[encoding]
    sound = ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={LENGTH_S}", "-ac", "2"]
    command = [find_program("ffmpeg"), "-v", "error", *sound, *options, str(folder / encoding)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def ours(url: str) -> float:
    """Join as `ingest.stations.reader` does."""
    begun_s = time.monotonic()
    with make_client(PATIENCE_S) as client:
        address = resolve(url, client)
    if not address.probe:
        probe_url(address.url, live=True, timeout_s=PATIENCE_S)
    return _first(address.url, begun_s, address.format)


def plain_ffmpeg(url: str) -> float:
    """Join with plain ffmpeg, with our options but without the format."""
    return _first(url, time.monotonic())


def _first(url: str, begun_s: float, format: str = "") -> float:
    with Process(decode_command(url, remote=True, live=True, format=format)) as process:
        next(pcm for pcm in process.read(stall_s=PATIENCE_S) if pcm)
        return time.monotonic() - begun_s


WAYS: dict[str, Callable[[str], float]] = {"ours": ours, "ffmpeg": plain_ffmpeg}


if __name__ == "__main__":
    sys.exit(main())
