"""What an earlier run of `prepare` has left in the corpus' folder, and whether the sources still say the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.corpus import corrections
from trainer.corpus.clips import Clip, Corpus, Split
from trainer.corpus.drops import OF_AUDIO, Reason
from trainer.corpus.listening import digest
from trainer.corpus.sources.candidate import Candidate, FileAudio


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
    clips: Iterable[Clip],
    dropped: Mapping[str, Reason],
    candidates: Sequence[Candidate],
    splits: Sequence[Split | None],
    wanted: Iterable[int],
) -> Iterator[str]:
    """A sentence, if anything is not as the sources have it now.

    Args:
        clips, dropped: of an earlier run; what this one has dropped by now is not wanted.
        splits: of the candidates.
        wanted: places of those that are to be listened to.
    """
    now = {candidates[place].id: place for place in wanted}
    changed = sum(
        clip.id not in now
        or any(
            getattr(clip, name) != value
            for name, value in described(candidates[now[clip.id]], splits[now[clip.id]]).items()
        )
        for clip in clips
    )
    found = sum(id in now and _is_there(candidates[now[id]], reason) for id, reason in dropped.items())
    if changed + found:
        yield (
            f"{changed:,} clips are not as the sources have them now (another text, say, or split), and {found:,} were "
            "dropped that are all right now: what an earlier run did is not done again, and --again does all of it."
        )


def _is_there(clip: Candidate, reason: Reason) -> bool:
    """Whether a clip that is wanted was dropped for what is so no more, as far as that can be told unheard."""
    if reason is Reason.MISSING:
        return isinstance(clip.audio, FileAudio) and clip.audio.path.is_file()
    return reason not in OF_AUDIO
