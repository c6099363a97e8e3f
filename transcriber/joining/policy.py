"""How the seam treats a source: whether it is live, whether it ends, and how long to wait for missing chunks."""

from __future__ import annotations

from dataclasses import dataclass

from wire.messages import Kind


@dataclass(frozen=True, slots=True)
class Policy:
    """The seam's configuration for one source.

    Attributes:
        source: its name.
        max_lag_s: how long a live source waits for a missing chunk before declaring it lost, in seconds.
    """

    source: str
    max_lag_s: float = 60.0

    @property
    def live(self) -> bool:
        """Whether captions are followed live."""
        return not self.source.startswith(f"{Kind.JOB}/")

    @property
    def ends(self) -> bool:
        """Whether the source ends with its last chunk; a station may reconnect."""
        return not self.source.startswith(f"{Kind.STATION}/")
