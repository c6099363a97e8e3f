"""What each epoch saw, by column: clips and hours beside those that are there and the share that was asked for.

Examples are functions of their index, so nothing is counted while training: how many examples were seen tells it all.
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

from trainer.corpus.clips import Clip
from trainer.replacing import write_whole
from trainer.reports.balance import Group, told_groups
from trainer.training.clip_source import ClipSource
from trainer.training.sampling import Sampler, grouped

#: What is told of each epoch.
COLUMNS_TOLD = ("accent", "speaker", "gender", "age", "language", "source")


def seen_groups(clips: Sequence[Clip], sampler: Sampler, column: str, drawn: NDArray[np.int64]) -> list[Group]:
    """One row for each value of a column, the most frequent first.

    Args:
        drawn: places of the clips that were drawn.
    """
    values, of = _values(clips, column)
    hours = np.array([clip.duration_s for clip in clips]) / 3600
    count = len(values)
    there, there_h = np.bincount(of, minlength=count), np.bincount(of, hours, count)
    wanted = 100 * np.bincount(of, sampler.shares(), count)
    draws, drawn_h = np.bincount(of[drawn], minlength=count), np.bincount(of[drawn], hours[drawn], count)
    distinct = np.bincount(of[np.unique(drawn)], minlength=count)
    rows = [
        Group(
            values[i],
            int(there[i]),
            round(float(there_h[i]), 4),
            round(float(wanted[i]), 3),
            int(draws[i]),
            round(100 * float(draws[i]) / max(1, len(drawn)), 3),
            int(distinct[i]),
            round(float(drawn_h[i]), 4),
        )
        for i in range(count)
    ]
    return sorted(rows, key=lambda row: (-row.clips, row.value))


def epochs_of(source: ClipSource, examples: int) -> Iterator[range]:
    """The examples of each epoch of which the first `examples` saw something."""
    for epoch in itertools.count():
        first, last = source.epoch_starts(epoch), min(examples, source.epoch_starts(epoch + 1))
        if first >= examples:
            return
        yield range(first, last)


def write_seen(path: Path, source: ClipSource, examples: int, columns: Sequence[str] = COLUMNS_TOLD) -> None:
    """Write seen.json: what the first `examples` examples were, epoch by epoch.

    {"columns": [...], "note": "what a user should know of the balance",
     "epochs": [{"epoch": 0, "draws": n, "clips": n, "hours": h, "without_speech": n,
                 "groups": {"accent": [Group, ...]}}]}

    Of each epoch: examples that begin with a clip; all clips, those that follow the first in its window, too, and their
    hours; examples in which nobody speaks.

    A value that clips do not say is `(unknown)`, and has the share that it has by itself, however others are balanced.

    Batches take examples out of their order by a few hundred, so the last epoch is told as exactly as that.
    """
    told = []
    for epoch, indices in enumerate(epochs_of(source, examples)):
        drawn, quiet = _heard(source, indices)
        groups = {
            column: [asdict(row) for row in told_groups(seen_groups(source.clips, source.sampler, column, drawn))]
            for column in columns
        }
        hours = sum(source.clips[i].duration_s for i in drawn.tolist()) / 3600
        told.append(
            {
                "epoch": epoch,
                "draws": len(indices) - quiet,
                "clips": len(drawn),
                "hours": round(hours, 4),
                "without_speech": quiet,
                "groups": groups,
            }
        )
    document = {"columns": list(columns), "note": source.sampler.note, "epochs": told}
    write_whole(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def _heard(source: ClipSource, indices: Iterable[int]) -> tuple[NDArray[np.int64], int]:
    """The places of all clips in examples, and in how many examples nobody speaks."""
    places = {clip.id: place for place, clip in enumerate(source.clips)}
    heard, quiet = array("q"), 0
    for index in indices:
        window = source.window(index)
        heard.extend(places[placed.clip.id] for placed in window)
        quiet += not window
    return np.array(heard, np.int64), quiet


def _values(clips: Sequence[Clip], column: str) -> tuple[list[str], NDArray[np.int64]]:
    """The different values of a column, and which of them each clip has."""
    places: dict[str, int] = {}
    of = np.array([places.setdefault(value, len(places)) for (value,) in grouped(clips, (column,))], np.int64)
    return list(places), of
