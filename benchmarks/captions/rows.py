"""Turn tallies into figures and the rows of three tables. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.alignment import Errors
from benchmarks.captions.judge import Tally
from benchmarks.captions.programme import CONDITIONS

Row = dict[str, object]

OURS, PERFECT, NAIVE, AGREEMENT, WHOLE = "ours", "error-free recogniser", "naive", "LocalAgreement-2", "whole sentences"
#: Without a viewer, so without partial chunks.
UNWATCHED = "ours, no viewers"
#: Waiting chunks are decoded together, as many as fit into the context; the perfect recogniser has Whisper's 30 s.
WAITING, PERFECT_WAITING = "ours, waiting chunks", "error-free recogniser, 30 s"
#: Rows of the script, which use no model.
SCRIPTED = (PERFECT, PERFECT_WAITING)

#: Columns of the three tables.
WORDS = ("row", "sv %", "en %", "all %", "penalty", "lost", "doubled", "cut", "audio")
TIMES = ("row", "word p50", "word p95", "shown p50", "shown p95", "final p50", "final p95", "revised", "false / h")
DISTURBED = ("row", *CONDITIONS)


def table_rows(tallies: Mapping[str, Tally]) -> list[Row]:
    """One row for each method; lost, doubled and cut are per 10,000 borders."""
    whole = tallies[WHOLE].total.wer_percent
    return [_row(name, tally, whole) for name, tally in tallies.items()]


def columns(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """The named columns of all rows that have any of them."""
    return [{name: row[name] for name in names if name in row} for row in rows if len(row.keys() & set(names)) > 1]


def figures_of(tallies: Mapping[str, Tally]) -> dict[str, float]:
    """The figures, without those that could not be measured."""
    ours, unwatched, whole = tallies[OURS], tallies[UNWATCHED], tallies[WHOLE]
    figures: dict[str, float | None] = {
        "wer_percent": ours.total.wer_percent,
        "whole_wer_percent": whole.total.wer_percent,
    }
    for name, row in {"seam": OURS, "naive": NAIVE, "localagreement": AGREEMENT}.items():
        figures[f"{name}_penalty_points"] = penalty(tallies[row], whole.total.wer_percent)
    for prefix, row in {"border": OURS, "seam_border": PERFECT, "waiting_border": PERFECT_WAITING}.items():
        for what, count in {
            "lost": tallies[row].lost,
            "doubled": tallies[row].doubled,
            "cut": tallies[row].cut,
        }.items():
            figures[f"{prefix}_words_{what}_per_10k"] = tallies[row].per_10k(count)
    for name, values in {
        "word_time_error": ours.time_errors_s,
        "first_shown": ours.first_shown_s,
        "final": ours.final_s,
    }.items():
        figures |= {f"{name}_p50_s": _quantile(values, 50), f"{name}_p95_s": _quantile(values, 95)}
    figures["decoded_audio_ratio"] = _share(ours.decoded_s, ours.sent_s)
    figures["unwatched_decoded_audio_ratio"] = _share(unwatched.decoded_s, unwatched.sent_s)
    figures["false_captions_per_hour"] = _share(3600 * ours.false_captions, ours.quiet_s)
    figures["speech_withheld_percent"] = _share(100 * ours.withheld_s, ours.speech_s)
    figures["revisions_per_word"] = _share(ours.rewritten, ours.words)
    return {name: value for name, value in figures.items() if value is not None}


def turning_rows(tallies: Mapping[str, Tally]) -> list[Row]:
    """One row for each method on the programme with alternating languages."""
    return [
        {
            "row": name,
            "all %": _rounded(tally.total.wer_percent),
            "mislabelled %": _rounded(_share(100 * tally.mislabelled, tally.captioned), 1),
            "audio": _rounded(_share(tally.decoded_s, tally.sent_s)),
        }
        for name, tally in tallies.items()
    ]


def turning_figures(tallies: Mapping[str, Tally]) -> dict[str, float]:
    """The figures of that programme."""
    figures = {
        "turning_wer_percent": tallies[OURS].total.wer_percent,
        "turning_whole_wer_percent": tallies[WHOLE].total.wer_percent,
        "turning_mislabelled_percent": _share(100 * tallies[OURS].mislabelled, tallies[OURS].captioned),
    }
    return {name: value for name, value in figures.items() if value is not None}


def penalty(tally: Tally, whole: float | None) -> float | None:
    """Difference between a row's word error rate and that of whole sentences, in points."""
    live = tally.total.wer_percent
    return None if live is None or whole is None else live - whole


def _row(name: str, tally: Tally, whole: float | None) -> Row:
    row: Row = {"row": name}
    row |= {f"{language} %": _rounded(errors.wer_percent) for language, errors in sorted(tally.errors.items())}
    row["all %"] = _rounded(tally.total.wer_percent)
    if name not in (WHOLE, *SCRIPTED):
        row["penalty"] = _rounded(penalty(tally, whole))
    if name != WHOLE:
        row["borders"] = tally.borders
        counts = {"lost": tally.lost, "doubled": tally.doubled, "cut": tally.cut}
        row |= {what: _whole(tally.per_10k(count)) for what, count in counts.items()}
    row |= {f"word {q}": _rounded(_quantile(tally.time_errors_s, p)) for q, p in (("p50", 50), ("p95", 95))}
    if name != WHOLE:
        row |= {f"shown {q}": _rounded(_quantile(tally.first_shown_s, p)) for q, p in (("p50", 50), ("p95", 95))}
        row |= {f"final {q}": _rounded(_quantile(tally.final_s, p)) for q, p in (("p50", 50), ("p95", 95))}
        row["revised"] = _rounded(_share(tally.rewritten, tally.words), 3)
    if name not in (WHOLE, *SCRIPTED):
        row["audio"] = _rounded(_share(tally.decoded_s, tally.sent_s))
        row["false / h"] = _rounded(_share(3600 * tally.false_captions, tally.quiet_s), 1)
    if name not in SCRIPTED:
        for condition in CONDITIONS:
            row[condition] = _rounded(tally.by_condition.get(condition, Errors()).wer_percent)
    return row


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _quantile(values: Sequence[float], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if values else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)
