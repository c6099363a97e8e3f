"""Counts how many captions a person has corrected. The others were written by a model, and contain its mistakes.

Someone who reads a whole recording and leaves correct lines as they are corrects few of them: an uncorrected caption is
not necessarily wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trainer.corpus.clips import Clip
from trainer.corpus.sources.candidate import Candidate
from trainer.corpus.sources.cues import PERSON

#: Maximum number of models named in a note.
_MAX_NAMED = 3


def count(candidates: Iterable[Candidate]) -> dict[str, Counter[str]]:
    """Count the captions of each source by writer, where known; refused clips do not count."""
    counts: dict[str, Counter[str]] = {}
    for clip in candidates:
        if clip.caption_writers and not clip.refused:
            counts.setdefault(clip.source, Counter()).update(clip.caption_writers)
    return counts


def document(writers: Mapping[str, int]) -> dict[str, Any]:
    """Return the counts in the form of corpus.json."""
    by_model = Counter({name: n for name, n in writers.items() if name != PERSON})
    return {"corrected": writers.get(PERSON, 0), "written_by": dict(by_model.most_common())}


def note(source: str, writers: Mapping[str, int]) -> str:
    """Return a note on a source's uncorrected captions; empty if all were corrected."""
    models = document(writers)["written_by"]
    if not models:
        return ""
    corrected, total = writers.get(PERSON, 0), sum(writers.values())
    hint = " To use only the corrected ones, add corrected=only after the source." if corrected else ""
    return (
        f"{source}: {corrected:,} of {total:,} captions were corrected; {join_names(list(models))} wrote the others. "
        "Unless someone has checked them, a model trained on them learns its mistakes, and error rates on them measure "
        f"agreement with it.{hint}"
    )


def model_of(writers: Sequence[str]) -> str:
    """Return the model that wrote most of a clip's captions if most are uncorrected; empty otherwise, or if unknown."""
    by_model = Counter(name for name in writers if name != PERSON)
    return by_model.most_common(1)[0][0] if 2 * by_model.total() > len(writers) else ""


def writers_of(clips: Iterable[Clip]) -> list[str]:
    """Return the models that wrote these clips' texts, if they wrote most of them; else an empty list."""
    spoken = [clip.written_by for clip in clips if clip.text]
    by_model = Counter(filter(None, spoken))
    return [name for name, _ in by_model.most_common()] if 2 * by_model.total() > len(spoken) else []


def agreement(where: str, models: Sequence[str]) -> str:
    """Return a note on what error rates on these texts measure; empty if the texts are not from models."""
    if not models:
        return ""
    return (
        f"Most texts of {where} were written by {join_names(models)} and not corrected: unless someone has checked "
        "them, error rates on them measure agreement with that model, not accuracy."
    )


def join_names(models: Sequence[str]) -> str:
    """Join the names of models."""
    names = [*models[:_MAX_NAMED], *([f"{len(models) - _MAX_NAMED} others"] if len(models) > _MAX_NAMED else [])]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
