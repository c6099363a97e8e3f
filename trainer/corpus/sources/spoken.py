"""What a subtitle says, without what it describes: sounds, songs, and who speaks."""

from __future__ import annotations

import re

from trainer.corpus.cleaning import has_words

#: A whole cue that only describes: [music], (laughter), ♪ … ♪, # … # (British subtitles mark songs so).
_DESCRIPTION = re.compile(r"(?:\s*(?:\[[^\]]*\]|\([^)]*\)|[♪♫][^♪♫]*[♪♫]|#(?:\s[^#]*#?|[^#]*#)))+\s*|\s*[♪♫][^♪♫]*")
_BRACKETS = re.compile(r"[\[［][^\]］]*[\]］]")
_BEFORE_PUNCTUATION = re.compile(rf"\s*{_BRACKETS.pattern}(?=[,.;:!?])")
_PARENTHESES = re.compile(r"[(（]([^()（）]*)[)）]")
_SENTENCE_END = ".?!…。！？"
_SONG = re.compile(r"[♪♫][^♪♫\n]*[♪♫]")
#: A dash or >> before the line of another speaker.
_TURN = re.compile(r"(?:[-–—]|>{2,})\s*")
_LABEL = re.compile(r"(?P<name>[^:,!?]{2,30}?)\s?:(?:\s+|$)")
_MAX_LABEL_WORDS = 3


def spoken(text: str) -> str:
    """The words that are spoken in a cue; empty if it has none.

    Parentheses are removed only between sentences: (laughs) is a sound there, and (roughly) within a sentence is not.
    """
    if _DESCRIPTION.fullmatch(text):
        return ""
    bare = _SONG.sub(" ", _BRACKETS.sub(" ", _BEFORE_PUNCTUATION.sub("", text)))
    bare = "\n".join(line for line in bare.splitlines() if not re.search("[♪♫]", line))
    lines = _PARENTHESES.sub(_without_sound, bare).splitlines()
    said = re.sub(" {2,}", " ", " ".join(map(_without_speaker, lines))).strip()
    return said if has_words(said) or said == text else ""


def _without_sound(match: re.Match[str]) -> str:
    before, after = match.string[: match.start()].rstrip(), match.string[match.end() :].lstrip()
    opens = not before or before[-1] in f'{_SENTENCE_END}"”»:-–—>'
    closes = not after or not (after[0].islower() or after[0] in ",.;:!?")
    is_sentence = match[1].rstrip().endswith(tuple(_SENTENCE_END))
    return " " if opens and closes and not is_sentence else match[0]


def _without_speaker(line: str) -> str:
    """A line without its dash or >>, and without a label in capitals (NARRATOR:)."""
    line = line.strip()
    words = _TURN.sub("", line, count=1) if _TURN.match(line) else line
    label = _LABEL.match(words)
    if label is None:
        return words
    name, rest = _PARENTHESES.sub("", label["name"]), words[label.end() :]
    is_name = _in_capitals(name) and sum(map(str.isalpha, name)) > 1 and len(name.split()) <= _MAX_LABEL_WORDS
    # In subtitles that are all in capitals, a colon may be a sentence's.
    return rest if is_name and (words != line or not _in_capitals(rest)) else words


def _in_capitals(text: str) -> bool:
    return text == text.upper() != text.lower()
