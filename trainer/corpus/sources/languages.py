"""Languages as sources and users name them, and the codes that Whisper has for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache, lru_cache

from trainer.errors import PlanError
from wire.languages import CODES, WHISPERS_CODES

#: What a language's token can be called.
_CODE = re.compile(r"[a-z]{2,3}")


@lru_cache(maxsize=1024)
def language_code(name: str) -> str:
    """Whisper's code for a language: sv-SE, sv_SE and Swedish are sv; `-` is none. What is no language stays."""
    lowered = name.strip().lower()
    primary = lowered.replace("_", "-").partition("-")[0]
    if len(primary) > 3:
        names = _names()
        known = (names[word] for word in (lowered, *lowered.split()) if word in names)  # FLEURS: Mandarin Chinese
        return next(known, primary)
    return WHISPERS_CODES.get(primary, primary)


def check(language: str, where: str) -> None:
    """See whether a model can have a language at all, be it Whisper's or not.

    Args:
        where: who says that this is a language.

    Raises:
        PlanError: it cannot.
    """
    code = language_code(language)
    if code and not _CODE.fullmatch(code):
        raise PlanError(
            f"{where}: {language!r} is no language{_meant(code)}. Give a code of two or three letters, as sv or yue, "
            "or a name in English"
        )


def unknown(code: str) -> str:
    """What to say of a language that is not among Whisper's; empty if it is.

    A model from nothing learns its tokenizer from the corpus, which then has a token for each language in it.
    """
    if code in CODES or not code:
        return ""
    return (
        f"Whisper has no language {code!r}{_meant(code)}: a checkpoint learns it by the token of one that it has "
        f"(train --token {code}=CODE); a model from nothing (--model new:SIZE) has a token for it."
    )


def _meant(code: str) -> str:
    if len(code) < 3:  # a code of a language that Whisper lacks: ga is Irish, and no Galician
        return ""
    names = _names()
    near = get_close_matches(code, names, n=1, cutoff=0.7) or [name for name in names if name.startswith(code)]
    return f" (do you mean {names[near[0]]}, {near[0].title()}?)" if len(near) == 1 else ""


@cache
def _names() -> Mapping[str, str]:
    """Codes by English names."""
    from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE  # takes a second

    names: dict[str, str] = TO_LANGUAGE_CODE
    return names
