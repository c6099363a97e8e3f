"""Which clips a model can be trained on; those left out are counted by reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable

from tqdm import tqdm

from trainer.corpus.clips import Clip
from trainer.errors import PlanError
from trainer.models.tokenizer import Speller, listed
from trainer.training.team import is_first

#: The beginning of the reason for clips that are too long.
_TOO_LONG = "longer than the context"


def fitting(
    clips: Collection[Clip], speller: Speller, context_s: float, most_tokens: int, language: str = ""
) -> tuple[list[Clip], Counter[str]]:
    """The clips that fit the context, in audio and in tokens, and how many do not, by reason.

    Raises:
        PlanError: the model lacks one of their languages.
    """
    kept: list[Clip] = []
    dropped: Counter[str] = Counter()
    # Shown only if it takes a while, as with a million clips.
    for clip in tqdm(clips, "check clips", unit="clip", leave=False, delay=2.0, disable=not is_first()):
        # With timestamps, there is no <|notimestamps|>.
        tokens = _prefix(speller, language or clip.language) + tokens_of(clip, speller, language) - 1
        if clip.duration_s > context_s:
            dropped[f"{_TOO_LONG} of {context_s:g} s"] += 1
        elif tokens > most_tokens:
            dropped[f"more text than {most_tokens} tokens"] += 1
        else:
            kept.append(clip)
    return kept, dropped


def advice_on_length(reasons: Iterable[str], context_s: float) -> str:
    """What to do about clips that are too long for the context; empty if there are none."""
    if not any(reason.startswith(_TOO_LONG) for reason in reasons):
        return ""
    return f"`prepare --max-s {math.floor(context_s * 100) / 100:g}` cuts recordings with subtitles into clips that fit"


def tokens_of(clip: Clip, speller: Speller, language: str = "") -> int:
    """Tokens of a clip's text, with a timestamp at either end of each segment; `language` overrides the clip's."""
    return len(speller.text(clip.text, language or clip.language)) + 2 * max(1, len(clip.segments))


def _prefix(speller: Speller, language: str) -> int:
    if not speller.multilingual and language != "en":
        raise PlanError(
            f"the model supports English only, and the corpus has {language!r}: start from a multilingual one"
        )
    try:
        return len(speller.prefix(language))
    except KeyError as error:
        raise PlanError(
            f"the model has no language {language!r} (it has {listed(speller.languages)}): train it with the token of "
            f"a similar language (--token {language}=CODE), or set another --language"
        ) from error
