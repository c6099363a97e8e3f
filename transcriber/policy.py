"""How the seam treats a source: whether somebody waits for its captions, and for how long it waits itself."""

from __future__ import annotations

from dataclasses import dataclass

from wire.messages import Kind


@dataclass(frozen=True, slots=True)
class Policy:
    """What the seam is told from outside.

    Attributes:
        source: its name.
        max_lag_s: how long a live source waits for a missing chunk before that is declared lost, in seconds.
    """

    source: str
    max_lag_s: float = 60.0

    @property
    def live(self) -> bool:
        """Whether someone waits for the captions now."""
        return not self.source.startswith(f"{Kind.JOB}/")

    @property
    def ends(self) -> bool:
        """Whether the source is over after its last chunk; a station only reconnects."""
        return not self.source.startswith(f"{Kind.STATION}/")
