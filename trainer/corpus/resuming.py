"""The clips of an earlier run of `prepare`, and whether the sources have changed since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from trainer.corpus import corrections
from trainer.corpus.clips import Clip, Split, audio_path
from trainer.corpus.drops import OF_AUDIO, Reason
from trainer.corpus.recordings import Recordings, stamp_of
from trainer.corpus.sources.candidate import Audio, Candidate, FileAudio


def clip_fields(clip: Candidate, split: Split | None) -> dict[str, Any]:
    """Return the fields of the candidate's `Clip`, except the location of its audio."""
    names = ("id", "text", "language", "source", "speaker", "accent", "gender", "age", "previous", "segments")
    written_by = corrections.model_of(clip.caption_writers)
    return {"split": split, "written_by": written_by, **{name: getattr(clip, name) for name in names}}


def outdated_notes(
    folder: Path,
    recordings: Recordings,
    clips: Iterable[Clip],
    dropped: Mapping[str, Reason],
    candidates: Sequence[Candidate],
    splits: Sequence[Split | None],
    wanted: Iterable[int],
) -> Iterator[str]:
    """Yield a note if the corpus no longer matches the sources.

    Args:
        folder: of the corpus, before this run writes to it.
        recordings: the state of the recordings when they were decoded.
        clips, dropped: of earlier runs.
        splits: of the candidates.
        wanted: indices of the candidates that are to be decoded or already have been.
    """
    now = {candidates[index].id: index for index in wanted}
    replaced = _Replaced(folder, recordings)
    changed = sum(
        clip.id not in now
        or replaced.has(clip, candidates[now[clip.id]].audio)
        or any(
            getattr(clip, name) != value
            for name, value in clip_fields(candidates[now[clip.id]], splits[now[clip.id]]).items()
        )
        for clip in clips
    )
    usable = sum(id in now and _may_be_usable(candidates[now[id]], reason) for id, reason in dropped.items())
    if changed + usable:
        yield (
            f"{changed:,} clips differ from the sources as they are now (in text, split or recording), and {usable:,} "
            "dropped clips may be usable now. Results of earlier runs are kept as they are: --again prepares all anew."
        )


class _Replaced:
    """Recognises recordings that were replaced after their clips were written."""

    def __init__(self, folder: Path, recordings: Recordings) -> None:
        self._recordings = recordings
        self._written_ns = cache(lambda file: audio_path(folder, file).stat().st_mtime_ns)
        self._stamp_of = cache(stamp_of)

    def has(self, clip: Clip, audio: Audio) -> bool:
        if not isinstance(audio, FileAudio) or not (stamp := self._stamp_of(audio.path)):
            return False  # a removed recording, or one on a disk that is not mounted, is not a replaced one
        if before := self._recordings.of(audio.path):
            return stamp != before
        # A corpus from before stamps were recorded: only a newer file is recognised.
        return stamp[1] > self._written_ns(clip.file)


def _may_be_usable(clip: Candidate, reason: Reason) -> bool:
    """Whether the reason for dropping a wanted clip no longer applies, as far as this is known without decoding."""
    if reason is Reason.MISSING:
        return isinstance(clip.audio, FileAudio) and clip.audio.path.is_file()
    return reason not in OF_AUDIO
