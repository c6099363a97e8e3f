"""Folders that trials read. `tune` makes them absolute, since workers may start in any directory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from trainer.augmentation.augment import parse
from trainer.augmentation.non_speech import without_speech
from trainer.training.options import Options

#: Options whose settings end in folders of sounds: number of parts of a setting before those, and maximum number of
#: splits at colons (-1: no limit).
SOUNDS = {"augment": (3, 3), "without_speech": (1, -1)}


def with_absolute_folders(name: str, value: Any) -> Any:
    """Return an option's value, or its several values, with absolute paths of folders and files."""
    if name == "leave_out":
        return str(Path(value).absolute())
    if name not in SOUNDS:
        return value
    before, max_splits = SOUNDS[name]

    def with_absolute(setting: re.Match[str]) -> str:
        parts = setting[0].split(":", max_splits)
        return ":".join([*parts[:before], *(str(Path(part).absolute()) if part else "" for part in parts[before:])])

    return re.sub("[^,|]+", with_absolute, value)


def folders_of(options: Options) -> list[Path]:
    """Return the folders that a trial reads."""
    model = Path(options.model)
    sounds = [setting.folder for setting in parse(options.augment) if setting.folder]
    sounds += without_speech(options.without_speech)[1]
    return [options.corpus, *([model] if model.is_absolute() else []), *map(Path, sounds)]
