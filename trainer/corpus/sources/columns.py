"""What columns are called by those who publish speech, and what their values mean."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from typing import Any

from trainer.corpus.clips import SEVERAL, Split
from trainer.corpus.drops import Reason
from trainer.corpus.sources.candidate import Audio, Candidate, Source
from trainer.corpus.sources.languages import language_code
from trainer.corpus.sources.tables import DAMAGED

_PATHS = "audio_filepath audio_path audio_file file_name filename file_path filepath file path audio wav wav_filename"
_TEXTS = "text sentence transcript transcription raw_transcription raw_text normalized_text"

#: Our name: theirs, the first that is there and filled. Common Voice, NeMo, LibriSpeech, FLEURS, VoxPopuli, DeepSpeech.
NAMES: dict[str, tuple[str, ...]] = {
    "path": tuple(_PATHS.split()),
    "text": tuple(_TEXTS.split()),
    "language": ("language", "locale", "lang"),
    "speaker": ("speaker", "client_id", "speaker_id", "spk", "spk_id", "speaker_name"),
    "accent": ("accent", "accents", "dialect"),
    "gender": ("gender", "sex"),
    "age": ("age",),
    "split": ("split",),
    "previous": ("previous",),
}

#: Common Voice has said the same in two ways over the years.
_GENDERS = {
    **dict.fromkeys(("male", "m", "male_masculine"), "male"),
    **dict.fromkeys(("female", "f", "female_feminine"), "female"),
    **dict.fromkeys(("do_not_wish_to_say", "unknown", "none", "nan"), ""),
}

#: A comma, but for one inside of brackets.
_COMMA = re.compile(r",(?![^(]*\))")

#: How names of splits begin. Behind that stands no letter: Valentina is somebody who speaks, and Devon is a county.
_SPLITS: Mapping[Split, re.Pattern[str]] = {
    "dev": re.compile(r"(dev(el(opment)?|set|test)?|val(id(ation)?)?|eval(uation)?)(?![^\W\d_])"),
    "test": re.compile(r"test(ing|set)?(?![^\W\d_])"),
    "train": re.compile(r"train(ing|set)?(?![^\W\d_])"),
}


def named(row: Mapping[str, Any], name: str) -> str:
    """One of our columns in a row of theirs; empty where it is not there."""
    return next((value for key in NAMES[name] if (value := _text(row.get(key)))), "")


def number(row: Mapping[str, Any], *keys: str) -> float | None:
    """The first of some columns that is a number; those below 0, with which some say that there is none, are not."""
    for key in keys:
        try:
            value = float(row[key])
        except (KeyError, TypeError, ValueError):
            continue
        if 0 <= value < math.inf:
            return value
    return None


def split_named(name: str) -> Split | None:
    """What a split is called by others: validation, train.clean.360, test_other; None for what is none of the three."""
    return next((split for split, begins in _SPLITS.items() if begins.match(name.lower())), None)


def candidate(row: Mapping[str, Any], id: str, audio: Audio, source: Source, split: Split | None) -> Candidate:
    """A clip of a row; `split` where the row has none of its own."""
    gender = named(row, "gender")
    start_s, end_s, declared_s = _place(row)
    damage = row.get(DAMAGED, "")
    up, down = number(row, "up_votes") or 0, number(row, "down_votes") or 0
    return Candidate(
        id=id,
        audio=audio,
        text=(_text(row.get(source.text)) if source.text else named(row, "text")) if source.speech else "",
        source=source.name,
        # Millions of rows have few values: one string in memory for each.
        language=sys.intern(language_code(named(row, "language") or source.language)),
        split=split_named(named(row, "split")) or split,
        speaker=sys.intern(named(row, "speaker")),
        accent=sys.intern(_accent(row)),
        gender=sys.intern(_GENDERS.get(gender.lower(), gender)),
        age=sys.intern(named(row, "age")),
        previous=named(row, "previous"),
        segments=_segments(row.get("segments")),
        start_s=start_s,
        end_s=end_s,
        declared_s=declared_s,
        speech=source.speech,
        refused=Reason.DAMAGED_ROW if damage else Reason.VOTED_DOWN if down > up else None,
        detail=damage or (f"{up:g} up, {down:g} down" if down > up else ""),
    )


def _accent(row: Mapping[str, Any]) -> str:
    """Of several accents, all, as `Clip` has them.

    `accents` of Common Voice has commas between them, or bars since 2025, as names of accents have commas, too:
    Southern African (South Africa, Zimbabwe, Namibia).
    """
    several = "" if _text(row.get("accent")) else _text(row.get("accents"))
    if not several:
        return named(row, "accent")
    names = several.split(SEVERAL) if SEVERAL in several else _COMMA.split(several)
    return SEVERAL.join(dict.fromkeys(filter(None, map(str.strip, names))))


def _place(row: Mapping[str, Any]) -> tuple[float, float | None, float | None]:
    """Start and end of a part of a recording, and how long the clip is said to be."""
    start_s, end_s = number(row, "start_s", "offset"), number(row, "end_s")
    length_s = number(row, "duration_s", "duration")
    if end_s is None and start_s is not None and length_s is not None:
        end_s = start_s + length_s
    return start_s or 0.0, end_s, length_s


def _segments(value: Any) -> tuple[tuple[float, float, str], ...]:
    """[[start_s, end_s, text], …], as a list or as JSON; what is neither is none."""
    try:
        parts = json.loads(value) if isinstance(value, str) and value else value or ()
        return tuple((float(start), float(end), str(text)) for start, end, text in parts)
    except (ValueError, TypeError):
        return ()


def _text(value: Any) -> str:
    if isinstance(value, int | float) and value == value:  # NaN: what pandas has where there is nothing
        return str(value)
    return value.strip() if isinstance(value, str) else ""  # a list or an object is no text
