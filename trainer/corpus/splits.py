"""Assigns clips to train, dev and test so that no voice is in two of them, unless requested otherwise.

A voice is a speaker, or a recording if its speaker is unknown. A release's own splits are kept where they are disjoint;
a voice in several splits is moved to the one with most of its clips. Without splits, a hash of the voice decides, so
that adding data does not move existing voices.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from trainer.corpus.cleaning import has_words
from trainer.corpus.clips import SPLITS, Split
from trainer.corpus.sources.candidate import Candidate

#: disjoint: the sources' own, made disjoint. release: the sources' own, even if voices are in several. speaker: new
#: ones. clip: new ones by clip, the only possibility with a single voice.
Mode = Literal["disjoint", "release", "speaker", "clip"]

#: Explanation of an empty split, by what is split.
_TOO_FEW = {
    "clips": "there are too few clips.",
    "voices": (
        "there are too few voices, as none may be in two splits. --splits release keeps a source's own splits even if "
        "a voice is in several; --splits clip splits by clip, as is necessary with a single voice."
    ),
}


@dataclass(frozen=True)
class Shares:
    """The shares of voices in new dev and test splits."""

    dev_percent: float = 5.0
    test_percent: float = 5.0

    def of(self, voice: str) -> Split:
        """Return the split of a voice, determined by its name."""
        place = 100 * _hash(voice)
        if place < self.test_percent:
            return "test"
        return "dev" if place < self.test_percent + self.dev_percent else "train"

    def wanted(self) -> tuple[Split, ...]:
        return tuple(s for s, share in (("test", self.test_percent), ("dev", self.dev_percent)) if share > 0)  # type: ignore[misc]


@dataclass(frozen=True)
class Assignment:
    """The split of each candidate, in order, with statistics and notes.

    Attributes:
        splits: None for clips that are not used: unusable, or held out, as their source gives them no split and their
            voice is in dev or test.
        crossing: number of voices that the sources have in several splits.
        moved: number of clips in another split than in their source.
        notes: sentences for the report.
        made: splits that are not the sources' own.
    """

    splits: tuple[Split | None, ...]
    crossing: int
    moved: int
    notes: tuple[str, ...]
    made: tuple[Split, ...] = ()


def assign(candidates: Sequence[Candidate], mode: Mode, shares: Shares) -> Assignment:
    """Assign a split to every candidate, ignoring those that will certainly be dropped."""
    usable = [_is_usable(clip) for clip in candidates]
    if not all(usable):
        assignment = assign(
            [clip for clip, is_usable in zip(candidates, usable, strict=True) if is_usable], mode, shares
        )
        splits = iter(assignment.splits)
        return replace(assignment, splits=tuple(next(splits) if is_usable else None for is_usable in usable))
    if mode == "clip":
        alone = [replace(clip, speaker=clip.id, split=None) for clip in candidates]
        note = "Splits were made by clip: voices of train are also in dev and test."
        assignment = _completed(_by_hash(alone, shares), alone, 0, shares, mode)
        return replace(assignment, notes=(note, *assignment.notes), made=())
    own: dict[str, Counter[Split]] = {}
    for clip in candidates:
        if clip.split:
            own.setdefault(clip.voice, Counter())[clip.split] += 1
    crossing = sum(len(counts) > 1 for counts in own.values())
    if mode == "release":
        return _completed(_by_release(candidates, own, shares), candidates, crossing, shares, mode)
    if mode == "disjoint" and own:
        homes = {voice: _home(counts) for voice, counts in own.items()}
        lost = {split for counts in own.values() for split in counts} - set(homes.values())
        if not lost:
            return _completed(_by_voice(candidates, homes, shares), candidates, crossing, shares, mode)
        note = (
            f"Every voice of {' and '.join(sorted(lost))} is also in another split of its source, so new splits were "
            "made by voice. --splits release keeps the source's own, which then measure voices that were trained on."
        )
        assignment = _completed(_by_hash(candidates, shares), candidates, crossing, shares, "speaker")
        return replace(assignment, notes=(note, *assignment.notes))
    return _completed(_by_hash(candidates, shares), candidates, crossing, shares, "speaker")


def _is_usable(clip: Candidate) -> bool:
    """Whether a clip is usable, as far as this is known without decoding it and without the other clips."""
    return not clip.refused and (not clip.speech or has_words(clip.text))


def _by_release(candidates: Sequence[Candidate], own: dict[str, Counter[Split]], shares: Shares) -> list[Split | None]:
    kept = _by_voice(candidates, {voice: _home(counts) for voice, counts in own.items()}, shares)
    return [clip.split or split for clip, split in zip(candidates, kept, strict=True)]


def _by_voice(candidates: Sequence[Candidate], homes: dict[str, Split], shares: Shares) -> list[Split | None]:
    """Assign voices to their home split; clips without a split do not enlarge a release's dev and test."""
    with_splits = {clip.source for clip in candidates if clip.split}
    theirs = {clip.voice for clip in candidates if clip.source in with_splits}
    splits: list[Split | None] = []
    for clip in candidates:
        home = homes.get(clip.voice)
        if home is None:
            splits.append("train" if clip.voice in theirs else shares.of(clip.voice))
        else:
            splits.append(home if clip.split or home == "train" else None)
    return splits


def _by_hash(candidates: Sequence[Candidate], shares: Shares) -> list[Split | None]:
    chosen = {voice: shares.of(voice) for voice in {clip.voice for clip in candidates}}
    n_train, lacking = list(chosen.values()).count("train"), set(shares.wanted()) - set(chosen.values())
    if n_train <= len(lacking):  # too few voices for this: `_fill` chooses dev and test from all of them
        return ["train"] * len(candidates)
    return [chosen[clip.voice] for clip in candidates]


def _completed(
    splits: list[Split | None], candidates: Sequence[Candidate], crossing: int, shares: Shares, mode: Mode
) -> Assignment:
    """Fill empty splits from train, and write the notes."""
    notes = []
    parted = "clips" if mode == "clip" else "voices"
    filled = [split for split in shares.wanted() if split not in splits and _fill(split, splits, candidates, shares)]
    notes += [f"There was no {split}: some of the {parted} in train were moved to it." for split in filled]
    if lacking := [split for split in shares.wanted() if splits and split not in splits]:
        notes.append(f"There is no {' and no '.join(lacking)}: {_TOO_FEW[parted]}")
    if splits and "train" not in splits:
        notes.append("There is no train: every voice is in dev or test. --splits speaker makes new splits.")
    moved = sum(bool(c.split) and s is not None and s != c.split for c, s in zip(candidates, splits, strict=True))
    if mode == "disjoint" and crossing:
        notes.append(
            f"{crossing:,} voices were in several splits: {moved:,} clips were moved to the split with most of theirs."
        )
    if mode == "release" and crossing:
        notes.append(
            f"{crossing:,} voices are in several splits, as in the source: test contains voices that were trained on."
        )
    made = shares.wanted() if mode == "speaker" else tuple(filled)
    return Assignment(tuple(splits), crossing, moved, tuple(notes), made)


def _fill(split: Split, splits: list[Split | None], candidates: Sequence[Candidate], shares: Shares) -> bool:
    """Move voices from train to `split`, in the order of a hash, until it has its share; at least one stays."""
    share = shares.test_percent if split == "test" else shares.dev_percent
    sizes = Counter(clip.voice for clip, s in zip(candidates, splits, strict=True) if s == "train")
    total = sizes.total()
    # Not the order of `Shares.of`, by which the first voices are already in test.
    order = sorted(sizes, key=lambda voice: _hash(f"{split} {voice}"))
    before = itertools.accumulate((sizes[voice] for voice in order), initial=0)
    chosen = {voice for voice, taken in zip(order[:-1], before, strict=False) if 100 * taken < share * total}
    for position, clip in enumerate(candidates):
        if splits[position] == "train" and clip.voice in chosen:
            splits[position] = split
    return bool(chosen)


def _home(counts: Counter[Split]) -> Split:
    """Return the split with most clips; of equals, prefer test and dev."""
    return max(reversed(SPLITS), key=lambda split: counts[split])


def _hash(text: str) -> float:
    """Hash a text to 0…1, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64
