"""Text as word error rates compare it: the normaliser that everyone uses, and the traps in it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

from wire.languages import SPACELESS


@dataclass(frozen=True)
class Normaliser:
    """Lower case without punctuation. `name` belongs beside every figure: another normaliser gives another one.

    Attributes:
        apart: its words are characters.
    """

    name: str
    _clean: Callable[[str], str]
    apart: bool = False

    def __call__(self, text: str) -> str:
        return " ".join(self._clean(text).split())

    def characters(self, normalised: str) -> str:
        """What of a normalised text counts in a character error rate: spaces, too, unless they were put in here."""
        return normalised.replace(" ", "") if self.apart else normalised


def normaliser(language: str, spelling: Mapping[str, str] | None = None) -> Normaliser:
    """The right one for a language.

    English has one of its own (numbers, contractions, British spelling), as far as the checkpoint brings the table of
    spellings in its normalizer.json; everything else, and English without it, has the basic one.

    Without spaces between words, a sentence would be one, wrong with its first mistake: there, each character counts as
    a word, as in Whisper's paper (Radford et al. 2022, appendix C).
    """
    if language == "en" and spelling:
        return Normaliser("EnglishTextNormalizer, normalizer.json of the checkpoint", EnglishTextNormalizer(spelling))
    # `remove_diacritics=True` would make other words of å ä ö, and its default takes the vowels out of Hindi or
    # Thai: they are marks that no composition swallows. `clean` is what the normaliser calls for both.
    apart = language in SPACELESS
    basic = BasicTextNormalizer(remove_diacritics=False, split_letters=apart)
    vars(basic)["clean"] = without_symbols
    name = "BasicTextNormalizer, diacritics kept"
    return Normaliser(f"{name}, each character a word" if apart else name, basic, apart)


def without_symbols(text: str) -> str:
    """Punctuation and symbols become spaces; a mark stays with its letter, and goes with its symbol."""
    kept: list[str] = []
    for character in unicodedata.normalize("NFKC", text):
        category = unicodedata.category(character)[0]
        bare = category == "M" and (not kept or kept[-1].isspace())
        kept.append(" " if category in "SP" or bare else character)
    return "".join(kept)
