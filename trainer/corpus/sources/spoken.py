"""What a subtitle says, without what it describes: sounds, songs, and who speaks."""

from __future__ import annotations

import re
from itertools import count

from trainer.corpus.cleaning import has_words

_NOTES = "♪♫♩♬🎵🎶"
_SENTENCE_END = ".?!…。！？؟۔।"
_MARKS = ",;:،؛、" + _SENTENCE_END
#: Left-to-right and right-to-left marks, which stand before the dash or bracket of Arabic and Hebrew lines.
_DIRECTIONS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"))

#: Brackets and parentheses may have a pair in them: [music [loud]].
_BRACKETS = r"[\[［【〔](?:[^\[\]［］【】〔〕]|[\[［【〔][^\[\]［］【】〔〕]*[\]］】〕])*[\]］】〕]"
_PARENTHESES = r"[(（](?:[^()（）]|[(（][^()（）]*[)）])*[)）]"
#: German subtitles write sounds as * Musik *.
_STARS = r"(?<!\S)\*[^*]+\*(?![\w*])"
_SONG = rf"[{_NOTES}][^{_NOTES}]*[{_NOTES}]"
#: British subtitles mark songs so: # La la #.
_HASH_SONG = r"#(?:\s(?!\d)[^#]*#?|[^#]*#)"

#: A whole cue that only describes. The atomic group keeps the time linear in the length of the cue.
_DESCRIPTION = re.compile(
    rf"(?>\s*(?:{_BRACKETS}|{_PARENTHESES}|{_STARS}|{_SONG}|{_HASH_SONG}))+\s*|\s*[{_NOTES}][ \t]*\S[^{_NOTES}]*"
)
_BRACKETED = re.compile(rf"[ \t]*{_BRACKETS}(?P<marks>[{re.escape(_MARKS)}]*)")
_ASIDE = re.compile(rf"[ \t]*(?P<aside>{_PARENTHESES}|{_STARS})(?P<colon>:(?=\s|$))?")
_SONG_IN_LINE = re.compile(rf"[{_NOTES}][^{_NOTES}\n]*[{_NOTES}]")
#: A dash or >> before the line of another speaker. A dash before a digit may be a minus.
_TURN = re.compile(r"(?:[-‐‑‒–—―](?!\d)|>{2,})\s*")
_LABEL = re.compile(r"(?P<name>[^:：,!?]{2,30}?)\s?(?::(?:\s+|$)|：\s*)")
#: Abbreviations that are not a speaker's: U.S., COVID-19, CO2.
_ABBREVIATION = re.compile(r"(?:\w\.){2,}|.*[-.]\d.*|[^\W\d]{1,2}\d\w*")
_MAX_LABEL_WORDS = 3


def spoken(text: str) -> str:
    """The words that are spoken in a cue; empty if it has none.

    Parentheses are removed only between sentences: (laughs) is a sound there, and (roughly) within a sentence is not.
    An abbreviation in capitals before a colon cannot be told from a speaker: EU: is removed.
    """
    text = text.translate(_DIRECTIONS)
    if _DESCRIPTION.fullmatch(text):
        return ""
    bare = _SONG_IN_LINE.sub(" ", _BRACKETED.sub(_without_bracket, text))
    bare = "\n".join(line for line in bare.splitlines() if not re.search(f"[{_NOTES}]", line))
    lines = _ASIDE.sub(_without_sound, bare).splitlines()
    turns = (_without_speaker(line, " ".join(lines[after:])) for line, after in zip(lines, count(1), strict=False))
    words = re.sub(" {2,}", " ", " ".join(turns)).strip()
    return words if has_words(words) or words == text else ""


def _without_bracket(match: re.Match[str]) -> str:
    """The punctuation after a bracket, unless there is some before it."""
    before = match.string[: match.start()]
    return match["marks"] if match["marks"] and before and before[-1] not in f"{_MARKS}\n" else " "


def _without_sound(match: re.Match[str]) -> str:
    before, after = match.string[: match.start()].rstrip(), match.string[match.end() :].lstrip()
    content = match["aside"][1:-1].strip()
    opens = not before or before[-1] in f'{_SENTENCE_END}"”»:-–—>'
    closes = not after or not (after[0].islower() or after[0] in _MARKS)
    is_sound = opens and closes and any(map(str.isalpha, content)) and not content.endswith(tuple(_SENTENCE_END))
    if is_sound or not has_words(content):  # (...) and (!) are not spoken either
        return "" if after[:1] and after[0] in _MARKS else " "
    return match[0]


def _without_speaker(line: str, following: str) -> str:
    """A line without its dash or >>, and without a label in capitals (NARRATOR:)."""
    line = line.strip()
    words = _TURN.sub("", line, count=1) if _TURN.match(line) else line
    label = _LABEL.match(words)
    if label is None or not _is_name(re.sub(_PARENTHESES, "", label["name"]).strip()):
        return words
    rest = words[label.end() :]
    # In subtitles that are all in capitals, a colon may be a sentence's.
    return rest if words != line or not _in_capitals(rest or following) else words


def _is_name(text: str) -> bool:
    if not _in_capitals(text) or sum(map(str.isalpha, text)) < 2:
        return False
    return len(text.split()) <= _MAX_LABEL_WORDS and not _ABBREVIATION.fullmatch(text)


def _in_capitals(text: str) -> bool:
    text = text.replace("ß", "ẞ")  # MEIßNER
    return text == text.upper() != text.lower()
