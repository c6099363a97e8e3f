"""The contents of corpus.json: sizes by source and split, notes, and a fingerprint."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from trainer.corpus import corrections
from trainer.corpus.clips import SPLITS, Clip
from trainer.corpus.drops import Reason
from trainer.corpus.sources.candidate import Source
from trainer.corpus.splits import Assignment
from trainer.examples import SAMPLE_RATE


def about(
    lines: Iterable[bytes],
    plan: Mapping[str, Any],
    sources: Sequence[Source],
    assignment: Assignment,
    dropped: Counter[Reason],
    digests: Iterable[bytes],
    captions: Mapping[str, Counter[str]],
) -> dict[str, Any]:
    """Return the contents of corpus.json; the fingerprint depends on all texts, columns and samples.

    Args:
        lines: of clips.jsonl, read one at a time: all lines and clips of a large corpus take gigabytes.
        plan: as in prepare.json.
        captions: by source, who wrote its captions (`corrections.count`).
    """
    counted = _Counted()
    fingerprint = hashlib.blake2b(digest_size=16)
    for line in lines:
        fingerprint.update(line)
        counted.add(Clip.of_line(line.decode()))
    for digest in digests:
        fingerprint.update(digest)
    return {
        "plan": plan,
        "fingerprint": fingerprint.hexdigest(),
        "sources": [
            {
                **asdict(source),
                "lists": list(source.lists),
                **counted.of_source(source.name),
                **({"captions": corrections.document(captions[source.name])} if source.name in captions else {}),
            }
            for source in sources
        ],
        "languages": dict(counted.languages.most_common()),
        "splits": {split: counted.of_split(split) for split in SPLITS},
        "splits_made": list(assignment.made),
        "voices_crossing": assignment.crossing,
        "clips_moved": assignment.moved,
        "notes": [*assignment.notes, *_missing_splits(counted, assignment), *_unknown_speakers(counted, plan)],
        "dropped": {reason.value: dropped[reason] for reason in Reason if dropped[reason]},
    }


class _Counted:
    """Numbers of clips."""

    def __init__(self) -> None:
        self.languages: Counter[str] = Counter()
        self.unknown_speakers = 0
        self._clips: Counter[tuple[str, str]] = Counter()
        self._samples: Counter[tuple[str, str]] = Counter()

    def add(self, clip: Clip) -> None:
        self.languages[clip.language] += 1
        self.unknown_speakers += bool(clip.text) and not clip.speaker
        self._clips[clip.source, clip.split] += 1
        self._samples[clip.source, clip.split] += clip.n_samples

    def of_source(self, name: str) -> dict[str, int | float]:
        """The size of a source with its parts (`name/part`)."""
        return self._size([key for key in self._clips if f"{key[0]}/".startswith(f"{name}/")])

    def of_split(self, split: str) -> dict[str, int | float]:
        return self._size([key for key in self._clips if key[1] == split])

    def _size(self, keys: Iterable[tuple[str, str]]) -> dict[str, int | float]:
        clips, samples = (sum(counts[key] for key in keys) for counts in (self._clips, self._samples))
        return {"clips": clips, "hours": round(samples / SAMPLE_RATE / 3600, 4)}


def _missing_splits(counted: _Counted, assignment: Assignment) -> Iterator[str]:
    for split in SPLITS:
        if counted.languages and split in assignment.splits and not counted.of_split(split)["clips"]:
            yield f"There is no {split}: all of its clips were dropped."


def _unknown_speakers(counted: _Counted, plan: Mapping[str, Any]) -> Iterator[str]:
    unknown = counted.unknown_speakers
    if unknown and plan["splits"] != "clip":
        yield f"{unknown:,} clips have no known speaker: each of their recordings counts as a speaker of its own."
