"""Which clips a model can be trained on; what is left out is counted by its reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from trainer.corpus.clips import Clip
from trainer.errors import PlanError
from trainer.models.tokenizer import Speller, listed

#: How the reason begins why a clip is left out that is too long.
_LONGER = "longer than the context"


def fitting(
    clips: Iterable[Clip], speller: Speller, context_s: float, most_tokens: int, language: str = ""
) -> tuple[list[Clip], Counter[str]]:
    """Clips no longer than the context, in audio and in tokens.

    Raises:
        PlanError: the model lacks a language of theirs.
    """
    kept: list[Clip] = []
    dropped: Counter[str] = Counter()
    for clip in clips:
        # With timestamps, <|notimestamps|> is gone.
        tokens = _prefix(speller, language or clip.language) + tokens_of(clip, speller, language) - 1
        if clip.duration_s > context_s:
            dropped[f"{_LONGER} of {context_s:g} s"] += 1
        elif tokens > most_tokens:
            dropped[f"more text than {most_tokens} tokens"] += 1
        else:
            kept.append(clip)
    return kept, dropped


def shorter(reasons: Iterable[str], context_s: float) -> str:
    """What to do about clips that are too long for the context; empty: none is."""
    if not any(reason.startswith(_LONGER) for reason in reasons):
        return ""
    return f"`prepare --max-s {math.floor(context_s * 100) / 100:g}` cuts recordings with subtitles into clips that fit"


def tokens_of(clip: Clip, speller: Speller, language: str = "") -> int:
    """What its text takes, with a timestamp at either end of each segment; `language` in place of its own."""
    return len(speller.text(clip.text, language or clip.language)) + 2 * max(1, len(clip.segments))


def _prefix(speller: Speller, language: str) -> int:
    if not speller.multilingual and language != "en":
        raise PlanError(f"the model knows English only, and the corpus has {language!r}: begin from a multilingual one")
    try:
        return len(speller.prefix(language))
    except KeyError as error:
        raise PlanError(
            f"the model has no language {language!r} (it has {listed(speller.languages)}): let it learn that by the "
            f"token of one that is like it (--token {language}=CODE), or call it another with --language"
        ) from error
