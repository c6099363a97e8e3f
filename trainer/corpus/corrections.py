"""How much of captions a person has corrected. Of the others a model is the author, whose mistakes are in them.

Who read a whole recording and left right lines alone has corrected few: nothing here says that the others are wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trainer.corpus.clips import Clip
from trainer.corpus.sources.candidate import Candidate
from trainer.corpus.sources.cues import PERSON

#: Models that are named; a recording may have been heard by some more.
_NAMED = 3


def count(candidates: Iterable[Candidate]) -> dict[str, Counter[str]]:
    """Captions by who wrote them, of each source that says it; those that are refused are nobody's."""
    found: dict[str, Counter[str]] = {}
    for clip in candidates:
        if clip.writers and not clip.refused:
            found.setdefault(clip.source, Counter()).update(clip.writers)
    return found


def document(writers: Mapping[str, int]) -> dict[str, Any]:
    """Its form in corpus.json."""
    heard = Counter({name: n for name, n in writers.items() if name != PERSON})
    return {"corrected": writers.get(PERSON, 0), "written_by": dict(heard.most_common())}


def note(source: str, writers: Mapping[str, int]) -> str:
    """What whoever trains on a source's captions should know, in a sentence or two; empty: all were corrected."""
    heard = document(writers)["written_by"]
    if not heard:
        return ""
    corrected, total = writers.get(PERSON, 0), sum(writers.values())
    offer = " corrected=only behind the source takes the corrected ones alone." if corrected else ""
    return (
        f"{source}: {corrected:,} of {total:,} captions were corrected; the others are what {named(list(heard))} "
        "wrote. Where nobody has read them, what is trained on them learns its mistakes, and error rates measured on "
        f"them say how far a model agrees with it.{offer}"
    )


def model_of(writers: Sequence[str]) -> str:
    """The model that wrote most of a clip's captions, if most are uncorrected; empty: a person did, or nobody says."""
    heard = Counter(name for name in writers if name != PERSON)
    return heard.most_common(1)[0][0] if 2 * heard.total() > len(writers) else ""


def writers_of(clips: Iterable[Clip]) -> list[str]:
    """The models that wrote these clips' texts, if they wrote the most of them; none: people did, or nobody says."""
    spoken = [clip.written_by for clip in clips if clip.text]
    heard = Counter(filter(None, spoken))
    return [name for name, _ in heard.most_common()] if 2 * heard.total() > len(spoken) else []


def agreement(where: str, models: Sequence[str]) -> str:
    """What error rates say there, in a sentence; empty: they say how often the model is right."""
    if not models:
        return ""
    return (
        f"Most texts of {where} are what {named(models)} wrote, uncorrected: unless somebody has read them, error "
        "rates there say how far a model agrees with it, and not how often it is right."
    )


def named(models: Sequence[str]) -> str:
    """Models in words."""
    told = [*models[:_NAMED], *([f"{len(models) - _NAMED} others"] if len(models) > _NAMED else [])]
    return " and ".join(filter(None, (", ".join(told[:-1]), *told[-1:])))
