"""Which clips each epoch used, by column: clips and hours, compared with the corpus and the requested shares.

Examples are functions of their index, so nothing is counted during training: the number of examples is sufficient.
"""

from __future__ import annotations

import itertools
import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.atomic import write_atomically
from trainer.corpus.clips import Clip
from trainer.reports.balance import Group, top_groups
from trainer.training.clip_source import ClipSource
from trainer.training.sampling import Sampler, grouped

#: The columns in seen.json.
SEEN_COLUMNS = ("accent", "speaker", "gender", "age", "language", "source")


def seen_groups(clips: Sequence[Clip], sampler: Sampler, column: str, drawn: NDArray[np.int64]) -> list[Group]:
    """One row for each value of a column, the most frequent first.

    Args:
        drawn: indices of the clips that were drawn.
    """
    values, of = _values(clips, column)
    hours = np.array([clip.duration_s for clip in clips]) / 3600
    count = len(values)
    in_train, in_train_h = np.bincount(of, minlength=count), np.bincount(of, hours, count)
    expected = 100 * np.bincount(of, sampler.shares(), count)
    draws, drawn_h = np.bincount(of[drawn], minlength=count), np.bincount(of[drawn], hours[drawn], count)
    distinct = np.bincount(of[np.unique(drawn)], minlength=count)
    rows = [
        Group(
            values[i],
            int(in_train[i]),
            round(float(in_train_h[i]), 4),
            round(float(expected[i]), 3),
            int(draws[i]),
            round(100 * float(draws[i]) / max(1, len(drawn)), 3),
            int(distinct[i]),
            round(float(drawn_h[i]), 4),
        )
        for i in range(count)
    ]
    return sorted(rows, key=lambda row: (-row.clips, row.value))


def epochs_of(source: ClipSource, examples: int) -> Iterator[range]:
    """The example indices of each epoch, up to the first `examples` examples."""
    for epoch in itertools.count():
        first, last = source.epoch_starts(epoch), min(examples, source.epoch_starts(epoch + 1))
        if first >= examples:
            return
        yield range(first, last)


def write_seen(path: Path, source: ClipSource, examples: int, columns: Sequence[str] = SEEN_COLUMNS) -> None:
    """Write seen.json: what the first `examples` examples were, epoch by epoch.

    {"columns": [...], "note": "what a user should know about the balance",
     "epochs": [{"epoch": 0, "draws": n, "clips": n, "hours": h, "without_speech": n,
                 "groups": {"accent": [Group, ...]}}]}

    For each epoch: `draws` examples with speech; `clips` in them, including those joined to the first, and their
    `hours`; `without_speech` examples.

    A missing value is `(unknown)`, and keeps its natural share however others are balanced.

    Batches reorder examples by a few hundred, so the counts of the last epoch are exact to within that.
    """
    epochs = []
    for epoch, indices in enumerate(epochs_of(source, examples)):
        drawn, non_speech = _drawn_clips(source, indices)
        groups = {
            column: [asdict(row) for row in top_groups(seen_groups(source.clips, source.sampler, column, drawn))]
            for column in columns
        }
        hours = sum(source.clips[i].duration_s for i in drawn.tolist()) / 3600
        epochs.append(
            {
                "epoch": epoch,
                "draws": len(indices) - non_speech,
                "clips": len(drawn),
                "hours": round(hours, 4),
                "without_speech": non_speech,
                "groups": groups,
            }
        )
    document = {"columns": list(columns), "note": source.sampler.note, "epochs": epochs}
    write_atomically(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def _drawn_clips(source: ClipSource, indices: Iterable[int]) -> tuple[NDArray[np.int64], int]:
    """The indices of all clips in these examples, and the number of examples without speech."""
    places = {clip.id: place for place, clip in enumerate(source.clips)}
    drawn, non_speech = array("q"), 0
    for index in indices:
        window = source.window(index)
        drawn.extend(places[placed.clip.id] for placed in window)
        non_speech += not window
    return np.array(drawn, np.int64), non_speech


def _values(clips: Sequence[Clip], column: str) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct values of a column, and the index of each clip's value."""
    places: dict[str, int] = {}
    of = np.array([places.setdefault(value, len(places)) for (value,) in grouped(clips, (column,))], np.int64)
    return list(places), of
