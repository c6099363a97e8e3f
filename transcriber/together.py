"""Chunks of one source that wait one behind the other are heard at once, as far as the model hears. Pure.

A Whisper that hears 30 s takes as long for 5 s as for all of them. So what a recording has waiting, or a station whose
chunks came faster than they could be done, is decoded in as few windows as it fits into. What was heard is given back
to the chunks, each of which is committed by itself: whatever happens to one of them, the others count once.

In a long window a Whisper may leave out more than a word: it stops early, or passes over what follows a pause. What
looks so, and what is not believed, is heard again, each chunk alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from transcriber.engine import Heard
from transcriber.outcome import Outcome, Part
from transcriber.rules import judge
from transcriber.turns import STEP, sounding
from wire.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ, seconds
from wire.chunk import Chunk
from wire.messages import Word
from wire.queue import Delivery

#: Nobody is silent for so many seconds while so many of them sound. What a word hides that is taken to last longer
#: than `_WORD_S` is no word, either.
_MISSED_S, _SOUND_S, _WORD_S = 1.5, 1.0, 1.0


def most(context_s: float, chunk_s: float, lead_s: float) -> int:
    """How many chunks of a length, the first with its lead, fit into a model's context; one, if that is not known."""
    return max(1, int((context_s - lead_s) / chunk_s)) if chunk_s else 1


def groups(deliveries: Iterable[Delivery], context_s: float) -> list[list[Delivery]]:
    """What is heard at once, in the order of the deliveries: runs of chunks that follow each other.

    Args:
        deliveries: those of one source one behind the other, in its order.
        context_s: what a model hears at once.
    """
    found: list[list[Delivery]] = []
    for delivery in deliveries:
        chunk = delivery.chunk
        if found and _follows(found[-1][-1].chunk, chunk):
            group = [each.chunk for each in found[-1]]
            if len(group[0].heard) // SAMPLE_BYTES + sum(each.n_samples for each in [*group[1:], chunk]) <= int(
                context_s * SAMPLE_RATE_HZ
            ):
                found[-1].append(delivery)
                continue
        found.append([delivery])
    return found


def as_one(chunks: Sequence[Chunk]) -> Chunk:
    """The audio of chunks that follow each other, as if ingest had made one of them."""
    first, last = chunks[0], chunks[-1]
    new = [chunk.pcm[chunk.lead_samples * SAMPLE_BYTES :] for chunk in chunks[1:]]
    return replace(
        first,
        pcm=b"".join([first.pcm, *new]),
        n_samples=sum(chunk.n_samples for chunk in chunks),
        tail_samples=last.tail_samples,
        last=last.last,
        captured_s=last.captured_s,
    )


def trusted(whole: Chunk, heard: Sequence[Heard]) -> bool:
    """Whether what was heard in several chunks at once is all believed, and leaves nothing out that sounds."""
    likeliest = [part.likeliest for part in heard]
    if any(judge(hypothesis).reason for hypothesis in likeliest):
        return False
    words = [word for hypothesis in likeliest for word in hypothesis.words]
    sound = sounding(np.frombuffer(whole.heard, dtype="<i2").astype(np.float32) / 32768.0)
    ends_s = [whole.begin_s, *(min(word.end_s, word.start_s + _WORD_S) for word in words)]
    begins_s = [*(word.start_s for word in words), whole.end_s]
    for end_s, begin_s in zip(ends_s, begins_s, strict=True):
        first, last = (round((at_s - whole.begin_s) * SAMPLE_RATE_HZ) // STEP for at_s in (end_s, begin_s))
        if begin_s - end_s > _MISSED_S and seconds(STEP) * int(sound[first:last].sum()) > _SOUND_S:
            return False
    return True


def apart(chunks: Sequence[Chunk], parts: Sequence[Part], model: str, window: str) -> list[Outcome]:
    """What was heard in several chunks at once, as outcomes of each: a word is where its middle lies.

    Those in the lead of a chunk are in its outcome, too, as if it had been heard alone: the one before may be committed
    as somebody else heard it. Each has all parts: where the language turns in one of them, it is a matter of votes in
    none (`reading`).

    Args:
        window: names this hearing among all of the source.
    """
    if len(chunks) == 1:
        return [Outcome.of(chunks[0], parts, model=model)]
    shared: list[list[Part]] = [[] for _ in chunks]
    for part in parts:
        words = {spoken: _shared(reading.words, chunks) for spoken, reading in part.readings.items()}
        for number, own in enumerate(shared):
            readings = {s: replace(reading, words=tuple(words[s][number])) for s, reading in part.readings.items()}
            own.append(replace(part, readings=readings))
    return [
        replace(Outcome.of(chunk, own, model=model), window=window) for chunk, own in zip(chunks, shared, strict=True)
    ]


def _shared(words: Sequence[Word], chunks: Sequence[Chunk]) -> list[list[Word]]:
    """Words by chunk, in their order: of one whose times are off, what comes behind it does not go before it."""
    borders_s = [chunk.start_s for chunk in chunks[1:]]
    shared: list[list[Word]] = [[] for _ in chunks]
    number = 0
    for word in words:
        number = max(number, bisect_right(borders_s, word.middle_s))
        shared[number].append(word)
        if number + 1 < len(chunks) and word.middle_s >= chunks[number + 1].begin_s:
            shared[number + 1].append(word)
    return shared


def _follows(before: Chunk, chunk: Chunk) -> bool:
    """Whether a chunk goes on where another one ended, and asks for the same. One that begins late begins anew."""
    place = (before.source, before.epoch, before.seq + 1)
    asked = (before.language, before.task, before.hot_words)
    return not (before.partial or chunk.partial) and (
        place == (chunk.source, chunk.epoch, chunk.seq)
        and asked == (chunk.language, chunk.task, chunk.hot_words)
        and not chunk.skipped_samples
    )
