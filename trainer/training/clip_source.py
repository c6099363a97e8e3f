"""An endless source of training examples from a prepared corpus: sampled, joined and augmented clips, and audio
without speech.

Example `index` is a function of (seed, index): it depends neither on where a run was killed nor on which process makes
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.corpus.clips import Clip, Corpus
from trainer.errors import PlanError
from trainer.examples import SAMPLE_RATE, Example
from trainer.training import joining
from trainer.training.joining import Joiner, Placed
from trainer.training.sampling import Sampler

Audio = NDArray[np.float32]

#: Separate random streams of one example.
_AUGMENT, _NON_SPEECH, _JOIN = 1, 2, 3


class Augment(Protocol):
    """Augments audio, deterministically given the generator."""

    def lengthening(self, rng: np.random.Generator) -> float:
        """The factor by which the audio gets longer; the first value drawn from the generator. Cheap."""

    def __call__(self, audio: Audio, rng: np.random.Generator) -> Audio:
        """Augment mono audio at SAMPLE_RATE, [n]; the result has round(n * lengthening) samples.

        The generator must be in the same state as when `lengthening` was called.
        """


class NonSpeech(Protocol):
    """Makes audio without speech, for a `share` of all examples."""

    @property
    def share(self) -> float: ...

    def duration_s(self, rng: np.random.Generator) -> float:
        """Its duration; the first value drawn from the generator. Cheap."""

    def __call__(self, rng: np.random.Generator) -> Audio:
        """Make the audio. The generator must be in the same state as when `duration_s` was called."""


class ClipSource:
    """An ExampleSource over clips of a corpus.

    Args:
        clips: to train on, in the order that the sampler was made for.
        sampler: chooses the clips.
        augment: augments them; None: no augmentation.
        non_speech: makes examples without speech, in addition to the clips and evenly spread among them.
        language: overrides the language of all clips.
        joiner: samples the clips that follow a clip in its window; None: clips are not joined.
    """

    def __init__(
        self,
        corpus: Corpus,
        clips: Sequence[Clip],
        sampler: Sampler,
        augment: Augment | None = None,
        non_speech: NonSpeech | None = None,
        seed: int = 1,
        language: str = "",
        joiner: Joiner | None = None,
    ) -> None:
        if non_speech is not None and not 0 <= non_speech.share < 1:
            raise PlanError(
                f"the share of examples without speech must be at least 0 and below 1, not {non_speech.share:g}"
            )
        self.corpus, self.clips, self.sampler = corpus, clips, sampler
        self._augment, self._non_speech = augment, non_speech
        self._seed, self._language, self._joiner = seed, language, joiner

    def clip(self, index: int) -> Clip | None:
        """The first clip of example `index`; None if it has no speech."""
        return None if self._is_non_speech(index) else self.clips[self.sampler.clip(self.draw(index))]

    def draw(self, index: int) -> int:
        """The number of clips drawn for the examples before `index`."""
        return index - self._non_speech_before(index)

    def epoch_starts(self, epoch: int) -> int:
        """The index of the first example of an epoch, when the sampler has completed the epochs before it."""
        draws = epoch * self.sampler.draws
        index = int(draws / (1 - (self._non_speech.share if self._non_speech else 0.0)))
        while self.draw(index) < draws:
            index += 1
        while index and self.draw(index - 1) >= draws:
            index -= 1
        return index

    def window(self, index: int) -> list[Placed]:
        """The clip of an example and those joined to it; empty if it has no speech."""
        clip = self.clip(index)
        if clip is None:
            return []
        return self._joiner.window(clip, self._rng(index, _JOIN)) if self._joiner else [Placed(clip, 0)]

    def duration_s(self, index: int) -> float:
        window = self.window(index)
        if not window:
            assert self._non_speech is not None
            return self._non_speech.duration_s(self._rng(index, _NON_SPEECH))
        return round(window[-1].end * self._lengthening(index)) / SAMPLE_RATE

    def example(self, index: int) -> Example:
        window = self.window(index)
        if not window:
            assert self._non_speech is not None
            # The decoder input has a language even if the label is <|nospeech|>: take that of the latest clip.
            latest = self.clips[self.sampler.clip(max(0, self.draw(index) - 1))]
            audio = self._non_speech(self._rng(index, _NON_SPEECH))
            return Example(audio, self._language or latest.language, (), speech=False)
        audio = joining.audio_of(window, self.corpus.audio)
        if self._augment:
            audio = self._augment(audio, self._rng(index, _AUGMENT))
        return joining.example_of(window, audio, self._lengthening(index), self._language)

    def _lengthening(self, index: int) -> float:
        return self._augment.lengthening(self._rng(index, _AUGMENT)) if self._augment else 1.0

    def _rng(self, index: int, stream: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, index, stream])

    def _non_speech_before(self, index: int) -> int:
        return int(index * self._non_speech.share) if self._non_speech else 0

    def _is_non_speech(self, index: int) -> bool:
        return self._non_speech_before(index + 1) > self._non_speech_before(index)


def example_of(clip: Clip, audio: Audio, lengthening: float = 1.0, language: str = "") -> Example:
    """A clip as an example, with its augmented audio, which is `lengthening` times as long as before."""
    return joining.example_of([Placed(clip, 0)], audio, lengthening, language)
