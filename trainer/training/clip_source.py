"""Examples without end out of a prepared corpus: which clip, how it is disturbed, and now and then nobody speaking.

Example `index` is a function of (seed, index): of where a run was killed, or which process makes it, nothing depends.
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

#: Random streams of one example: how it is disturbed is drawn apart from what it is.
_DISTURB, _QUIET, _JOIN = 1, 2, 3


class Augment(Protocol):
    """Disturbs audio in a way that is a function of the generator alone."""

    def lengthening(self, rng: np.random.Generator) -> float:
        """By which factor the audio becomes longer: what is drawn first of the generator. Cheap."""

    def __call__(self, audio: Audio, rng: np.random.Generator) -> Audio:
        """Disturb mono audio of SAMPLE_RATE, [n]; the result has round(n * lengthening) samples.

        The generator is to be in the state in which `lengthening` was given it.
        """


class Quiet(Protocol):
    """Makes sound in which nobody speaks; a `share` of all examples shall be of it."""

    @property
    def share(self) -> float: ...

    def duration_s(self, rng: np.random.Generator) -> float:
        """How long it is: what is drawn first of the generator. Cheap."""

    def __call__(self, rng: np.random.Generator) -> Audio:
        """Make it; the generator is to be in the state in which `duration_s` was given it."""


class ClipSource:
    """An ExampleSource over clips of a corpus.

    Args:
        clips: those to train on, in the order that the sampler was made for.
        sampler: which of them comes when.
        augment: how they are disturbed; None: not at all.
        quiet: examples without speech between them, as many as its share says. They are drawn on top of the clips,
            and are spread evenly.
        language: of all clips, in place of what they say.
        joiner: draws what follows a clip in its window; None: nothing does.
    """

    def __init__(
        self,
        corpus: Corpus,
        clips: Sequence[Clip],
        sampler: Sampler,
        augment: Augment | None = None,
        quiet: Quiet | None = None,
        seed: int = 1,
        language: str = "",
        joiner: Joiner | None = None,
    ) -> None:
        if quiet is not None and not 0 <= quiet.share < 1:
            raise PlanError(f"the share of examples without speech is from 0 to below 1, not {quiet.share:g}")
        self.corpus, self.clips, self.sampler = corpus, clips, sampler
        self._augment, self._quiet = augment, quiet
        self._seed, self._language, self._joiner = seed, language, joiner

    def clip(self, index: int) -> Clip | None:
        """The clip that example `index` begins with; None: nobody speaks in it."""
        return None if self._is_quiet(index) else self.clips[self.sampler.clip(self.draw(index))]

    def draw(self, index: int) -> int:
        """How many clips were drawn for the examples before `index`."""
        return index - self._quiet_before(index)

    def epoch_starts(self, epoch: int) -> int:
        """Number of the first example of an epoch: when the sampler was drawn from as often as its epochs say."""
        draws = epoch * self.sampler.draws
        index = int(draws / (1 - (self._quiet.share if self._quiet else 0.0)))
        while self.draw(index) < draws:
            index += 1
        while index and self.draw(index - 1) >= draws:
            index -= 1
        return index

    def window(self, index: int) -> list[Placed]:
        """The clip of an example and those that follow it there; none: nobody speaks in it."""
        clip = self.clip(index)
        if clip is None:
            return []
        return self._joiner.window(clip, self._rng(index, _JOIN)) if self._joiner else [Placed(clip, 0)]

    def duration_s(self, index: int) -> float:
        window = self.window(index)
        if not window:
            assert self._quiet is not None
            return self._quiet.duration_s(self._rng(index, _QUIET))
        return round(window[-1].end * self._lengthening(index)) / SAMPLE_RATE

    def example(self, index: int) -> Example:
        window = self.window(index)
        if not window:
            assert self._quiet is not None
            # Some language stands in the prompt even where the label is <|nospeech|>: a clip's that was heard lately.
            latest = self.clips[self.sampler.clip(max(0, self.draw(index) - 1))]
            audio = self._quiet(self._rng(index, _QUIET))
            return Example(audio, self._language or latest.language, (), speech=False)
        audio = joining.audio_of(window, self.corpus.audio)
        if self._augment:
            audio = self._augment(audio, self._rng(index, _DISTURB))
        return joining.example_of(window, audio, self._lengthening(index), self._language)

    def _lengthening(self, index: int) -> float:
        return self._augment.lengthening(self._rng(index, _DISTURB)) if self._augment else 1.0

    def _rng(self, index: int, stream: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, index, stream])

    def _quiet_before(self, index: int) -> int:
        return int(index * self._quiet.share) if self._quiet else 0

    def _is_quiet(self, index: int) -> bool:
        return self._quiet_before(index + 1) > self._quiet_before(index)


def example_of(clip: Clip, audio: Audio, lengthening: float = 1.0, language: str = "") -> Example:
    """A clip as an example, with its audio as it is now: so many times as long as it was."""
    return joining.example_of([Placed(clip, 0)], audio, lengthening, language)
