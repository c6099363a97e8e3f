"""The languages that Whisper supports, by the codes of its tokens (large-v3's, a superset of those of other models)."""

from __future__ import annotations

import re

_CODES = """
    af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is
    it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk
    sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh
"""

CODES: frozenset[str] = frozenset(_CODES.split())

#: Language codes for which Whisper uses a different one.
WHISPERS_CODES = {"nb": "no", "fil": "tl", "jv": "jw", "iw": "he", "in": "id"}

#: Languages without spaces between words; text between spaces is a phrase, or a word of another language. The list is
#: Whisper's (openai/whisper, tokenizer.py, `split_to_word_tokens`) plus two with similar scripts: in Unicode's Line
#: Breaking Algorithm (UAX #14), Khmer has class SA like Thai, Lao and Burmese, and Tibetan breaks after the mark of
#: each syllable (BA), not at spaces.
SPACELESS = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})

#: Those of them with spaces between phrases, where other languages have commas; a caption counts as a phrase.
PHRASED = SPACELESS - {"zh", "yue", "ja"}

#: Scripts without any separator between words: Thai and Lao, Burmese, Khmer, Japanese, Chinese.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def needs_space(before: str, after: str) -> bool:
    """Whether two consecutive texts need a space between them: both touch with letters of scripts that use spaces."""
    touching = before[-1:], after[:1]
    return all(character.isalnum() and not UNSPACED.match(character) for character in touching)


#: A BCP 47 tag (a language with optional script, region and so on), as used by browsers and corpora: sv-SE, zh-Hant-HK.
_TAG = re.compile(r"([a-z]{2,3})(?:-[a-z0-9]{1,8})*", re.IGNORECASE)


def code_of(tag: str) -> str | None:
    """Whisper's code for a language code or BCP 47 tag; None if `tag` is neither.

    This does not check that a model supports the language: some are trained for languages that Whisper lacks.
    """
    match = _TAG.fullmatch(tag)
    if match is None:
        return None
    code = match[1].lower()
    return WHISPERS_CODES.get(code, code)
