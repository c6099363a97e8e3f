"""`python -m benchmarks.viewers`: how many viewers one API process serves, and how late captions reach them.

Captions of ten stations are committed as transcribers do, one per second and station, while viewers read them on
WebSockets, evenly distributed over the stations. The API is compared with a common way to write such a relay: the same
libraries and server (Flask, flask-sock, gunicorn with one gevent worker), but each viewer's handler subscribes to Redis
itself. Everything runs on this machine, the viewers too, in a process of their own.

delay p50, p95, p99    from a caption's commit to its arrival at a viewer, in milliseconds
lost                   captions that did not reach a viewer within ten seconds after the end
cpu %                  of one core, used by the server
memory MB              of the server's processes, and what a viewer adds, in kB
redis                  connections to Redis

viewers_p99_ms         with the largest number of viewers; subscriptions_p99_ms: of the relay in comparison
viewer_kb              what a viewer adds to the API's memory
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from benchmarks.report import Row, arguments, report
from benchmarks.running import NotRunning
from benchmarks.viewers.clients import DRAIN_S
from benchmarks.viewers.servers import Server, api, redis, subscriptions
from wire.bus import Redis, connect
from wire.captions import Advance, CaptionLog
from wire.chunk import Chunk
from wire.messages import Caption, Content, Station, Word
from wire.queue import Delivery, stream_of
from wire.sources import Stations

STATIONS = [f"s{number}" for number in range(10)]

#: Numbers of viewers, and duration of a measurement in seconds.
NUMBERS, QUICK_NUMBERS = (100, 1000, 3000), (50,)
MEASURE_S, QUICK_S = 30.0, 5.0

_DEFAULT = " ".join(map(str, NUMBERS))


class Captions:
    """Commits captions of all stations, one per second and station."""

    def __init__(self, client: Redis) -> None:
        self._log = CaptionLog(client)
        self._id = 0

    def commit(self, duration_s: float) -> int:
        """Commit for `duration_s` seconds; return the number of captions per station."""
        first, begin_s, pause_s = self._id, time.monotonic(), 1 / len(STATIONS)
        for turn in range(round(duration_s) * len(STATIONS)):
            time.sleep(max(0.0, begin_s + turn * pause_s - time.monotonic()))
            number = turn % len(STATIONS)
            self._id += number == 0
            self._commit(f"stations/{STATIONS[number]}")
        return self._id - first

    def _commit(self, source: str) -> None:
        start_s = time.time()
        words = tuple(Word(f"word{n}", start_s + 0.1 * n, start_s + 0.1 * n + 0.1, 0.9) for n in range(10))
        text = " ".join(word.text for word in words)
        caption = Caption(source, self._id, 0, start_s, start_s + 1, text, True, "en", words)
        chunk = Chunk(source, 1, self._id, start_s, 16_000, content=Content.SILENCE)
        advance = Advance(b"{}", (caption,), 1, self._id + 1, start_s + 1)
        self._log.commit([Delivery(stream_of(chunk), b"1-1", chunk)], lambda _: advance)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the measurement, and print or write the results."""
    parser = arguments(__doc__)
    parser.add_argument("--viewers", type=int, nargs="+", metavar="N", help=f"numbers of viewers (default: {_DEFAULT})")
    options = parser.parse_args(argv)
    numbers = sorted(options.viewers or (QUICK_NUMBERS if options.quick else NUMBERS))
    rows: list[Row] = []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="undertext-benchmark-") as folder,
            redis(Path(folder)) as url,
            connect(url) as client,
        ):
            for id in STATIONS:
                Stations(client).add(Station(id, id, "http://127.0.0.1:9/never-read"))
            for number in tqdm(numbers, unit="step", desc="viewers", leave=False):
                for name, serve in (("Undertext", api), ("a subscription per viewer", subscriptions)):
                    with serve(url, Path(folder), number) as server:
                        rows.append({"server": name, **measure(client, server, number, quick=options.quick)})
    except (NotRunning, OSError) as error:
        print(f"viewers: {error}", file=sys.stderr)
        return 1
    ours, theirs = rows[-2:]
    figures = {
        "viewers_p99_ms": ours["delay p99"],
        "subscriptions_p99_ms": theirs["delay p99"],
        "viewer_kb": ours["kB a viewer"],
    }
    title = f"One API process on {os.cpu_count()} cores, a caption per second and viewer"
    report(title, rows, {name: value for name, value in figures.items() if isinstance(value, float)}, options.json)
    return 0


def measure(client: Redis, server: Server, number: int, *, quick: bool) -> Row:
    """A row for this number of viewers."""
    before_bytes, before_connections = server.memory_bytes(), _connections(client)
    command = [sys.executable, "-m", "benchmarks.viewers.clients", server.url, str(number), *STATIONS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as viewers:
        assert viewers.stdout
        if viewers.stdout.readline().strip() != "connected":
            raise NotRunning(f"not all of {number} viewers could connect; the system may allow too few open files")
        begin_s, cpu_s = time.monotonic(), server.cpu_s()
        sent = Captions(client).commit(QUICK_S if quick else MEASURE_S)
        cpu_percent = 100 * (server.cpu_s() - cpu_s) / (time.monotonic() - begin_s)
        memory_bytes, connections = server.memory_bytes(), _connections(client)
        output, _ = viewers.communicate(f"{sent}\n", timeout=DRAIN_S + 60)
    received = json.loads(output)
    return {
        "viewers": number,
        **{f"delay {name}": received[name] for name in ("p50", "p95", "p99")},
        "lost": sent * number - received["captions"],
        "cpu %": cpu_percent,
        "memory MB": memory_bytes / 1e6,
        "kB a viewer": (memory_bytes - before_bytes) / number / 1e3,
        "redis": connections - before_connections,
    }


def _connections(client: Redis) -> int:
    clients: Callable[[str], dict[str, int]] = client.info
    return int(clients("clients")["connected_clients"])


if __name__ == "__main__":
    sys.exit(main())
