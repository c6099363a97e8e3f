"""What an earlier run of `prepare` has left in the corpus' folder, and whether the sources still say the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from trainer.corpus import corrections
from trainer.corpus.clips import Clip, Corpus, Split, audio_path
from trainer.corpus.drops import OF_AUDIO, Reason
from trainer.corpus.listening import digest
from trainer.corpus.recordings import Recordings, stamp_of
from trainer.corpus.sources.candidate import Audio, Candidate, FileAudio


def written(folder: Path) -> tuple[tuple[Clip, ...], dict[bytes, str]]:
    """The clips that are there, and their ids by the digests of their audio."""
    corpus = Corpus(folder, finished=False)
    return corpus.clips, {digest(corpus.samples(clip)): clip.id for clip in corpus.clips}


def described(clip: Candidate, split: Split | None) -> dict[str, Any]:
    """The fields of its `Clip` but for where its audio is."""
    names = ("id", "text", "language", "source", "speaker", "accent", "gender", "age", "previous", "segments")
    written_by = corrections.model_of(clip.writers)
    return {"split": split, "written_by": written_by, **{name: getattr(clip, name) for name in names}}


def outdated(
    folder: Path,
    recordings: Recordings,
    clips: Iterable[Clip],
    dropped: Mapping[str, Reason],
    candidates: Sequence[Candidate],
    splits: Sequence[Split | None],
    wanted: Iterable[int],
) -> Iterator[str]:
    """A sentence, if anything is not as the sources have it now.

    Args:
        folder: the corpus', in which nothing was written by now.
        recordings: as they were when they were decoded.
        clips, dropped: of an earlier run; what this one has dropped by now is not wanted.
        splits: of the candidates.
        wanted: places of those that are to be listened to.
    """
    now = {candidates[place].id: place for place in wanted}
    replaced = _Replaced(folder, recordings)
    changed = sum(
        clip.id not in now
        or replaced.has(clip, candidates[now[clip.id]].audio)
        or any(
            getattr(clip, name) != value
            for name, value in described(candidates[now[clip.id]], splits[now[clip.id]]).items()
        )
        for clip in clips
    )
    found = sum(id in now and _is_there(candidates[now[id]], reason) for id, reason in dropped.items())
    if changed + found:
        yield (
            f"{changed:,} clips are not as the sources have them now (another text, split or recording), and "
            f"{found:,} were dropped that are all right now: what an earlier run did is not done again, and --again "
            "does all of it."
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


def _is_there(clip: Candidate, reason: Reason) -> bool:
    """Whether a clip that is wanted was dropped for what is so no more, as far as that can be told unheard."""
    if reason is Reason.MISSING:
        return isinstance(clip.audio, FileAudio) and clip.audio.path.is_file()
    return reason not in OF_AUDIO
