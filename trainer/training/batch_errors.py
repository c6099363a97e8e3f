"""Errors of dataloader workers, stated in a sentence: torch wraps them in the worker's whole traceback."""

from __future__ import annotations

from trainer.errors import NoRoom, TrainerError

#: How torch reports a worker that was killed, and full shared memory.
_KILLED = ("DataLoader worker (pid", "unable to write to file </torch_", "unable to allocate shared memory")


def explain(error: Exception) -> Exception:
    """The error with a one-sentence message; an error that is a bug of ours is returned unchanged."""
    name, text = type(error).__name__, str(error)
    if isinstance(error, RuntimeError) and any(words in text for words in _KILLED):
        return NoRoom(
            "a dataloader worker was killed, as happens when memory or shared memory (a container's --shm-size) is "
            f"full: use fewer --workers or a smaller --batch-s ({_last_line(text)})"
        )
    if f"{name}: " not in text or "Traceback" not in text:
        return error
    message = text.rpartition(f"{name}: ")[2].strip()
    if isinstance(error, TrainerError):
        return type(error)(message)
    # Errors of the operating system arrive without errno and filename.
    refused = isinstance(error, OSError | MemoryError)
    return TrainerError(f"a dataloader worker failed: {message}") if refused else error


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1].strip()
