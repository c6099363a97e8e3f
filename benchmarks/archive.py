"""`python -m benchmarks.archive`: the cost of storing, searching and reading the caption archive.

The archive is filled with captions of made-up words with a natural (Zipf) distribution, from fifty stations in turn.
Each search is compared with SQLite's LIKE on the same file, which reads every caption, like any search without an
index.

archive_mb_per_day      on disk, for a day of a station that talks without a break
write_ms                to commit one caption
search_rare_ms, search_common_ms, search_phrase_ms    to find the newest fifty matches; medians
read_around_ms          four minutes around a match, as SubRip
read_day_s              a day of a station, as SubRip
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path

from tqdm import tqdm

from api.archive.merging import Period
from api.archive.query import expression
from api.archive.store import Archive, LogPosition, Search
from api.text import formats
from benchmarks.report import Row, arguments, report
from wire.messages import Caption, Word

#: Stations, and captions of each. A day has about 17,000 captions.
_FULL, _QUICK = (50, 8_000), (50, 400)
_STATION_DAY = 17_000

#: Size of the vocabulary, words per caption, and durations of a caption and of a word in seconds.
_VOCABULARY, _WORDS, _CAPTION_S, _WORD_S = 30_000, 10, 4.0, 0.35

#: Repetitions of each measurement, each with another word.
_TIMES = 15

_PAGE = 500


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(__doc__).parse_args(argv)
    stations, each = _QUICK if options.quick else _FULL
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive.sqlite"
        archive = Archive(path)
        language = Language(random.Random(1))
        fill(archive, language, stations, each)
        size = sum(file.stat().st_size for file in Path(folder).iterdir()) / (stations * each)
        rows, figures = measure(archive, path, language, each)
        archive.close()
    figures = {"archive_mb_per_day": size * _STATION_DAY / 1e6, **figures}
    report(f"{stations * each:,} captions of {stations} stations, {size:.0f} bytes each", rows, figures, options.json)
    return 0


class Language:
    """Made-up words: a few frequent ones and many rare ones."""

    def __init__(self, rng: random.Random) -> None:
        syllables = [consonant + vowel for consonant in "bdfghjklmnprstv" for vowel in "aeiouyåäö"]
        words = (("".join(rng.choices(syllables, k=rng.randint(2, 4)))) for _ in iter(int, 1))
        self.words = list(dict.fromkeys(next(words) for _ in range(2 * _VOCABULARY)))[:_VOCABULARY]
        self._until = list(accumulate(1 / rank for rank in range(1, len(self.words) + 1)))
        self._rng = rng

    def caption(self, source: str, id: int, start_s: float) -> Caption:
        """A random caption."""
        texts = self._rng.choices(self.words, cum_weights=self._until, k=_WORDS)
        words = tuple(
            Word(text, start_s + n * _WORD_S, start_s + (n + 1) * _WORD_S, 0.9) for n, text in enumerate(texts)
        )
        end_s = start_s + _CAPTION_S
        return Caption(source, id, 0, start_s, end_s, " ".join(texts), True, "sv", words, committed_s=end_s, event=id)


def fill(archive: Archive, language: Language, stations: int, each: int) -> None:
    """Fill the archive with captions of all stations in turn."""
    known: dict[str, LogPosition] = {}
    with tqdm(total=stations * each, unit="caption", desc="keep") as progress:
        for first in range(1, each + 1, _PAGE):
            ids = range(first, min(first + _PAGE, each + 1))
            for number in range(stations):
                source = f"stations/s{number}"
                captions = [language.caption(source, id, _begins_s(id)) for id in ids]
                now = LogPosition(1, captions[-1].event, captions[-1].committed_s)
                archive.add(source, captions, now, known.get(source))
                known[source] = now
                progress.update(len(captions))


def measure(archive: Archive, path: Path, language: Language, each: int) -> tuple[list[Row], dict[str, float]]:
    """A row for each operation, and the figures."""
    with closing(sqlite3.connect(path)) as db:
        texts = [text for (text,) in db.execute("SELECT text FROM captions ORDER BY random() LIMIT ?", (_TIMES,))]
    pairs = [" ".join(text.split()[:2]) for text in texts]
    searches = {
        "search_rare": language.words[-_TIMES:],
        "search_common": language.words[:_TIMES],
        "search_phrase": [f'"{pair}"' for pair in pairs],
    }
    figures = {"write_ms": _written_ms(archive, language, each)}
    rows: list[Row] = [{"what": "keep one caption", "ms": figures["write_ms"]}]
    for name, queries in searches.items():
        found = [len(archive.search(Search(expression(query)))) for query in queries]
        ours = _median_ms(lambda query: archive.search(Search(expression(query))), queries)
        theirs = _median_ms(lambda query: _like(path, query.strip('"')), queries)
        figures[f"{name}_ms"] = ours
        what = {"what": name.replace("_", " "), "ms": ours}
        rows.append({**what, "by LIKE ms": theirs, "found": statistics.median(found)})
    middle_s = [_begins_s(each * (n + 1) // (_TIMES + 2)) for n in range(_TIMES)]
    figures["read_around_ms"] = _median_ms(lambda at: _srt(archive, Period(at - 120, at + 120)), middle_s)
    rows.append({"what": "four minutes as SubRip", "ms": figures["read_around_ms"]})
    count = min(each, _STATION_DAY)
    day_ms = _median_ms(lambda _: _srt(archive, Period(limit=count)), [0.0])
    figures["read_day_s"] = day_ms / 1000 * _STATION_DAY / count
    rows.append({"what": f"{count:,} captions as SubRip", "ms": day_ms})
    return rows, figures


def _written_ms(archive: Archive, language: Language, each: int) -> float:
    """Time to add a single caption, as the copier that polls the log every two seconds often does."""

    def write(id: int) -> None:
        caption = language.caption("stations/new", id, _begins_s(each + id))
        before = LogPosition(1, id - 1, _begins_s(each + id - 1) + _CAPTION_S) if id > 1 else None
        assert archive.add(caption.source, [caption], LogPosition(1, id, caption.committed_s), before)

    return _median_ms(write, range(1, 101))


def _like(path: Path, words: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as db:
        query = "SELECT source, said_s, text FROM captions WHERE text LIKE ? ORDER BY row DESC LIMIT 50"
        return db.execute(query, (f"%{words}%",)).fetchall()


def _srt(archive: Archive, period: Period) -> str:
    captions = list(archive.captions("stations/s0", period).values())
    return formats.srt(captions, captions[0].start_s)


def _begins_s(id: int) -> float:
    return 1_800_000_000.0 + id * _CAPTION_S


def _median_ms(do: Callable[..., object], arguments: Sequence[object]) -> float:
    return statistics.median(_elapsed_ms(do, arguments))


def _elapsed_ms(do: Callable[..., object], arguments: Sequence[object]) -> Iterator[float]:
    for argument in arguments:
        begun_s = time.perf_counter()
        do(argument)
        yield 1000 * (time.perf_counter() - begun_s)


if __name__ == "__main__":
    sys.exit(main())
