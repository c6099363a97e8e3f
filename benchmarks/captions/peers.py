"""Other methods with the same model: windows without overlap, and whole sentences, which are not available live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from benchmarks.captions.programme import Programme, SpokenWord
from benchmarks.captions.run import BATCH, Meter, Run, in_lines
from transcriber.engine import Utterance
from wire.messages import Word

#: Audio on either side of a whole sentence, in seconds; less if the next one is near.
MARGIN_S = 0.25


def windows(programme: Programme, meter: Meter, length_s: float) -> Run:
    """Decode adjacent windows, and concatenate their texts."""
    spans, start_s = [], 0.0
    while start_s < programme.duration_s:
        spans.append((start_s, min(start_s + length_s, programme.duration_s)))
        start_s += length_s
    run = _decode_spans(programme, meter, spans)
    run.borders = [(start_s, start_s) for start_s, _ in spans[1:]]
    return run


def whole_sentences(programme: Programme, meter: Meter) -> Run:
    """Decode each reference sentence alone: the best the model can do with this audio, and the base of penalties."""
    return _decode_spans(programme, meter, list(sentence_spans(programme.words, meter.context_s)))


def sentence_spans(words: Sequence[SpokenWord], context_s: float) -> Iterator[tuple[float, float]]:
    """Beginning and end of each sentence, or of its parts if it is longer than the context."""
    before_s = -MARGIN_S
    sentences = [list(sentence) for _, sentence in groupby(words, lambda word: word.sentence)]
    for number, sentence in enumerate(sentences):
        after_s = sentences[number + 1][0].start_s if number + 1 < len(sentences) else float("inf")
        start_s = max(0.0, sentence[0].start_s - MARGIN_S, (before_s + sentence[0].start_s) / 2)
        end_s = min(sentence[-1].end_s + MARGIN_S, (sentence[-1].end_s + after_s) / 2)
        yield from _parts(sentence, start_s, end_s, context_s)
        before_s = sentence[-1].end_s


def _parts(
    words: Sequence[SpokenWord], start_s: float, end_s: float, context_s: float
) -> Iterator[tuple[float, float]]:
    """Cut in the middle of the longest pause (of equally long ones, the most central) until every part fits."""
    if end_s - start_s <= context_s or len(words) < 2:
        yield start_s, end_s
        return
    middle_s = (start_s + end_s) / 2

    def merit(i: int) -> tuple[float, float]:
        pause_s = words[i].start_s - words[i - 1].end_s
        return round(pause_s, 2), -abs(words[i].start_s - middle_s)

    best = max(range(1, len(words)), key=merit)
    cut_s = (words[best - 1].end_s + words[best].start_s) / 2
    yield from _parts(words[:best], start_s, cut_s, context_s)
    yield from _parts(words[best:], cut_s, end_s, context_s)


def _decode_spans(programme: Programme, meter: Meter, spans: Sequence[tuple[float, float]]) -> Run:
    run = Run(sent_s=sum(end_s - start_s for start_s, end_s in spans))
    for first in range(0, len(spans), BATCH):
        batch = spans[first : first + BATCH]
        recognitions = meter.transcribe(
            [Utterance(programme.samples_between(*span), programme.language) for span in batch]
        )
        for (start_s, end_s), one in zip(batch, recognitions, strict=True):
            run.events.append((end_s, in_lines(shifted(one.likeliest.words, start_s), one.likeliest.language)))
    meter.settle(run)
    return run


def shifted(words: Sequence[Word], by_s: float) -> list[Word]:
    """Shift words by `by_s` seconds."""
    return [replace(word, start_s=word.start_s + by_s, end_s=word.end_s + by_s) for word in words]
