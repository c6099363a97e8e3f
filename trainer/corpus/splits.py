"""Train, dev and test: no voice is in two of them, unless that is asked for.

A voice is a speaker, or a recording where no speaker is known. A release's own splits are kept where they are disjoint;
a voice that crosses goes to the split that has most of it. Where there are none, a hash of the voice chooses, so that
more data moves nobody.
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

#: disjoint: the sources' own, mended. release: the sources' own, even if voices cross. speaker: new ones.
#: clip: new ones, clip by clip, which is all that can be done where there is one voice.
Mode = Literal["disjoint", "release", "speaker", "clip"]

#: Why a split is empty, and what to do, by what is parted.
_TOO_FEW = {
    "clips": "for these there are too few clips.",
    "voices": (
        "for these there are too few voices, none of which is in two splits. --splits release keeps a source's own "
        "splits, also where they part a voice; --splits clip parts every voice, as must be where there is one."
    ),
}


@dataclass(frozen=True)
class Shares:
    """How much of the voices goes to dev and test, where there are no splits."""

    dev_percent: float = 5.0
    test_percent: float = 5.0

    def of(self, voice: str) -> Split:
        """The split of a voice, by its name alone."""
        place = 100 * _hash(voice)
        if place < self.test_percent:
            return "test"
        return "dev" if place < self.test_percent + self.dev_percent else "train"

    def wanted(self) -> tuple[Split, ...]:
        return tuple(s for s, share in (("test", self.test_percent), ("dev", self.dev_percent)) if share > 0)  # type: ignore[misc]


@dataclass(frozen=True)
class Assignment:
    """The split of each candidate, in their order, and what there is to say of it.

    Attributes:
        splits: None where a clip is not to be used, or held out: it has no split of its own, and its voice is in dev
            or test.
        crossing: voices that the sources have in several splits.
        moved: clips that are in another split than their source says.
        notes: sentences for the report.
        made: splits that are not the sources' own.
    """

    splits: tuple[Split | None, ...]
    crossing: int
    moved: int
    notes: tuple[str, ...]
    made: tuple[Split, ...] = ()


def assign(candidates: Sequence[Candidate], mode: Mode, shares: Shares) -> Assignment:
    """Give every candidate its split; those that will certainly be dropped have none, and fill none."""
    usable = [_is_usable(clip) for clip in candidates]
    if not all(usable):
        found = assign([clip for clip, is_usable in zip(candidates, usable, strict=True) if is_usable], mode, shares)
        splits = iter(found.splits)
        return replace(found, splits=tuple(next(splits) if is_usable else None for is_usable in usable))
    if mode == "clip":
        alone = [replace(clip, speaker=clip.id, split=None) for clip in candidates]
        note = "Splits were made by clip: dev and test have voices that are in train, too."
        found = _noted(_anew(alone, shares), alone, 0, shares, mode)
        return replace(found, notes=(note, *found.notes), made=())
    own: dict[str, Counter[Split]] = {}
    for clip in candidates:
        if clip.split:
            own.setdefault(clip.voice, Counter())[clip.split] += 1
    crossing = sum(len(counts) > 1 for counts in own.values())
    if mode == "release":
        return _noted(_by_release(candidates, own, shares), candidates, crossing, shares, mode)
    if mode == "disjoint" and own:
        homes = {voice: _home(counts) for voice, counts in own.items()}
        lost = {split for counts in own.values() for split in counts} - set(homes.values())
        if not lost:
            return _noted(_by_voice(candidates, homes, shares), candidates, crossing, shares, mode)
        note = (
            f"Every voice of {' and '.join(sorted(lost))} is in another split of its source, too: splits were made "
            "anew by voice. --splits release keeps the source's own, which then measure voices that were trained on."
        )
        found = _noted(_anew(candidates, shares), candidates, crossing, shares, "speaker")
        return replace(found, notes=(note, *found.notes))
    return _noted(_anew(candidates, shares), candidates, crossing, shares, "speaker")


def _is_usable(clip: Candidate) -> bool:
    """Whether it can come into the corpus, as far as that is known unheard and without the other clips."""
    return not clip.refused and (not clip.speech or has_words(clip.text))


def _by_release(candidates: Sequence[Candidate], own: dict[str, Counter[Split]], shares: Shares) -> list[Split | None]:
    kept = _by_voice(candidates, {voice: _home(counts) for voice, counts in own.items()}, shares)
    return [clip.split or split for clip, split in zip(candidates, kept, strict=True)]


def _by_voice(candidates: Sequence[Candidate], homes: dict[str, Split], shares: Shares) -> list[Split | None]:
    """Voices with a home go there; what has no split of its own does not swell the release's dev and test."""
    with_splits = {clip.source for clip in candidates if clip.split}
    theirs = {clip.voice for clip in candidates if clip.source in with_splits}
    found: list[Split | None] = []
    for clip in candidates:
        home = homes.get(clip.voice)
        if home is None:
            found.append("train" if clip.voice in theirs else shares.of(clip.voice))
        else:
            found.append(home if clip.split or home == "train" else None)
    return found


def _anew(candidates: Sequence[Candidate], shares: Shares) -> list[Split | None]:
    chosen = {voice: shares.of(voice) for voice in {clip.voice for clip in candidates}}
    n_train, lacking = list(chosen.values()).count("train"), set(shares.wanted()) - set(chosen.values())
    if n_train <= len(lacking):  # of a few voices, most may have been chosen to measure on: `_fill` chooses of all then
        return ["train"] * len(candidates)
    return [chosen[clip.voice] for clip in candidates]


def _noted(
    splits: list[Split | None], candidates: Sequence[Candidate], crossing: int, shares: Shares, mode: Mode
) -> Assignment:
    """Fill what is empty, and say what was done."""
    notes = []
    parted = "clips" if mode == "clip" else "voices"
    filled = [split for split in shares.wanted() if split not in splits and _fill(split, splits, candidates, shares)]
    notes += [f"There was no {split}: some of the {parted} in train became it." for split in filled]
    if lacking := [split for split in shares.wanted() if splits and split not in splits]:
        notes.append(f"There is no {' and no '.join(lacking)}: {_TOO_FEW[parted]}")
    if splits and "train" not in splits:
        notes.append("There is no train: every voice is in dev or test. --splits speaker makes other splits.")
    moved = sum(bool(c.split) and s is not None and s != c.split for c, s in zip(candidates, splits, strict=True))
    if mode == "disjoint" and crossing:
        notes.append(f"{crossing:,} voices were in several splits: {moved:,} clips moved to where most of theirs are.")
    if mode == "release" and crossing:
        notes.append(f"{crossing:,} voices are in several splits, as in the source: its test knows trained voices.")
    made = shares.wanted() if mode == "speaker" else tuple(filled)
    return Assignment(tuple(splits), crossing, moved, tuple(notes), made)


def _fill(split: Split, splits: list[Split | None], candidates: Sequence[Candidate], shares: Shares) -> bool:
    """Voices of train become `split`, by their hashes, until it has its share; one at least stays."""
    share = shares.test_percent if split == "test" else shares.dev_percent
    sizes = Counter(clip.voice for clip, s in zip(candidates, splits, strict=True) if s == "train")
    total = sizes.total()
    # Of another order than that of `of`: the first of it would be in test already.
    order = sorted(sizes, key=lambda voice: _hash(f"{split} {voice}"))
    before = itertools.accumulate((sizes[voice] for voice in order), initial=0)
    chosen = {voice for voice, taken in zip(order[:-1], before, strict=False) if 100 * taken < share * total}
    for position, clip in enumerate(candidates):
        if splits[position] == "train" and clip.voice in chosen:
            splits[position] = split
    return bool(chosen)


def _home(counts: Counter[Split]) -> Split:
    """Where most is; of equals, what is measured with."""
    return max(reversed(SPLITS), key=lambda split: counts[split])


def _hash(text: str) -> float:
    """0…1, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64
