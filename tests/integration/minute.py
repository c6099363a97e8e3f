"""A minute of fake speech, as `tests.fakes` has it."""

from __future__ import annotations

from tests.fakes import Spoken, speech

#: Words of various lengths, some of them across every border of 5 s.
WORDS: list[Spoken] = [(n + 1, 0.05 + 0.52 * n, 0.05 + 0.52 * n + 0.25 + 0.05 * (n % 5)) for n in range(115)]
PCM = speech(WORDS, 60.0)
TEXTS = [f"w{number}" for number, _, _ in WORDS]

#: In the middle of the third chunk, and in no other's window.
IN_THIRD = next(number for number, start_s, _ in WORDS if start_s > 12)


def without(*lost: int) -> list[str]:
    """All words but those of these seconds and the ones cut by their edges."""
    return [
        f"w{number}"
        for number, start_s, end_s in WORDS
        if not any(start_s < second + 1 and end_s > second for second in lost)
    ]
