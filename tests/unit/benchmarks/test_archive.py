"""The archive benchmark, on a small archive."""

from __future__ import annotations

import random
from pathlib import Path

from api.archive.store import Archive
from benchmarks.archive import Language, fill, measure


def test_every_search_finds_what_is_there(tmp_path: Path) -> None:
    language = Language(random.Random(1))
    archive = Archive(tmp_path / "archive.sqlite")
    fill(archive, language, stations=2, each=60)
    rows, figures = measure(archive, tmp_path / "archive.sqlite", language, each=60)
    found = {row["what"]: row["found"] for row in rows if "found" in row}
    assert found["search phrase"] >= 1
    assert found["search common"] > found["search rare"]
    assert all(value > 0 for value in figures.values())
    archive.close()
