"""Several clips in one window: on air a window has the end of one sentence and the beginning of the next.

Corpora such as Common Voice have one sentence a clip. A model that was trained on those alone has learnt that a text
ends where a sentence does: on 102 such clips it made 0.3 % of errors, and 25 % on the same clips one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer.corpus.clips import Clip
from trainer.examples import SAMPLE_RATE, Example, TimedWord
from wire.languages import PHRASED, SPACELESS, apart

Audio = NDArray[np.float32]
Key = TypeVar("Key", bound=Hashable)

#: Silence between two clips, in seconds; most have some of their own at either end.
PAUSE_S = (0.0, 0.6)
#: Chance that the next clip is by the same speaker, who may have no other; and that there is one more behind it.
SAME_SPEAKER, ONE_MORE = 0.5, 0.7
#: Clips that are tried for one that fits.
_TRIES = 4


@dataclass(frozen=True)
class Placed:
    """A clip and the first of its samples in a window."""

    clip: Clip
    first: int

    @property
    def end(self) -> int:
        return self.first + self.clip.n_samples


class Joiner:
    """Draws what follows a clip in its window.

    Args:
        clips: to choose from; those without text follow nothing.
        shares: how often each is drawn where clips stand alone; what follows is drawn alike.
        share: of clips that something follows, as far as there is room.
        most_s: the longest that a window may be.
        tokens: how many a clip's text takes.
        most_tokens: of all texts in a window.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        shares: NDArray[np.float64],
        share: float,
        most_s: float,
        tokens: Callable[[Clip], int],
        most_tokens: int,
    ) -> None:
        self._share, self._tokens, self._most_tokens = share, tokens, most_tokens
        self._most_samples = int(most_s * SAMPLE_RATE)
        spoken = [n for n, clip in enumerate(clips) if clip.text]
        self._languages = _grouped(clips, shares, spoken, lambda clip: clip.language)
        self._speakers = _grouped(clips, shares, spoken, lambda clip: (clip.language, clip.speaker or clip.id))

    def window(self, clip: Clip, rng: np.random.Generator) -> list[Placed]:
        """The clip and those behind it."""
        placed = [Placed(clip, 0)]
        if not clip.text or rng.random() >= self._share:
            return placed
        room = self._most_tokens - self._tokens(clip)
        while follower := self._follower(placed, room, rng):
            placed.append(follower)
            room -= self._tokens(follower.clip)
            if rng.random() >= ONE_MORE:
                break
        return placed

    def _follower(self, placed: Sequence[Placed], room: int, rng: np.random.Generator) -> Placed | None:
        last = placed[-1]
        first = last.end + round(float(rng.uniform(*PAUSE_S)) * SAMPLE_RATE)
        drawn = self._languages[last.clip.language]
        if rng.random() < SAME_SPEAKER:
            drawn = self._speakers[last.clip.language, last.clip.speaker or last.clip.id]
        for _ in range(_TRIES):
            found = Placed(drawn.draw(rng), first)
            there = any(found.clip is each.clip for each in placed)
            if not there and found.end <= self._most_samples and self._tokens(found.clip) <= room:
                return found
        return None


class _Group:
    """Clips to be drawn, each by its weight."""

    def __init__(self, clips: Sequence[Clip], weights: NDArray[np.float64]) -> None:
        self._clips, self._until = clips, np.cumsum(weights)

    def draw(self, rng: np.random.Generator) -> Clip:
        at = int(np.searchsorted(self._until, rng.random() * self._until[-1], side="right"))
        return self._clips[min(at, len(self._clips) - 1)]


def _grouped(
    clips: Sequence[Clip], shares: NDArray[np.float64], spoken: Sequence[int], key: Callable[[Clip], Key]
) -> dict[Key, _Group]:
    places: dict[Key, list[int]] = {}
    for place in spoken:
        places.setdefault(key(clips[place]), []).append(place)
    return {name: _Group([clips[n] for n in some], shares[some]) for name, some in places.items()}


def audio_of(placed: Sequence[Placed], audio: Callable[[Clip], Audio]) -> Audio:
    """The sound of a window."""
    if len(placed) == 1:
        return audio(placed[0].clip)
    sound = np.zeros(placed[-1].end, np.float32)
    for each in placed:
        sound[each.first : each.end] = audio(each.clip)
    return sound


def example_of(placed: Sequence[Placed], audio: Audio, lengthening: float = 1.0, language: str = "") -> Example:
    """A window as an example, with its audio as it is now: so many times as long as it was."""
    first = placed[0].clip
    words: list[TimedWord] = []
    segments: list[tuple[float, float, str]] = []
    for each in placed:
        start_s, end_s = (samples / SAMPLE_RATE for samples in (each.first, each.end))
        clip = each.clip
        inside = [(start_s + start, start_s + end, text) for start, end, text in clip.segments]
        if not inside and len(placed) > 1:
            inside = [(start_s, end_s, clip.text)]
        segments += [(start * lengthening, end * lengthening, text) for start, end, text in inside]
        said = clip.text.split()
        if words and said and not _spaced(words[-1].text, said[0], language or first.language):
            said[0] = words.pop().text + said[0]
        words += [TimedWord(word, start_s * lengthening, end_s * lengthening) for word in said]
    return Example(
        audio,
        language or first.language,
        tuple(words),
        speech=bool(words),
        id=first.id,
        previous=first.previous,
        segments=tuple(segments),
        timed=False,
    )


def _spaced(before: str, after: str, language: str) -> bool:
    """Whether a space is written between two clips: one stands between phrases, also of Thai, but of no Chinese."""
    return language not in SPACELESS - PHRASED or apart(before, after)
