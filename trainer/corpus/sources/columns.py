"""Column names and values of published speech corpora, and candidates made from their rows."""

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

#: Our name: theirs; the first with a value is used. Common Voice, NeMo, LibriSpeech, FLEURS, VoxPopuli, DeepSpeech.
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

#: Common Voice has changed its values over the years.
_GENDERS = {
    **dict.fromkeys(("male", "m", "male_masculine"), "male"),
    **dict.fromkeys(("female", "f", "female_feminine"), "female"),
    **dict.fromkeys(("do_not_wish_to_say", "unknown", "none", "nan"), ""),
}

#: A comma that is not inside parentheses.
_COMMA = re.compile(r",(?![^(]*\))")

#: Beginnings of split names, not followed by a letter: Valentina is a speaker, and Devon is a county.
_SPLITS: Mapping[Split, re.Pattern[str]] = {
    "dev": re.compile(r"(dev(el(opment)?|set|test)?|val(id(ation)?)?|eval(uation)?)(?![^\W\d_])"),
    "test": re.compile(r"test(ing|set)?(?![^\W\d_])"),
    "train": re.compile(r"train(ing|set)?(?![^\W\d_])"),
}


def column(row: Mapping[str, Any], name: str) -> str:
    """Return the value of one of our columns in a row; empty if missing."""
    return next((value for key in NAMES[name] if (value := _text(row.get(key)))), "")


def number(row: Mapping[str, Any], *keys: str) -> float | None:
    """Return the first of some columns that is a number; negative ones, used for missing values, do not count."""
    for key in keys:
        try:
            value = float(row[key])
        except (KeyError, TypeError, ValueError):
            continue
        if 0 <= value < math.inf:
            return value
    return None


def split_named(name: str) -> Split | None:
    """Return the split for names such as validation, train.clean.360 or test_other; None for other names."""
    return next((split for split, begins in _SPLITS.items() if begins.match(name.lower())), None)


def candidate(row: Mapping[str, Any], id: str, audio: Audio, source: Source, split: Split | None) -> Candidate:
    """Return the candidate of a row; `split` is used if the row has none."""
    gender = column(row, "gender")
    start_s, end_s, declared_s = _place(row)
    damage = row.get(DAMAGED, "")
    up, down = number(row, "up_votes") or 0, number(row, "down_votes") or 0
    return Candidate(
        id=id,
        audio=audio,
        text=(_text(row.get(source.text)) if source.text else column(row, "text")) if source.speech else "",
        source=source.name,
        # Millions of rows have few distinct values: keep one string for each.
        language=sys.intern(language_code(column(row, "language") or source.language)),
        split=split_named(column(row, "split")) or split,
        speaker=sys.intern(column(row, "speaker")),
        accent=sys.intern(_accent(row)),
        gender=sys.intern(_GENDERS.get(gender.lower(), gender)),
        age=sys.intern(column(row, "age")),
        previous=column(row, "previous"),
        segments=_segments(row.get("segments")),
        start_s=start_s,
        end_s=end_s,
        declared_s=declared_s,
        speech=source.speech,
        refused=Reason.DAMAGED_ROW if damage else Reason.VOTED_DOWN if down > up else None,
        detail=damage or (f"{up:g} up, {down:g} down" if down > up else ""),
    )


def _accent(row: Mapping[str, Any]) -> str:
    """Return all accents of a row, in the format of `Clip`.

    Common Voice separates `accents` by commas, or by bars since 2025, because names contain commas as well: Southern
    African (South Africa, Zimbabwe, Namibia).
    """
    several = "" if _text(row.get("accent")) else _text(row.get("accents"))
    if not several:
        return column(row, "accent")
    names = several.split(SEVERAL) if SEVERAL in several else _COMMA.split(several)
    return SEVERAL.join(dict.fromkeys(filter(None, map(str.strip, names))))


def _place(row: Mapping[str, Any]) -> tuple[float, float | None, float | None]:
    """Return the start and end of a part of a recording, and the declared duration."""
    start_s, end_s = number(row, "start_s", "offset"), number(row, "end_s")
    length_s = number(row, "duration_s", "duration")
    if end_s is None and start_s is not None and length_s is not None:
        end_s = start_s + length_s
    return start_s or 0.0, end_s, length_s


def _segments(value: Any) -> tuple[tuple[float, float, str], ...]:
    """Parse [[start_s, end_s, text], …], a list or JSON; anything else gives an empty tuple."""
    try:
        parts = json.loads(value) if isinstance(value, str) and value else value or ()
        return tuple((float(start), float(end), str(text)) for start, end, text in parts)
    except (ValueError, TypeError):
        return ()


def _text(value: Any) -> str:
    if isinstance(value, int | float) and value == value:  # NaN is a missing value in pandas
        return str(value)
    return value.strip() if isinstance(value, str) else ""  # lists and objects are not text
