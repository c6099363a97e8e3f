"""Utterances in groups, by columns of the corpus and by measured values."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from string import hexdigits

from trainer.augmentation.snr import estimate_db
from trainer.corpus.clips import COLUMNS, UNKNOWN, values_of
from trainer.evaluation.utterances import Utterance

#: All columns to group by; the last two are measured, and the signal-to-noise ratio is an estimate.
GROUPABLE = (*COLUMNS, "duration", "snr")
#: Enough to distinguish speakers.
_SPEAKER_DIGITS = 10

_DURATIONS_S = (2.0, 5.0, 10.0, 20.0)
_SNRS_DB = (10.0, 20.0, 30.0, 40.0)


def group(utterances: Sequence[Utterance], column: str) -> dict[str, list[int]]:
    """Indices of the utterances with each value of a column, in the order of the values.

    Utterances of several accents are in the group of each.

    Raises:
        KeyError: the column does not exist.
    """
    if column not in GROUPABLE:
        raise KeyError(f"cannot group by {column!r}, only by {', '.join(GROUPABLE)}")
    groups: dict[str, list[int]] = defaultdict(list)
    for index, utterance in enumerate(utterances):
        for value in _values(utterance, column):
            groups[value].append(index)
    order = {name: place for place, name in enumerate([*_names(_DURATIONS_S, "s"), *_names(_SNRS_DB, "dB")])}
    return dict(sorted(groups.items(), key=lambda item: (order.get(item[0], 0), item[0])))


def shown(column: str, value: str) -> str:
    """A value for display: ids of Common Voice speakers have 128 digits, and are shortened."""
    digits = len(value) > 2 * _SPEAKER_DIGITS and set(value) <= set(hexdigits)
    return f"{value[:_SPEAKER_DIGITS]}…" if column == "speaker" and digits else value


def _values(utterance: Utterance, column: str) -> tuple[str, ...]:
    if column == "duration":
        return (_names(_DURATIONS_S, "s")[bisect_right(_DURATIONS_S, utterance.duration_s)],)
    if column == "snr":
        return (_names(_SNRS_DB, "dB")[bisect_right(_SNRS_DB, estimate_db(utterance.audio()))],)
    if column == "language":
        return (utterance.language,)  # which may override that of the corpus
    return values_of(column, utterance.columns.get(column, "")) or (UNKNOWN,)


def _names(edges: Sequence[float], unit: str) -> list[str]:
    """Names of the buckets between the edges: `< 2 s`, `2–5 s`, … `≥ 20 s`."""
    between = [f"{low:g}–{high:g} {unit}" for low, high in pairwise(edges)]
    return [f"< {edges[0]:g} {unit}", *between, f"≥ {edges[-1]:g} {unit}"]
