"""The clock of a live epoch: the Unix time at which its first sample was on air. Pure: times are passed in.

A live source sends in real time, so if sample n arrives at t, sample 0 was on air at t − n / rate or earlier. A server
sends a new listener a burst of buffered audio (Icecast some seconds, HLS whole segments, and HLS keeps sending in
bursts), and the network delays packets. Both only make samples late, so the earliest origin derived from any arrival
is the right one. The origin is settled when it has not moved for a while.
"""

from __future__ import annotations

from wire.audio import seconds

#: Smaller changes of the origin are ignored, in seconds: packets and decoder frames are that coarse.
JITTER_S = 0.15

#: The settled clock is wrong if audio arrives this much earlier than it predicts, in seconds.
AHEAD_S = 2.0

#: If audio arrives this much later throughout a window, audio was lost or the sender's clock is slow, in seconds.
BEHIND_S = 2.0

#: The origin of a source that sends continuously is settled after it has not moved for this long, in seconds.
SETTLE_S = 1.0

#: Length of a window, in seconds. Packets that are only briefly late are tolerated.
WINDOW_S = 60.0


class LiveClock:
    """Times of one epoch's samples.

    Args:
        settle_s: the origin is settled after it has not moved for this long. For a source that sends in bursts, this
            must be longer than the time between two of them.
        patience_s: the origin is settled after this long in any case; with a server that sends faster than real time
            it never stops moving.
    """

    def __init__(self, *, settle_s: float = SETTLE_S, patience_s: float = 15.0) -> None:
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
        """How far arrivals have moved relative to the settled clock; positive if the audio arrives late."""
        return self._drift_s

    @property
    def drifted(self) -> bool:
        """Whether the clock is no longer valid and a new epoch is due."""
        return self._drift_s < -AHEAD_S or self._drift_s > BEHIND_S

    def arrived(self, now_s: float, n_samples: int) -> None:
        """Record that `n_samples` more have arrived at `now_s`."""
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
        """Record that time has passed without arrivals."""
        if self._origin_s is not None or self._samples == 0:
            return
        if now_s - self._moved_s >= self._settle_s or now_s - self._began_s >= self._patience_s:
            self.settle(now_s)

    def settle(self, now_s: float) -> float:
        """Fix the best origin known so far and return it; `now_s` if nothing has arrived."""
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
