"""Notes on the sources of a corpus: what a user who trains on them should know or check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from trainer.corpus import corrections, writing_style
from trainer.corpus.sources.candidate import Candidate, Source
from trainer.corpus.sources.folder import several_texts, without_speakers
from trainer.corpus.sources.languages import language_code, unknown


def source_notes(
    candidates: Sequence[Candidate], captions: Mapping[str, Counter[str]], sources: Sequence[Source], language: str
) -> Iterator[str]:
    """Yield the notes, each a sentence or two.

    Args:
        captions: by source, who wrote its captions (`corrections.count`).
        language: the value of --language.
    """
    yield from filter(None, (corrections.note(source, writers) for source, writers in captions.items()))
    yield from _on_languages(candidates, sources, language)
    for source in sources:
        own = [clip for clip in candidates if f"{clip.source}/".startswith(f"{source.name}/")]
        yield from filter(None, (several_texts(own), without_speakers(Path(source.path).expanduser(), own)))
        yield from filter(None, [writing_style.note(source.name, (clip.text for clip in own if not clip.refused))])


def _on_languages(candidates: Sequence[Candidate], sources: Sequence[Source], language: str) -> Iterator[str]:
    """Yield notes on languages that Whisper lacks, and on language options that had no effect."""
    spoken: dict[str, Counter[str]] = {}
    for clip in candidates:
        if clip.speech and not clip.refused:
            spoken.setdefault(clip.source, Counter())[clip.language] += 1
    yield from filter(None, map(unknown, sorted(set().union(*spoken.values()))))
    given = [("language=", source.language, source.name) for source in sources if source.language]
    for option, value, name in [*given, *([("--language ", language, "")] if language else [])]:
        of = [counts for source, counts in spoken.items() if f"{source}/".startswith(f"{name}/" if name else "")]
        counted = sum(of, Counter())
        if counted and language_code(value) not in counted:
            declared = " and ".join(f"{code} of {n:,}" for code, n in counted.most_common() if code)
            yield (
                f"{name or 'Every source'} declares the language of its clips itself ({declared}): {option}{value} "
                "applies only to clips without a declared language, and was not used."
            )
