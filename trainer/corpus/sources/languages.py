"""Maps names of languages in sources and options to Whisper's codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache, lru_cache

from trainer.errors import PlanError
from wire.languages import CODES, WHISPERS_CODES

#: A valid code in a language token.
_CODE = re.compile(r"[a-z]{2,3}")


@lru_cache(maxsize=1024)
def language_code(name: str) -> str:
    """Return Whisper's code for a language: sv for sv-SE, sv_SE and Swedish. Unknown names are returned as they are."""
    lowered = name.strip().lower()
    primary = lowered.replace("_", "-").partition("-")[0]
    if len(primary) > 3:
        names = _names()
        known = (names[word] for word in (lowered, *lowered.split()) if word in names)  # FLEURS: Mandarin Chinese
        return next(known, primary)
    return WHISPERS_CODES.get(primary, primary)


def check(language: str, where: str) -> None:
    """Check that a name is a language or a valid language code, even if Whisper lacks it.

    Args:
        where: the option or clip that the name is from.

    Raises:
        PlanError: it is neither.
    """
    code = language_code(language)
    if code and not _CODE.fullmatch(code):
        raise PlanError(
            f"{where}: {language!r} is not a language{_suggestion(code)}. Give a code of two or three letters, such as "
            "sv or yue, or an English name"
        )


def unknown(code: str) -> str:
    """Return a note on a language that Whisper lacks; empty if it has it.

    A model trained from scratch learns its tokenizer from the corpus, with a token for each of its languages.
    """
    if code in CODES or not code:
        return ""
    return (
        f"Whisper has no language {code!r}{_suggestion(code)}: a checkpoint learns it with another language's "
        f"token (train --token {code}=CODE); a model trained from scratch (--model new:SIZE) has a token for it."
    )


def _suggestion(code: str) -> str:
    if len(code) < 3:  # a code that Whisper lacks: ga is Irish, not Galician
        return ""
    names = _names()
    near = get_close_matches(code, names, n=1, cutoff=0.7) or [name for name in names if name.startswith(code)]
    return f" (did you mean {names[near[0]]}, {near[0].title()}?)" if len(near) == 1 else ""


@cache
def _names() -> Mapping[str, str]:
    """Return language codes by English names."""
    from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE  # takes a second

    names: dict[str, str] = TO_LANGUAGE_CODE
    return names
