"""What the models on air support."""

from __future__ import annotations

from collections.abc import Callable

from api.on_air import abilities
from wire.bus import connect
from wire.languages import CODES


def test_transcribers_are_unknown_and_all_languages_offered_while_redis_is_away(free_port: Callable[[], int]) -> None:
    with connect(f"redis://127.0.0.1:{free_port()}/0") as away:
        assert abilities(away) == {"transcribers": None, "languages": sorted(CODES), "tasks": []}
