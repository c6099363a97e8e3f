"""Errors of the trainer. `python -m trainer` prints the message, which is written for the user, and exits with 1.

TrainerError
├── CorpusError      a folder is not a prepared corpus, or is damaged  corpus.clips
├── PlanError        options contradict each other, or the run or corpus they resume
├── RunError         a folder is not a run                             run_folder
├── RecogniserError  a checkpoint cannot be used, or not for this      evaluation.recogniser
├── CheckpointError  a checkpoint cannot be trained on                 models.checkpoints
├── PublishError     a run cannot be published                         publishing.publish
├── NoRoom           the device has too little memory
├── StudyGone        Redis has lost a study                            tuning.journal
├── Diverged         the loss became NaN or infinite                   training.loop
├── SourceError      a source of clips cannot be read at all
└── AudioError       one recording cannot be read; its clips are dropped and the rest is prepared
"""

from __future__ import annotations


class TrainerError(Exception):
    """The root of the trainer's errors; the message is written for the user."""


class PlanError(TrainerError):
    """Options contradict each other, or the folder that they resume; the message names the option to change."""


class NoRoom(TrainerError):
    """The device has too little memory; the message says which options need less."""


class SourceError(TrainerError):
    """A source of clips cannot be read at all; the message names it and the cause."""


class AudioError(TrainerError):
    """A recording cannot be decoded, by libsndfile or by ffmpeg."""
