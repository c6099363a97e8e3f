"""The clock of a live epoch: at which Unix time its first sample was on air. Pure: times are handed in.

A live source sends in real time, so sample n that arrives at t says that sample 0 was on air no later than
t − n / rate. A server greets a new listener with a burst of what it had buffered (Icecast some seconds, HLS whole
segments, and HLS goes on in bursts), and the network holds packets back; both only ever make samples late, so the
earliest origin that any arrival proves is the right one. It is settled when it has not moved for a while.
"""

from __future__ import annotations

from wire.audio import seconds

#: An origin that moves less than this is at rest, in seconds: packets and decoder frames are that coarse.
JITTER_S = 0.15

#: After the clock has settled, audio that comes this much earlier than it says proves it wrong, in seconds.
AHEAD_S = 2.0

#: Audio that comes this much later, for a whole window, was lost on the way or the sender's clock is slow, in seconds.
BEHIND_S = 2.0

#: One window, in seconds. Late packets within it are forgiven.
WINDOW_S = 60.0


class LiveClock:
    """Times of one epoch's samples.

    Args:
        settle_s: how long the origin must rest before it counts. A source that sends in bursts needs more than the
            time between two of them.
        patience_s: it counts after so long in any case; a server that sends faster than real time never rests.
    """

    def __init__(self, *, settle_s: float = 1.0, patience_s: float = 15.0) -> None:
        self._settle_s = settle_s
        self._patience_s = patience_s
        self._samples = 0
        self._earliest_s = float("inf")
        self._began_s = float("inf")
        self._moved_s = 0.0
        self._origin_s: float | None = None
        self._window_end_s = 0.0
        self._window_earliest_s = float("inf")
        self._drift_s = 0.0

    @property
    def origin_s(self) -> float | None:
        """Unix time of sample 0; None while it may still move."""
        return self._origin_s

    @property
    def drift_s(self) -> float:
        """How far arrivals have moved against the settled clock; positive: the audio comes later than it should."""
        return self._drift_s

    @property
    def drifted(self) -> bool:
        """Whether the clock no longer holds and a new epoch is due."""
        return self._drift_s < -AHEAD_S or self._drift_s > BEHIND_S

    def arrived(self, now_s: float, n_samples: int) -> None:
        """`n_samples` more have arrived by `now_s`."""
        if self._began_s == float("inf"):
            self._began_s = now_s
        self._samples += n_samples
        proven_s = now_s - seconds(self._samples)
        if proven_s < self._earliest_s - JITTER_S:
            self._moved_s = now_s
        self._earliest_s = min(self._earliest_s, proven_s)
        if self._origin_s is None:
            self.waited(now_s)
        else:
            self._watch(now_s, proven_s, self._origin_s)

    def waited(self, now_s: float) -> None:
        """Nothing has arrived, but time has passed."""
        if self._origin_s is not None or self._samples == 0:
            return
        if now_s - self._moved_s >= self._settle_s or now_s - self._began_s >= self._patience_s:
            self.settle(now_s)

    def settle(self, now_s: float) -> float:
        """The best origin known now, from here on fixed; `now_s` if nothing has arrived."""
        if self._origin_s is None:
            self._origin_s = min(self._earliest_s, now_s)
        return self._origin_s

    def _watch(self, now_s: float, proven_s: float, origin_s: float) -> None:
        self._drift_s = min(self._drift_s, proven_s - origin_s)
        self._window_earliest_s = min(self._window_earliest_s, proven_s)
        if now_s >= self._window_end_s:
            if self._window_end_s:
                self._drift_s = self._window_earliest_s - origin_s
            self._window_end_s = now_s + WINDOW_S
            self._window_earliest_s = float("inf")
