"""What a process that makes batches met, as it would have said it itself: torch puts its whole traceback before it."""

from __future__ import annotations

from trainer.errors import NoRoom, TrainerError

#: How torch tells of a process that something else has ended, and of shared memory that is full.
_ENDED = ("DataLoader worker (pid", "unable to write to file </torch_", "unable to allocate shared memory")


def told(error: Exception) -> Exception:
    """The same in a sentence; an error that is a fault of ours stays as it is."""
    name, text = type(error).__name__, str(error)
    if isinstance(error, RuntimeError) and any(words in text for words in _ENDED):
        return NoRoom(
            "a process that makes batches was ended from outside, as happens where memory is full, or shared memory "
            f"(--shm-size of a container): fewer --workers, or a smaller --batch-s, take less ({_last_line(text)})"
        )
    if f"{name}: " not in text or "Traceback" not in text:
        return error
    meant = text.rpartition(f"{name}: ")[2].strip()
    if isinstance(error, TrainerError):
        return type(error)(meant)
    # What the operating system refuses comes without its number and the file's name.
    refused = isinstance(error, OSError | MemoryError)
    return TrainerError(f"a process that makes batches could not go on: {meant}") if refused else error


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1].strip()
