"""Resolve the name of a model: a checkpoint's folder, or a name on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from transcriber.whisper.edition import files
from wire.errors import ModelError

_CONFIG = "config.json"
#: Folders of checkpoints in a training run, the best first.
_RUN_FOLDERS = ("best", "last")
#: Folders of this project with checkpoints. They may not exist yet; no owner on the hub is called so.
_OURS = ("demo", "models", "runs")


def folder_of(name: str) -> Path | None:
    """The checkpoint's folder that `name` refers to; None if it is a name on the hub, OWNER/MODEL.

    A name that is not of that form is taken for a folder even if it does not exist, which saves a request to the hub.

    Raises:
        ModelError: the folder does not exist, has no checkpoint or is not readable; the message suggests a fix.
    """
    path = Path(name).expanduser()
    try:
        names = _names_in(path)
        if names is not None:
            if _CONFIG not in names:
                raise ModelError(_missing_checkpoint(name, path))
            for file in files(path):
                file.open("rb").close()  # safetensors reports an unreadable file as missing
            return path
    except PermissionError as error:
        raise ModelError(
            f"{error.filename} is not readable; a container runs as another user: chmod -R a+rX {name}"
        ) from error
    owner = name.split("/")[0]
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or owner in _OURS or Path(owner).is_dir():
        raise ModelError(
            f"there is no folder {path}: set MODEL to a checkpoint's folder, or to a name on the hub such as "
            "KBLab/kb-whisper-small"
        )
    return None


def _names_in(folder: Path) -> set[str] | None:
    """The names of the files in `folder`; None if there is no such folder.

    Since Python 3.14, `Path.is_dir` also returns False for a folder that is not readable.
    """
    try:
        return {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return None


def _missing_checkpoint(name: str, path: Path) -> str:
    for folder in _RUN_FOLDERS:
        if (path / folder / _CONFIG).is_file():
            return (
                f"{name} is a training run: publish it (python -m trainer publish {name} models/{path.name}), or "
                f"set MODEL={name.rstrip('/')}/{folder}"
            )
    return f"{name} contains no checkpoint (no {_CONFIG}): set MODEL to a folder with one, or to a name on the hub"
