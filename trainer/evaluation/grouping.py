"""Utterances in groups, by what the corpus says of them and by what can be measured."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from string import hexdigits

from trainer.augmentation.snr import estimate_db
from trainer.corpus.clips import COLUMNS, UNKNOWN, values_of
from trainer.evaluation.utterances import Utterance

#: All that can be grouped by; the last two are measured, the signal-to-noise ratio being a guess.
GROUPABLE = (*COLUMNS, "duration", "snr")
#: Enough to tell speakers apart.
_SPEAKER_DIGITS = 10

_DURATIONS_S = (2.0, 5.0, 10.0, 20.0)
_SNRS_DB = (10.0, 20.0, 30.0, 40.0)


def group(utterances: Sequence[Utterance], column: str) -> dict[str, list[int]]:
    """Indices of the utterances with each value of a column, in the order of the values.

    Whoever has several accents is in the group of each.

    Raises:
        KeyError: there is no such column.
    """
    if column not in GROUPABLE:
        raise KeyError(f"nothing is grouped by {column!r}; there are {', '.join(GROUPABLE)}")
    groups: dict[str, list[int]] = defaultdict(list)
    for index, utterance in enumerate(utterances):
        for value in _values(utterance, column):
            groups[value].append(index)
    order = {name: place for place, name in enumerate([*_names(_DURATIONS_S, "s"), *_names(_SNRS_DB, "dB")])}
    return dict(sorted(groups.items(), key=lambda item: (order.get(item[0], 0), item[0])))


def shown(column: str, value: str) -> str:
    """A value as it is read: speakers of Common Voice are 128 digits, of which the first tell them apart."""
    digits = len(value) > 2 * _SPEAKER_DIGITS and set(value) <= set(hexdigits)
    return f"{value[:_SPEAKER_DIGITS]}…" if column == "speaker" and digits else value


def _values(utterance: Utterance, column: str) -> tuple[str, ...]:
    if column == "duration":
        return (_names(_DURATIONS_S, "s")[bisect_right(_DURATIONS_S, utterance.duration_s)],)
    if column == "snr":
        return (_names(_SNRS_DB, "dB")[bisect_right(_SNRS_DB, estimate_db(utterance.audio()))],)
    if column == "language":
        return (utterance.language,)  # the corpus may have been overruled
    return values_of(column, utterance.columns.get(column, "")) or (UNKNOWN,)


def _names(edges: Sequence[float], unit: str) -> list[str]:
    """Of the buckets between the edges: `< 2 s`, `2–5 s`, … `≥ 20 s`."""
    between = [f"{low:g}–{high:g} {unit}" for low, high in pairwise(edges)]
    return [f"< {edges[0]:g} {unit}", *between, f"≥ {edges[-1]:g} {unit}"]
