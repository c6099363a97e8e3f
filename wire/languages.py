"""The languages that Whisper knows, by the codes of its tokens (large-v3's list, which contains the smaller ones')."""

from __future__ import annotations

import re

_CODES = """
    af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is
    it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk
    sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh
"""

CODES: frozenset[str] = frozenset(_CODES.split())

#: Codes of languages for which Whisper has another.
WHISPERS_CODES = {"nb": "no", "fil": "tl", "jv": "jw", "iw": "he", "in": "id"}

#: Those that put no spaces between words: what stands between spaces is a phrase, or a word of another language. They
#: are Whisper's own (openai/whisper, tokenizer.py, `split_to_word_tokens`), and two whose scripts do as little: in
#: Unicode's Line Breaking Algorithm (UAX #14), Khmer is of class SA as Thai, Lao and Burmese are, and Tibetan breaks
#: behind the mark of each syllable (BA), not at spaces.
SPACELESS = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})

#: Those of them that put spaces between phrases, as others put commas: one caption and the next are as good as that.
PHRASED = SPACELESS - {"zh", "yue", "ja"}

#: Scripts in which nothing at all stands between words: Thai and Lao, Burmese, Khmer, Japanese, Chinese.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def apart(before: str, after: str) -> bool:
    """Whether a space alone tells two texts apart, one behind the other: both are of scripts that have spaces."""
    touching = before[-1:], after[:1]
    return all(character.isalnum() and not UNSPACED.match(character) for character in touching)


#: A language with a script, a region or more behind it (BCP 47), as browsers and corpora name it: sv-SE, zh-Hant-HK.
_TAG = re.compile(r"([a-z]{2,3})(?:-[a-z0-9]{1,8})*", re.IGNORECASE)


def code_of(tag: str) -> str | None:
    """The code, as Whisper has it, of a language that is named by its code or its tag; None if it is neither.

    Whether a model knows it is another question: one that was trained for a language that Whisper lacks knows that.
    """
    match = _TAG.fullmatch(tag)
    if match is None:
        return None
    code = match[1].lower()
    return WHISPERS_CODES.get(code, code)
