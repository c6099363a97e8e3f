"""Folders that trials read: made absolute where a search is begun, since its workers start anywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from trainer.augmentation.augment import parse
from trainer.augmentation.quiet import without_speech
from trainer.training.options import Options

#: Options whose words end in folders of sounds: parts of a word before those, and at how many colons it is parted, at
#: most (-1: at all).
SOUNDS = {"augment": (3, 3), "without_speech": (1, -1)}


def absolute(name: str, value: Any) -> Any:
    """The value of an option with absolute folders of sounds, and files; of several values, too."""
    if name == "leave_out":
        return str(Path(value).absolute())
    if name not in SOUNDS:
        return value
    before, most = SOUNDS[name]

    def one(word: re.Match[str]) -> str:
        parts = word[0].split(":", most)
        return ":".join([*parts[:before], *(str(Path(part).absolute()) if part else "" for part in parts[before:])])

    return re.sub("[^,|]+", one, value)


def needed(options: Options) -> list[Path]:
    """Folders that a trial reads."""
    model = Path(options.model)
    sounds = [setting.folder for setting in parse(options.augment) if setting.folder]
    sounds += without_speech(options.without_speech)[1]
    return [options.corpus, *([model] if model.is_absolute() else []), *map(Path, sounds)]
