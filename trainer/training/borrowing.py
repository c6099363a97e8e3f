"""Train a language that Whisper lacks with the token of a language that it has.

A new token would come after the timestamps, where every program expects timestamps only. It would also be untrained,
while the token of a similar language already carries its sounds and letters. `undertext.json` records the language
that the token stands for, so captions name the spoken language.
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
    """Parse words such as ga=cy: each language, and the language whose token it uses.

    Raises:
        PlanError: a word is not such a pair, or two languages share a token.
    """
    tokens: dict[str, str] = {}
    for word in words:
        pair = _PAIR.fullmatch(word)
        if pair is None:
            raise PlanError(f"--token {word}: give a language and the language whose token it uses, such as ga=cy")
        if pair[2] in tokens.values() or pair[1] in tokens:
            raise PlanError(f"--token {','.join(words)}: each language and each token can be given only once")
        tokens[pair[1]] = pair[2]
    return tokens


def lend(loaded: Loaded, words: Sequence[str], spoken: Collection[str]) -> Loaded:
    """The checkpoint with tokens for languages that it lacks.

    Args:
        words: such as ga=cy.
        spoken: the languages of the clips.

    Raises:
        PlanError: the words do not fit the checkpoint or the clips.
    """
    option, speller = f"--token {','.join(words)}", loaded.speller
    if words and not speller.multilingual:
        raise PlanError(f"{option}: {loaded.name} supports English only and has no language tokens")
    for borrower, lender in (tokens := borrowed(words)).items():
        if borrower not in spoken:
            raise PlanError(f"{option}: the corpus has no {borrower}, only {listed(spoken)}")
        if borrower in speller.languages:
            raise PlanError(f"{option}: {loaded.name} has its own token for {borrower}; leave it out")
        if lender not in speller.languages:
            known = listed(speller.languages)
            raise PlanError(f"{option}: {loaded.name} has no language {lender!r} either (it has {known})")
        if lender in spoken:
            raise PlanError(f"{option}: the corpus has {lender} too, which needs its token; choose another language")
    for borrower, lender in speller.borrowed.items():
        if lender in spoken:
            raise PlanError(
                f"{loaded.name} learnt {borrower} with the token of {lender}, which the corpus has too: start from the "
                f"checkpoint that it was trained from, with another --token for {borrower}"
            )
    return replace(loaded, speller=replace(speller, borrowed={**speller.borrowed, **tokens})) if tokens else loaded
