"""Text normalisation for error rates: Whisper's normalisers, with fixes for non-English text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

from wire.languages import SPACELESS


@dataclass(frozen=True)
class Normaliser:
    """Lower-cases text and removes punctuation.

    Attributes:
        name: reported with every error rate, which depends on the normaliser.
        apart: each character counts as a word.
    """

    name: str
    _clean: Callable[[str], str]
    apart: bool = False

    def __call__(self, text: str) -> str:
        return " ".join(self._clean(text).split())

    def characters(self, normalised: str) -> str:
        """The text for the character error rate: with its spaces, unless the normaliser inserted them."""
        return normalised.replace(" ", "") if self.apart else normalised


def normaliser(language: str, spelling: Mapping[str, str] | None = None) -> Normaliser:
    """The normaliser for a language.

    English has its own (numbers, contractions, British spelling) if the checkpoint has the spelling table
    normalizer.json; other languages, and English without it, use the basic one.

    In languages without spaces, a sentence would be a single word; there, each character counts as a word, as in
    Whisper's paper (Radford et al. 2022, appendix C).
    """
    if language == "en" and spelling:
        return Normaliser("EnglishTextNormalizer, normalizer.json of the checkpoint", EnglishTextNormalizer(spelling))
    # `remove_diacritics=True` would turn å ä ö into other letters, and the default removes vowels of Hindi and Thai,
    # which are combining marks without a composed form. The normaliser calls `clean` in both cases.
    apart = language in SPACELESS
    basic = BasicTextNormalizer(remove_diacritics=False, split_letters=apart)
    vars(basic)["clean"] = without_symbols
    name = "BasicTextNormalizer, diacritics kept"
    return Normaliser(f"{name}, each character a word" if apart else name, basic, apart)


def without_symbols(text: str) -> str:
    """Replace punctuation and symbols by spaces. Combining marks are kept after letters, and removed after symbols."""
    kept: list[str] = []
    for character in unicodedata.normalize("NFKC", text):
        category = unicodedata.category(character)[0]
        bare = category == "M" and (not kept or kept[-1].isspace())
        kept.append(" " if category in "SP" or bare else character)
    return "".join(kept)
