"""The demo station on air: items are rendered ahead, encoded, and sent in real time, with a transcript of them.

There is one clock, in seconds of the stream. A separate thread renders some seconds ahead of it; each listener reads
the frames that are due. Listeners therefore need no buffers of their own, and one that falls behind skips ahead.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from demo.encoder import DELAY_SAMPLES, FRAME_SAMPLES, Encoder
from demo.music import RATE_HZ
from demo.programme import Item, Spoken, endless

log = logging.getLogger(__name__)

#: Minimum audio rendered ahead; on a busy machine, rendering may stall for this long.
AHEAD_S = 15.0
#: How long audio is kept after it was due; a listener further behind skips to the live edge.
BEHIND_S = 8.0
#: Audio sent to a new listener at once, so that its decoder can start.
BURST_S = 0.5
#: How long the transcript is kept.
TRUTH_S = 6 * 3600.0
#: Interval between sends to a listener.
SEND_EVERY_S = 0.05

FRAME_S = FRAME_SAMPLES / RATE_HZ
#: Delay from a sample's position in the stream until a listener at the live edge hears it: a frame is sent after its
#: last sample, and encoder and decoder add their delay.
LISTENER_DELAY_S = FRAME_S + DELAY_SAMPLES / RATE_HZ


class Broadcast:
    """The station without its server. `start` it; `listen` any number of times; `stop` it.

    Args:
        seed: of all random choices; the same seed gives the same programmes.
    """

    def __init__(self, seed: int) -> None:
        self._items = endless(seed)
        self._changed = threading.Condition()
        self._frames: deque[bytes] = deque()
        self._first = 0  # index of the oldest frame kept
        self._titles: deque[tuple[float, str]] = deque()  # start time and title
        self._upcoming: deque[Spoken] = deque()
        self._truth: deque[dict[str, Any]] = deque()
        self._rendered_s = 0.0
        self._began: float | None = None  # monotonic time of second 0 of the stream
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._render, name="rendering", daemon=True)
        self.listeners = 0
        self.failure = ""

    def start(self) -> None:
        """Start rendering; the station is on air once a second of audio is ready."""
        self._thread.start()

    def stop(self) -> None:
        """Stop rendering and the encoder, and disconnect all listeners."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout=10)

    @property
    def on_air(self) -> bool:
        """Whether listeners get audio."""
        return self._began is not None and not self.failure and not self._stopping.is_set()

    @property
    def position_s(self) -> float:
        """Seconds of the stream that have been sent."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    @property
    def title(self) -> str:
        """The current title."""
        with self._changed:
            return self._title_at(self.position_s)

    def listen(self) -> Iterator[tuple[bytes, str]]:
        """Yield frames as they become due, with their title, from `BURST_S` before now, forever."""
        with self._changed:
            self._changed.wait_for(lambda: self.on_air or self._stopping.is_set() or self.failure, timeout=30)
            self.listeners += 1
            index = max(self._first, self._due() - round(BURST_S / FRAME_S))
        try:
            while self.on_air:
                with self._changed:
                    due = self._due()
                    if index < self._first:
                        log.info("a listener is %.1f s behind: skipping ahead", (due - index) * FRAME_S)
                        index = due
                    frames = b"".join(self._frames[i - self._first] for i in range(index, due))
                    title = self._title_at(index * FRAME_S)
                index = due
                if frames:
                    yield frames, title
                self._stopping.wait(SEND_EVERY_S)
        finally:
            with self._changed:
                self.listeners -= 1

    def truth(self, after: float) -> list[dict[str, Any]]:
        """Every sentence that ended after Unix time `after`, oldest first."""
        with self._changed:
            self._update_truth()
            return [sentence for sentence in self._truth if sentence["end_s"] > after]

    # --- rendering -----------------------------------------------------------------------------------------

    def _render(self) -> None:
        encoder = None
        try:
            encoder = Encoder(self._append)
            while not self._stopping.is_set():
                if self._rendered_s < self.position_s + AHEAD_S:
                    item = next(self._items)
                    self._announce(item)
                    encoder.write(item.audio.tobytes())
                else:
                    self._stopping.wait(0.25)
                self._drop_old()
        except Exception as error:  # /healthz reports it, and the process exits
            log.exception("the demo station went off air")
            self.failure = str(error) or type(error).__name__
        finally:
            if encoder is not None:
                encoder.close()

    def _announce(self, item: Item) -> None:
        with self._changed:
            if not self._titles or self._titles[-1][1] != item.title:
                self._titles.append((self._rendered_s, item.title))
            self._upcoming.extend(spoken.later(self._rendered_s) for spoken in item.spoken)
            self._rendered_s += item.duration_s

    def _append(self, frame: bytes) -> None:
        with self._changed:
            self._frames.append(frame)
            if self._began is None and len(self._frames) * FRAME_S >= 1 + BURST_S:
                self._began = time.monotonic()
                self._changed.notify_all()

    def _drop_old(self) -> None:
        with self._changed:
            missing_s = self.position_s - (self._first + len(self._frames)) * FRAME_S
            if self._began is not None and missing_s > 0:
                log.warning("rendering was too slow: %.1f s of silence", missing_s)
                self._began += missing_s
            while (self._first + 1) * FRAME_S < self.position_s - BEHIND_S:
                self._frames.popleft()
                self._first += 1
            while len(self._titles) > 1 and self._titles[1][0] < self.position_s - BEHIND_S:
                self._titles.popleft()
            self._update_truth()

    # --- methods below require the lock --------------------------------------------------------------------

    def _due(self) -> int:
        """Number of frames of the stream that are due."""
        return min(int(self.position_s / FRAME_S), self._first + len(self._frames))

    def _title_at(self, position_s: float) -> str:
        return next((title for from_s, title in reversed(self._titles) if from_s <= position_s), "")

    def _update_truth(self) -> None:
        """Move sentences that have ended from the upcoming ones to the transcript, with wall-clock times."""
        if self._began is None:
            return
        # Computed each time, since the wall clock may be adjusted while the station runs.
        wall_s = time.time() - time.monotonic() + self._began + LISTENER_DELAY_S
        while self._upcoming and self._upcoming[0].end_s + LISTENER_DELAY_S <= self.position_s:
            self._truth.append(_at_wall_time(self._upcoming.popleft(), wall_s))
        while self._truth and self._truth[0]["end_s"] < time.time() - TRUTH_S:
            self._truth.popleft()


def _at_wall_time(spoken: Spoken, wall_s: float) -> dict[str, Any]:
    sentence = dataclasses.asdict(spoken.later(wall_s))
    for timed in (sentence, *sentence["words"]):
        timed["start_s"], timed["end_s"] = round(timed["start_s"], 3), round(timed["end_s"], 3)
    return sentence
