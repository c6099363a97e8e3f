"""`python -m benchmarks.stations`: how many stations this machine can caption, and how late, with and without viewers.

It starts its own system (as `make up` does, all on this machine) and adds more and more stations: each is the demo
station's stream, separately read, decoded, searched for speech and transcribed. Each number of stations is measured
twice: without viewers, and with one viewer per station on a socket, so that partial chunks are decoded when there is
time. It stops at the first number at which captions are too late.

lag p50, lag p95   from the end of a chunk's audio to its captions, in seconds, from the transcribers' metrics
shown p50, p95     from a word's end to its first caption on a socket, in seconds; with viewers
shed %             audio that was too old to be transcribed

stations_at_5_s    the most stations with a lag p95 of at most --most-lag (5 s) and nothing shed
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import httpx
import simple_websocket
from prometheus_client.parser import text_string_to_metric_families
from simple_websocket.errors import SimpleWebsocketError
from tqdm import tqdm

from benchmarks.report import Row, arguments, report
from benchmarks.running import NotRunning, System, own_system

#: Numbers of stations to try.
NUMBERS, QUICK_NUMBERS = (1, 5, 10, 15, 20, 30, 40, 60, 80, 100), (2,)

#: Time to settle before a measurement, and durations of a measurement, in seconds.
SETTLE_S, MEASURE_S, QUICK_S = 25.0, 45.0, 12.0

_DEFAULT = " ".join(map(str, NUMBERS))

_LAG, _SHED = "undertext_caption_commit_latency_seconds", "undertext_transcriber_shed_seconds"
_AUDIO = "undertext_transcriber_audio_seconds"


@dataclass
class Counts:
    """Counters of all transcribers."""

    lags: dict[float, float] = field(default_factory=dict)  # number of captions that were at most this late
    shed_s: float = 0.0
    audio_s: float = 0.0

    def __sub__(self, before: Counts) -> Counts:
        lags = {le: count - before.lags.get(le, 0.0) for le, count in self.lags.items()}
        return Counts(lags, self.shed_s - before.shed_s, self.audio_s - before.audio_s)

    def lag_s(self, share: float) -> float | None:
        """A quantile of the lags, computed as in Prometheus: interpolated linearly within a bucket."""
        total = max(self.lags.values(), default=0.0)
        below, from_s = 0.0, 0.0
        for le, count in sorted(self.lags.items()):
            if total and count >= share * total:
                return le if le == float("inf") else from_s + (le - from_s) * (share * total - below) / (count - below)
            below, from_s = count, le
        return None

    @property
    def shed_percent(self) -> float:
        """Share of audio that was not transcribed."""
        return 100 * self.shed_s / (self.shed_s + self.audio_s) if self.shed_s else 0.0


class Viewers:
    """Viewers, one per station, that record when words are first shown."""

    def __init__(self, system: System, ids: Sequence[str]) -> None:
        self._url = system.url.replace("http", "ws", 1)
        self._stop = threading.Event()
        self.late_s: list[tuple[float, float]] = []  # Unix time of arrival, and delay after the word's end
        self._threads = [threading.Thread(target=self._follow, args=(id,), daemon=True) for id in ids]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Disconnect."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _follow(self, id: str) -> None:
        until_s = time.time()
        with contextlib.suppress(SimpleWebsocketError, OSError):
            socket = simple_websocket.Client(f"{self._url}/stations/{id}/live")
            with contextlib.closing(socket):
                while not self._stop.is_set():
                    message = socket.receive(timeout=1)
                    now_s = time.time()
                    for word in json.loads(message).get("words", ()) if message else ():
                        if word["end_s"] > until_s:
                            until_s = word["end_s"]
                            self.late_s.append((now_s, now_s - until_s))


def main(argv: list[str] | None = None) -> int:
    """Run the measurement, and print or write the results."""
    parser = arguments(__doc__)
    parser.add_argument(
        "--transcribers", type=int, default=os.cpu_count() or 1, help="number of transcribers (default: one per core)"
    )
    parser.add_argument(
        "--stations", type=int, nargs="+", metavar="N", help=f"numbers of stations (default: {_DEFAULT})"
    )
    parser.add_argument(
        "--most-lag", type=float, default=5.0, metavar="S", help="maximum lag p95, in seconds (default: %(default)g)"
    )
    options = parser.parse_args(argv)
    rows: list[Row] = []
    max_stations = 0
    try:
        with own_system(options.transcribers) as system:
            numbers = options.stations or (QUICK_NUMBERS if options.quick else NUMBERS)
            for number, row, kept_up in measure(system, numbers, options.most_lag, quick=options.quick):
                rows.append(row)
                max_stations = number if kept_up else max_stations
    except (NotRunning, httpx.HTTPError, OSError) as error:
        print(f"stations: {error}", file=sys.stderr)
        return 1
    title = f"Stations on {os.cpu_count()} cores, {options.transcribers} transcribers, bundled model"
    report(title, rows, {f"stations_at_{options.most_lag:g}_s": max_stations}, options.json)
    return 0


def measure(
    system: System, numbers: Sequence[int], most_lag_s: float, *, quick: bool
) -> Iterator[tuple[int, Row, bool]]:
    """Yield each number of stations, its row, and whether the machine kept up."""
    settle_s, measure_s = (QUICK_S / 2, QUICK_S) if quick else (SETTLE_S, MEASURE_S)
    ids: list[str] = []
    for number in tqdm(numbers, unit="step", desc="stations", leave=False):
        for id in (f"s{n}" for n in range(len(ids), number)):
            station = {"id": id, "name": id, "url": f"{system.truth}/stream.mp3"}
            httpx.post(f"{system.url}/stations", json=station, timeout=30).raise_for_status()
            ids.append(id)
        unwatched = _count(system, settle_s, measure_s)
        viewers = Viewers(system, ids)
        try:
            watched = _count(system, settle_s, measure_s)
        finally:
            viewers.close()
        shown = [late_s for at_s, late_s in viewers.late_s if at_s > time.time() - measure_s]
        row: Row = {
            "stations": number,
            **_columns("alone", unwatched),
            **_columns("read", watched),
            "shown p50": statistics.median(shown) if shown else None,
            "shown p95": statistics.quantiles(shown, n=20, method="inclusive")[18] if len(shown) > 1 else None,
        }
        kept_up = all((each.lag_s(0.95) or 0.0) <= most_lag_s and not each.shed_s for each in (unwatched, watched))
        yield number, row, kept_up
        if not kept_up:
            return


def _columns(name: str, counts: Counts) -> dict[str, float | None]:
    lags = {f"{name}: lag p{round(100 * share)}": counts.lag_s(share) for share in (0.5, 0.95)}
    return {**lags, f"{name}: shed %": counts.shed_percent}


def _count(system: System, settle_s: float, measure_s: float) -> Counts:
    time.sleep(settle_s)
    before = parse_counts(httpx.get(f"{system.url}/metrics", timeout=30).raise_for_status().text)
    time.sleep(measure_s)
    return parse_counts(httpx.get(f"{system.url}/metrics", timeout=30).raise_for_status().text) - before


def parse_counts(exposition: str) -> Counts:
    """Parse the counters of all transcribers from Prometheus' text format."""
    counts = Counts()
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == f"{_LAG}_bucket":
                le = float(sample.labels["le"])
                counts.lags[le] = counts.lags.get(le, 0.0) + sample.value
            elif sample.name == f"{_SHED}_total":
                counts.shed_s += sample.value
            elif sample.name == f"{_AUDIO}_total":
                counts.audio_s += sample.value
    return counts


if __name__ == "__main__":
    sys.exit(main())
