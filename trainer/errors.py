"""What the trainer cannot do, told in a sentence: `python -m trainer` prints it and exits with 1.

TrainerError
├── CorpusError      a prepared corpus is none, or is damaged          corpus.clips
├── PlanError        options that contradict each other, or the folder they go on in
├── RunError         a folder is no run                                run_folder
├── RecogniserError  a checkpoint cannot be used, or not for this      evaluation.recogniser
├── CheckpointError  a checkpoint cannot be trained on                 models.checkpoints
├── PublishError     a run cannot be published                         publishing.publish
├── NoRoom           a device's memory is too small for what was asked
├── StudyGone        Redis has lost a search                           tuning.journal
├── Diverged         training came to numbers that are none            training.loop
├── SourceError      a source of clips cannot be read at all
└── AudioError       one recording cannot be read: a reason to drop it, never the end
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
