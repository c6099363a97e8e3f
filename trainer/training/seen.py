"""Which clips each epoch used, by column: clips and hours, compared with the corpus and the requested shares.

Examples are functions of their index, so nothing is counted during training: the number of examples is sufficient.
"""

from __future__ import annotations

import itertools
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from trainer.atomic import write_atomically
from trainer.corpus.clips import Clip
from trainer.reports.balance import Group, top_groups
from trainer.training.clip_source import ClipSource
from trainer.training.sampling import Sampler, grouped

#: The columns in seen.json.
SEEN_COLUMNS = ("accent", "speaker", "gender", "age", "language", "source")
#: No progress is shown if it takes less than this.
_SOON_S = 2.0


class Counted:
    """A column of clips, counted once for all epochs: a large corpus has tens of thousands of speakers."""

    def __init__(self, clips: Sequence[Clip], sampler: Sampler, column: str) -> None:
        self._values, self._of = _values(clips, column)
        self._hours = np.array([clip.duration_s for clip in clips]) / 3600
        count = len(self._values)
        self._in_train = np.bincount(self._of, minlength=count)
        self._in_train_h = np.bincount(self._of, self._hours, count)
        self._expected_percent = 100 * np.bincount(self._of, sampler.shares(), count)

    def groups(self, drawn: NDArray[np.int64]) -> list[Group]:
        """One row for each value, the most frequent first.

        Args:
            drawn: indices of the clips that were drawn.
        """
        count, of = len(self._values), self._of[drawn]
        draws, drawn_h = np.bincount(of, minlength=count), np.bincount(of, self._hours[drawn], count)
        distinct = np.bincount(self._of[np.unique(drawn)], minlength=count)
        rows = [
            Group(
                self._values[i],
                int(self._in_train[i]),
                round(float(self._in_train_h[i]), 4),
                round(float(self._expected_percent[i]), 3),
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
    counted = {column: Counted(source.clips, source.sampler, column) for column in columns}
    places = {clip.id: place for place, clip in enumerate(source.clips)}
    bar = tqdm(total=examples, desc="count the clips of each epoch", unit="example", leave=False, delay=_SOON_S)
    for epoch, indices in enumerate(epochs_of(source, examples)):
        drawn, non_speech = _drawn_clips(source, indices, places, bar.update)
        groups = {column: [asdict(row) for row in top_groups(of.groups(drawn))] for column, of in counted.items()}
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
    bar.close()
    document = {"columns": list(columns), "note": source.sampler.note, "epochs": epochs}
    write_atomically(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def _drawn_clips(
    source: ClipSource, indices: Iterable[int], places: Mapping[str, int], on_example: Callable[[], object]
) -> tuple[NDArray[np.int64], int]:
    """The indices of all clips in these examples, and the number of examples without speech.

    Args:
        places: indices of the clips by id.
        on_example: called after each example.
    """
    drawn, non_speech = array("q"), 0
    for index in indices:
        window = source.window(index)
        drawn.extend(places[placed.clip.id] for placed in window)
        non_speech += not window
        on_example()
    return np.array(drawn, np.int64), non_speech


def _values(clips: Sequence[Clip], column: str) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct values of a column, and the index of each clip's value."""
    places: dict[str, int] = {}
    of = np.array([places.setdefault(value, len(places)) for (value,) in grouped(clips, (column,))], np.int64)
    return list(places), of
