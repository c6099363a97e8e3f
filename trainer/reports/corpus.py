"""The report of a prepared corpus: tables for the terminal, and report.html with plots."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from trainer.corpus.clips import SPLITS, Clip, Corpus, total_s
from trainer.corpus.drops import Reason
from trainer.evaluation.grouping import shown
from trainer.reports.page import page, plots, table, text
from trainer.reports.plots import bars, histogram
from trainer.terminal import tables

REPORT_NAME = "report.html"
_WORDS_SHOWN = 60
#: The report notes splits that got more than this factor of their requested share.
_MUCH = 2.0


def write_report(corpus: Corpus, dropped: Mapping[Reason, int]) -> Path:
    """Write report.html to the corpus' folder."""
    clips = corpus.clips
    parts = [text(_sentence(clips, dropped)), *(text(note, "note") for note in notes(corpus))]
    parts += ["<h2>Splits</h2>", table(("", "clips", "hours", "speakers", "seconds per clip"), split_rows(clips))]
    parts += ["<h2>Sources</h2>", table(("", "weight", "clips", "hours"), _source_rows(corpus))]
    if dropped:
        parts += ["<h2>Dropped</h2>", table(("reason", "clips"), drop_rows(dropped)), text("Listed in dropped.jsonl.")]
    if clips:
        parts += ["<h2>Plots</h2>", plots(_plots(clips, dropped))]
        parts += ["<h2>Most frequent words</h2>", text(_frequent(clips))]
    path = corpus.folder / REPORT_NAME
    path.write_text(page(f"Corpus {corpus.folder.name}", parts), encoding="utf-8")
    return path


def show(corpus: Corpus, dropped: Mapping[Reason, int], console: Console) -> None:
    """Print a summary."""
    shown: list[tuple[tuple[str, ...], list[tuple[str, ...]]]] = [
        (("split", "clips", "hours", "speakers", "s per clip"), split_rows(corpus.clips))
    ]
    for column in ("language", "accent", "gender"):
        hours = hours_by(corpus.clips, column)
        if len(hours) > 1 or column == "language":
            most = sorted(hours.items(), key=lambda item: -item[1])[:8]
            shown.append(((column, "hours"), [(name, f"{value:.3f}") for name, value in most]))
    if dropped:
        shown.append((("dropped because", "clips"), drop_rows(dropped)))
    for head, rows in shown:
        for drawn in tables("", head, rows, console.width, figures=head[1:]):
            console.print(drawn)


def notes(corpus: Corpus) -> list[str]:
    """What users of the corpus should know."""
    result = [str(note) for note in corpus.about.get("notes", ())]
    trained = {clip.text.casefold() for clip in corpus.split("train") if clip.text}
    for split in ("dev", "test"):
        texts = [clip.text.casefold() for clip in corpus.clips if clip.split == split and clip.text]
        known = sum(text in trained for text in texts)
        if texts and known > 0.02 * len(texts):
            result.append(
                f"{100 * known / len(texts):.0f} % of the texts in {split} are also in train: "
                "the WER on it says less about new texts."
            )
    return [*result, *_large_splits(corpus)]


def _large_splits(corpus: Corpus) -> Iterable[str]:
    """Notes on dev and test splits that are larger than requested because every speaker has many clips."""
    shares = corpus.about.get("plan", {}).get("shares", {})
    voices = {clip.speaker or clip.id.partition("#")[0] for clip in corpus.clips}
    for split in corpus.about.get("splits_made", ()):
        percent = 100 * len(corpus.split(split)) / max(1, len(corpus.clips))
        requested = shares.get(f"{split}_percent", percent)
        if percent > _MUCH * requested:
            yield (
                f"{percent:.0f} % of the clips are in {split}, although {requested:g} % were requested: the corpus has "
                f"only {len(voices):,} speakers, and none is in two splits. Add speakers, or use --{split} 0 to train "
                "on these clips, or --splits release or --splits clip, which may put a speaker in several splits."
            )


def split_rows(clips: Sequence[Clip]) -> list[tuple[str, ...]]:
    """Name, clips, hours, known speakers and mean duration of each split and of all clips."""
    groups = [(split, [clip for clip in clips if clip.split == split]) for split in SPLITS]
    return [
        (
            name,
            f"{len(group):,}",
            f"{total_s(group) / 3600:.3f}",
            f"{len({clip.speaker for clip in group if clip.speaker}):,}",
            f"{total_s(group) / max(1, len(group)):.2f}",
        )
        for name, group in [*groups, ("all", list(clips))]
    ]


def drop_rows(dropped: Mapping[Reason, int]) -> list[tuple[str, ...]]:
    """Reasons, the most frequent first."""
    counts = Counter(dropped)
    return [(reason.value, f"{count:,}") for reason, count in counts.most_common()]


def hours_by(clips: Iterable[Clip], column: str) -> dict[str, float]:
    """Hours for each value of a column; clips with several accents count for each."""
    seconds: Counter[str] = Counter()
    for clip in clips:
        for value in clip.values(column) or ("unknown",):
            seconds[value] += clip.duration_s  # type: ignore[assignment]
    return {name: value / 3600 for name, value in seconds.items()}


def _plots(clips: Sequence[Clip], dropped: Mapping[Reason, int]) -> Iterable[str]:
    yield histogram([clip.duration_s for clip in clips], "Durations", "seconds")
    paces = [len(clip.text) / clip.duration_s for clip in clips if clip.text]
    if paces:
        yield histogram(paces, "Pace", "characters per second")
    hours = hours_by(clips, "split")
    if len(hours) > 1:
        yield bars({split: hours[split] for split in SPLITS if split in hours}, "Splits", "hours", as_given=True)
    for column, title in (
        ("source", "Sources"),
        ("language", "Languages"),
        ("accent", "Accents"),
        ("gender", "Genders"),
        ("age", "Ages"),
    ):
        hours = hours_by(clips, column)
        if len(hours) > 1:
            yield bars(hours, title, "hours")
    speakers = Counter(clip.speaker for clip in clips if clip.speaker)
    if speakers:
        yield histogram(list(speakers.values()), f"Clips per speaker, {len(speakers):,} speakers", "clips", "speakers")
        yield bars(
            {shown("speaker", name): float(count) for name, count in speakers.most_common(15)},
            "Speakers with the most clips",
            "clips",
        )
    if dropped:
        yield bars({reason.value: float(count) for reason, count in dropped.items()}, "Dropped", "clips")


def _frequent(clips: Iterable[Clip]) -> str:
    words: Counter[str] = Counter()
    for clip in clips:
        words.update(_words(clip.text))
    shown = ", ".join(f"{word} {count:,}" for word, count in words.most_common(_WORDS_SHOWN))
    return f"{words.total():,} words, {len(words):,} distinct: {shown}"


class _BetweenWords(dict[int, str]):
    """Maps characters for `str.translate`, each looked up once: a space for those that are not part of words."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = char if unicodedata.category(char)[0] in "LMNC" or char in "'’" else " "
        return self[code]


_BETWEEN_WORDS = _BetweenWords()


def _words(text: str) -> list[str]:
    """Words of letters, digits, combining marks (vowels in Thai and Hindi) and joiners (in Persian)."""
    kept = text.casefold().translate(_BETWEEN_WORDS)
    return [word for part in kept.split() if (word := part.strip("'’"))]


def _sentence(clips: Sequence[Clip], dropped: Mapping[Reason, int]) -> str:
    speakers = len({clip.speaker for clip in clips if clip.speaker})
    return (
        f"{total_s(clips) / 3600:,.2f} hours in {len(clips):,} clips of {speakers:,} known speakers; "
        f"{sum(dropped.values()):,} clips were dropped."
    )


def _source_rows(corpus: Corpus) -> list[tuple[str, ...]]:
    return [
        (str(s["name"]), f"{s['weight']:g}", f"{s['clips']:,}", f"{s['hours']:.3f}")
        for s in corpus.about.get("sources", ())
    ]
