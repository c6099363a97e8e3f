"""`python -m benchmarks.end_to_end`: latency, accuracy and completeness of the whole system.

It follows `WS /stations/demo/live` like any viewer, and compares the captions with the demo station's reference text.
Without --url it starts its own system (as `make up` does, on free ports) and stops it at the end.

latency_p50_s, latency_p95_s
    From the arrival of a chunk's last sample in ingest (`captured_s`) to the arrival of its first caption here, for
    chunks captured within the measured period.
shown_p50_s, shown_p95_s
    From a word's end, according to its caption, to the arrival here of the first caption that includes it; requires
    one clock, so everything must run on one machine.
wer_percent (also wer_sv_percent, wer_en_percent)
    Word errors of final captions per reference word; lower case, no punctuation. Only sentences that began and ended
    within the measured period count; captions and sentences on both sides of it are aligned as well, so that words at
    the edges are not errors (benchmarks/alignment.py).
chunks_lost
    Steps of 5 s with at least three complete spoken words of which none is in the captions, or of which a caption
    marks at least half as a gap.
chunks_doubled
    Steps of 5 s with a run of three or more inserted words that repeats nearby words, plus captions whose id was
    already final or whose event was already known.
first_caption_s
    From the station's registration (own system) or from our connection to the first caption.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import simple_websocket
from simple_websocket.errors import SimpleWebsocketError
from tqdm import tqdm

from benchmarks.alignment import Errors, align, caption_words, truth_words
from benchmarks.report import arguments, report
from benchmarks.running import NotRunning, System, own_system

STEP_S = 5.0
#: Margin around the period whose reference text and captions are also aligned, in seconds.
MARGIN_S = 15.0
#: Timeouts for the first caption, and for the last final ones, in seconds.
FIRST_TIMEOUT_S, LAST_TIMEOUT_S = 180.0, 25.0
#: Maximum and minimum duration of the measurement with --quick, in seconds. It is shortened after a slow start, to end
#: QUICK_OVER_S after the program's start (plus the wait for the last captions), within a minute.
QUICK_S, QUICK_LEAST_S, QUICK_OVER_S, QUICK_LAST_S = 24.0, 12.0, 44.0, 7.0


@dataclass
class Viewer:
    """Captions received from the socket."""

    arrived: dict[float, float] = field(default_factory=dict)  # first arrival, by the chunk's captured_s
    finals: dict[int, dict[str, Any]] = field(default_factory=dict)
    shown: list[tuple[float, float]] = field(default_factory=list)  # end of a word, and how much later it arrived
    event: int = 0
    repeated: int = 0
    until_s: float = 0.0  # end of the last captioned word

    def add(self, caption: dict[str, Any], now_s: float) -> None:
        """Record a caption that arrived at `now_s`."""
        for word in caption.get("words", ()):
            if word["end_s"] > self.until_s:
                self.until_s = word["end_s"]
                self.shown.append((self.until_s, now_s - self.until_s))
        partial = caption.get("partial", False)
        if caption["event"] < self.event + (not partial) or caption["id"] in self.finals:
            self.repeated += 1
        self.event = max(self.event, caption["event"])
        if caption["captured_s"] and not partial:
            self.arrived.setdefault(caption["captured_s"], now_s)
        if caption["final"]:
            self.finals[caption["id"]] = caption

    def finals_until(self) -> float:
        """End of the last final caption."""
        return max((caption["end_s"] for caption in self.finals.values()), default=0.0)


@dataclass(frozen=True)
class Period:
    """A measured period."""

    start_s: float
    end_s: float
    first_caption_s: float
    viewer: Viewer
    truth: list[dict[str, Any]]


def main(argv: list[str] | None = None) -> int:
    """Run the measurement, and print or write the results."""
    parser = arguments(__doc__)
    parser.add_argument("--url", help="the API of a running system, such as http://127.0.0.1:8000")
    parser.add_argument(
        "--truth", default="http://127.0.0.1:8010", help="the demo station of that system (default: %(default)s)"
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="how long to measure (default: %(default)g)")
    parser.add_argument(
        "--transcribers", type=int, default=1, help="transcribers of its own system (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    over_s = time.time() + QUICK_OVER_S if options.quick else None
    measure_s, last_s = (QUICK_S, QUICK_LAST_S) if options.quick else (60 * options.minutes, LAST_TIMEOUT_S)
    running = System(options.url, options.truth) if options.url else None
    try:
        with contextlib.nullcontext(running) if running else own_system(options.transcribers) as system:
            period = measure(system, measure_s, last_s, over_s)
    except (NotRunning, httpx.HTTPError, SimpleWebsocketError, OSError) as error:
        print(f"end_to_end: {error}", file=sys.stderr)
        return 1
    figures, rows = judge(period)
    report(f"End to end, {period.end_s - period.start_s:.0f} s of the demo station", rows, figures, options.json)
    return 0


def measure(system: System, measure_s: float, last_s: float, over_s: float | None = None) -> Period:
    """Follow the demo station for `measure_s` seconds, or less in order to end by `over_s` (Unix time).

    Raises:
        NotRunning: no caption arrived, or the reference text is not available.
    """
    truth(system, time.time())  # fail early if the reference text is not available
    socket = simple_websocket.Client(f"{system.url.replace('http', 'ws', 1)}/stations/demo/live")
    viewer, began_s = Viewer(), time.time()
    try:
        with tqdm(
            total=measure_s,
            unit="s",
            bar_format="{desc} {percentage:.0f}%|{bar}| {n:.0f}/{total:.0f} s",
            desc="first caption",
            file=sys.stderr,
            leave=False,
        ) as bar:
            while not viewer.event and time.time() < began_s + FIRST_TIMEOUT_S:
                next(_captions(socket, viewer, 1.0))
            if not viewer.event:
                raise NotRunning(f"no caption arrived within {FIRST_TIMEOUT_S:.0f} s: is a transcriber running?")
            start_s = time.time()
            first_s = start_s - began_s
            if over_s is not None:
                measure_s = max(QUICK_LEAST_S, min(measure_s, over_s - start_s))
                bar.total = measure_s
            bar.set_description("measuring")
            for now_s in _captions(socket, viewer, measure_s):
                bar.update(min(now_s - start_s, measure_s) - bar.n)
            end_s = start_s + measure_s
            bar.set_description("last captions")
            for _ in _captions(socket, viewer, last_s):
                if viewer.finals_until() > end_s + 2:
                    break
    finally:
        socket.close()
    return Period(start_s, end_s, first_s, viewer, truth(system, start_s - MARGIN_S))


def truth(system: System, after_s: float) -> list[dict[str, Any]]:
    """The sentences that the demo station has spoken since a Unix time, with the times of their words.

    Raises:
        NotRunning: they are not available.
    """
    try:
        answer = httpx.get(f"{system.truth}/truth", params={"after": after_s}, timeout=30).raise_for_status()
    except httpx.HTTPError as error:
        raise NotRunning(
            f"the demo station at {system.truth} does not serve its reference text ({error}): see --truth"
        ) from error
    return [json.loads(line) for line in answer.text.splitlines()]


def judge(period: Period) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Compute figures and rows."""
    start_s, end_s, viewer = period.start_s, period.end_s, period.viewer
    near = [
        caption
        for _, caption in sorted(viewer.finals.items())
        if caption["end_s"] > start_s - MARGIN_S and caption["start_s"] < end_s + MARGIN_S
    ]
    reference = [s for s in period.truth if s["start_s"] < end_s + MARGIN_S]
    alignment = align(truth_words(reference, start_s, end_s), caption_words(near))
    errors = alignment.by_language()
    total = sum(errors.values(), Errors())
    figures: dict[str, float] = {"first_caption_s": period.first_caption_s}
    latencies = [now_s - s for s, now_s in viewer.arrived.items() if start_s <= s <= end_s]
    shown = [late_s for s, late_s in viewer.shown if start_s <= s <= end_s]
    for name, times_s in {"latency": latencies, "shown": shown}.items():
        if len(times_s) > 1:
            cuts = statistics.quantiles(times_s, n=20, method="inclusive")
            figures |= {f"{name}_p50_s": statistics.median(times_s), f"{name}_p95_s": cuts[18]}
    lost = alignment.lost_steps(start_s, STEP_S) | _gap_steps(near, start_s, end_s)
    doubled = alignment.doubled_steps(start_s, STEP_S)
    figures |= {"chunks_lost": len(lost), "chunks_doubled": len(doubled) + viewer.repeated}
    for name, count in {"wer_percent": total, **{f"wer_{k}_percent": v for k, v in sorted(errors.items())}}.items():
        if count.wer_percent is not None:
            figures[name] = count.wer_percent
    rows = [_row(language, count) for language, count in sorted(errors.items())]
    counts = {"chunks": len(latencies), "lost": len(lost), "doubled": len(doubled) + viewer.repeated}
    return figures, [*rows, {**_row("all", total), **counts}]


def _captions(socket: simple_websocket.Client, viewer: Viewer, seconds: float) -> Iterator[float]:
    """Receive captions for some seconds; yields the time after each message, and every second."""
    until = time.time() + seconds
    while (left_s := until - time.time()) > 0:
        message = socket.receive(timeout=min(left_s, 1.0))
        now_s = time.time()
        if message is not None:
            values = json.loads(message)
            if values["type"] == "caption":
                viewer.add(values, now_s)
        yield now_s


def _gap_steps(captions: list[dict[str, Any]], start_s: float, end_s: float) -> set[int]:
    steps: dict[int, float] = {}
    for caption in captions:
        if caption["content"] == "gap":
            for step in range(int((end_s - start_s) // STEP_S)):
                from_s, to_s = start_s + step * STEP_S, start_s + (step + 1) * STEP_S
                covered_s = min(to_s, caption["end_s"]) - max(from_s, caption["start_s"])
                steps[step] = steps.get(step, 0.0) + max(0.0, covered_s)
    return {step for step, covered_s in steps.items() if covered_s >= STEP_S / 2}


def _row(language: str, count: Errors) -> dict[str, Any]:
    return {
        "language": language,
        "words": count.words,
        "wer %": count.wer_percent,
        "sub": count.substituted,
        "del": count.deleted,
        "ins": count.inserted,
    }


if __name__ == "__main__":
    sys.exit(main())
