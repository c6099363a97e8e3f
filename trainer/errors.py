"""What the trainer cannot do, told in a sentence: `python -m trainer` prints it and exits with 1.

TrainerError
├── CorpusError    a prepared corpus is none, or is damaged          trainer.clips
├── PlanError      options that contradict each other, or the folder they go on in
├── RecogniserError  a checkpoint cannot be used, or not for this corpus   trainer.recogniser
├── CheckpointError  a checkpoint cannot be trained on                     trainer.checkpoints
├── PublishError   a run cannot be published                         trainer.publishing
├── NoRoom         a device's memory is too small for what was asked
├── StudyGone      Redis has lost a search                           trainer.tuning.journal
├── SourceError    a source of clips cannot be read at all
└── AudioError     one recording cannot be read                      trainer.decode; a reason to drop, never the end
"""

from __future__ import annotations


class TrainerError(Exception):
    """The root; its text is for the user."""


class PlanError(TrainerError):
    """Options contradict each other, or the folder in which they go on; the text says which to change."""


class NoRoom(TrainerError):
    """A device's memory is too small for what was asked; the text says what takes less."""


class SourceError(TrainerError):
    """A source of clips cannot be read at all; the text names it and says what is wrong."""


class AudioError(TrainerError):
    """A recording cannot be read: neither libsndfile nor ffmpeg makes anything of it."""
