"""A language that Whisper lacks learns by the token of one that it has.

A token of its own would have to stand behind the timestamps, and every program takes what stands there for timestamps.
It would know nothing, too, while the token of a language that is alike has learnt its sounds and letters.
`undertext.json` says what the token stands for, so captions name the language that is spoken.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from trainer.errors import PlanError
from trainer.models.checkpoints import Loaded
from trainer.models.tokenizer import listed

_PAIR = re.compile(r"([a-z]{2,3})=([a-z]{2,3})")


def borrowed(words: Sequence[str]) -> dict[str, str]:
    """Languages, and whose token each of them is to have, out of words like ga=cy.

    Raises:
        PlanError: a word is no such pair, or two share a token.
    """
    tokens: dict[str, str] = {}
    for word in words:
        pair = _PAIR.fullmatch(word)
        if pair is None:
            raise PlanError(f"--token {word}: it is the code of a language and whose token that is to have, as ga=cy")
        if pair[2] in tokens.values() or pair[1] in tokens:
            raise PlanError(f"--token {','.join(words)}: no language is named twice, nor two for one token")
        tokens[pair[1]] = pair[2]
    return tokens


def lend(loaded: Loaded, words: Sequence[str], spoken: Collection[str]) -> Loaded:
    """The checkpoint with tokens for languages that it lacks.

    Args:
        words: as ga=cy.
        spoken: the languages of the clips.

    Raises:
        PlanError: it does not fit the checkpoint, or the clips.
    """
    told, speller = f"--token {','.join(words)}", loaded.speller
    if words and not speller.multilingual:
        raise PlanError(f"{told}: {loaded.name} knows English only, and is told no language")
    for borrower, lender in (tokens := borrowed(words)).items():
        if borrower not in spoken:
            raise PlanError(f"{told}: the corpus has no {borrower}, only {listed(spoken)}")
        if borrower in speller.languages:
            raise PlanError(f"{told}: {loaded.name} has {borrower} itself; leave it out")
        if lender not in speller.languages:
            known = listed(speller.languages)
            raise PlanError(f"{told}: {loaded.name} has no language {lender!r} either (it has {known})")
        if lender in spoken:
            raise PlanError(f"{told}: the corpus has {lender}, too, which needs its token; choose one that it has not")
    for borrower, lender in speller.borrowed.items():
        if lender in spoken:
            raise PlanError(
                f"{loaded.name} learnt {borrower} by the token of {lender}, which the corpus has, too: begin from the "
                f"checkpoint that it was made from, with another --token for {borrower}"
            )
    return replace(loaded, speller=replace(speller, borrowed={**speller.borrowed, **tokens})) if tokens else loaded
