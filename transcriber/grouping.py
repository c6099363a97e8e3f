"""Decode successive chunks of one source together, as many as fit into the model's context. Pure functions.

A Whisper model with a context of 30 s takes as long for 5 s as for 30 s. So the waiting chunks of a recording, or of a
station that has fallen behind, are decoded in as few windows as possible. The words are then distributed to the chunks:
whatever happens to one of them, the others count once.

In a long window, Whisper may leave out more than a word: it stops early, or skips what follows a pause. If a result
looks like that, or is rejected, each chunk is decoded again alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from transcriber.engine import Recognition
from transcriber.outcome import Outcome, Part
from transcriber.rules import judge
from transcriber.turns import STEP, is_sounding
from wire.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ, seconds
from wire.chunk import Chunk
from wire.messages import Word
from wire.queue import Delivery

#: A gap of more than `_MISSED_S` between words with more than `_SOUND_S` of sound in it suggests missing words. A word
#: counts for at most `_WORD_S`: one that seems longer may hide others.
_MISSED_S, _SOUND_S, _WORD_S = 1.5, 1.0, 1.0


def max_chunks(context_s: float, chunk_s: float, lead_s: float) -> int:
    """How many chunks of `chunk_s`, the first with its lead, fit into a context; 1 if `chunk_s` is unknown (0)."""
    return max(1, int((context_s - lead_s) / chunk_s)) if chunk_s else 1


def group_chunks(deliveries: Iterable[Delivery], context_s: float) -> list[list[Delivery]]:
    """Group deliveries into runs of successive chunks that fit into a context, in their order.

    Args:
        deliveries: those of one source next to each other, in sequence order.
        context_s: the model's acoustic context.
    """
    groups: list[list[Delivery]] = []
    for delivery in deliveries:
        chunk = delivery.chunk
        if groups and _follows(groups[-1][-1].chunk, chunk):
            first, *others = (each.chunk for each in groups[-1])
            first_samples = len(first.transcribed_pcm) // SAMPLE_BYTES
            if first_samples + sum(each.n_samples for each in [*others, chunk]) <= int(context_s * SAMPLE_RATE_HZ):
                groups[-1].append(delivery)
                continue
        groups.append([delivery])
    return groups


def merge(chunks: Sequence[Chunk]) -> Chunk:
    """Merge successive chunks into one."""
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


def is_reliable(whole: Chunk, recognitions: Sequence[Recognition]) -> bool:
    """Whether no text of several chunks decoded together is rejected, and no words seem to be missing."""
    likeliest = [part.likeliest for part in recognitions]
    if any(judge(hypothesis).reason for hypothesis in likeliest):
        return False
    words = [word for hypothesis in likeliest for word in hypothesis.words]
    sound = is_sounding(np.frombuffer(whole.transcribed_pcm, dtype="<i2").astype(np.float32) / 32768.0)
    ends_s = [whole.transcribed_from_s, *(min(word.end_s, word.start_s + _WORD_S) for word in words)]
    begins_s = [*(word.start_s for word in words), whole.end_s]
    for end_s, begin_s in zip(ends_s, begins_s, strict=True):
        first, last = (round((at_s - whole.transcribed_from_s) * SAMPLE_RATE_HZ) // STEP for at_s in (end_s, begin_s))
        if begin_s - end_s > _MISSED_S and seconds(STEP) * int(sound[first:last].sum()) > _SOUND_S:
            return False
    return True


def split(chunks: Sequence[Chunk], parts: Sequence[Part], model: str, window: str) -> list[Outcome]:
    """Distribute the words of several chunks decoded together to an outcome for each, by the middles of words.

    Words in a chunk's lead are also in its outcome, as if it had been decoded alone, because the previous chunk may be
    committed with another worker's result. Each outcome has all parts: if the language turns in one of the chunks, it
    is decided by votes in none of them (`reading`).

    Args:
        window: identifies this window within the source.
    """
    if len(chunks) == 1:
        return [Outcome.of(chunks[0], parts, model=model)]
    shared: list[list[Part]] = [[] for _ in chunks]
    for part in parts:
        words = {spoken: _distributed(reading.words, chunks) for spoken, reading in part.readings.items()}
        for number, chunk_parts in enumerate(shared):
            readings = {s: replace(reading, words=tuple(words[s][number])) for s, reading in part.readings.items()}
            chunk_parts.append(replace(part, readings=readings))
    return [
        Outcome.of(chunk, chunk_parts, model=model, window=window)
        for chunk, chunk_parts in zip(chunks, shared, strict=True)
    ]


def _distributed(words: Sequence[Word], chunks: Sequence[Chunk]) -> list[list[Word]]:
    """Words by chunk. Their order is kept even if the times of one are wrong."""
    borders_s = [chunk.start_s for chunk in chunks[1:]]
    shared: list[list[Word]] = [[] for _ in chunks]
    number = 0
    for word in words:
        number = max(number, bisect_right(borders_s, word.middle_s))
        shared[number].append(word)
        if number + 1 < len(chunks) and word.middle_s >= chunks[number + 1].transcribed_from_s:
            shared[number + 1].append(word)
    return shared


def _follows(before: Chunk, chunk: Chunk) -> bool:
    """Whether a chunk directly continues another one, with the same options and no audio skipped between them."""
    place = (before.source, before.epoch, before.seq + 1)
    options = (before.language, before.task, before.hot_words)
    return not (before.partial or chunk.partial) and (
        place == (chunk.source, chunk.epoch, chunk.seq)
        and options == (chunk.language, chunk.task, chunk.hot_words)
        and not chunk.skipped_samples
    )
