"""What the name of a model means: a checkpoint's folder, or a name on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from transcriber.edition import files
from wire.errors import ModelError

_CONFIG = "config.json"
#: What a training run keeps its models in, the best first.
_OF_A_RUN = ("best", "last")


def folder_of(name: str) -> Path | None:
    """The folder of a checkpoint that a name means; None: it is a name on the hub, OWNER/MODEL.

    What cannot be one is a folder, be it there or not: nobody waits for an answer from the hub then.

    Raises:
        ModelError: there is no such folder, no checkpoint in it, or one that may not be read; the text says what to do.
    """
    path = Path(name).expanduser()
    try:
        if path.is_dir():
            if not (path / _CONFIG).is_file():
                raise ModelError(_no_checkpoint(name, path))
            for file in files(path):
                file.open("rb").close()  # of one that may not be read, safetensors says that there is none
            return path
    except PermissionError as error:
        raise ModelError(
            f"{error.filename} may not be read; in a container the reader is another user: chmod -R a+rX {name}"
        ) from error
    owner = Path(name).parts[:1]
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or Path(*owner).is_dir():
        raise ModelError(
            f"there is no folder {path}: MODEL is a checkpoint's folder, or a name on the hub such as "
            "KBLab/kb-whisper-small"
        )
    return None


def _no_checkpoint(name: str, path: Path) -> str:
    for which in _OF_A_RUN:
        if (path / which / _CONFIG).is_file():
            return (
                f"{name} is a run of the trainer: publish it (python -m trainer publish {name} models/{path.name}), or "
                f"set MODEL={name.rstrip('/')}/{which}"
            )
    return f"{name} holds no checkpoint (no {_CONFIG}): set MODEL to a folder that does, or to a name on the hub"
