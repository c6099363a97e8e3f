"""Batches of examples of like length, in an order that is a function of the seed alone."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from trainer.examples import SAMPLE_RATE, Example, ExampleSource
from trainer.features import POSITION_SAMPLES, LogMel
from trainer.tokenizer import Speller

#: Label of a position that no loss is taken of.
IGNORED = -100
#: Label of a position at which nobody speaks; a position inside a word has a byte of the word.
SILENCE = 256
#: Batches whose examples are sorted by length together. More of them waste less padding and mix lengths less.
BATCHES_PER_BLOCK = 16
#: Audio is padded to a multiple of this many encoder positions, so that few different shapes occur.
POSITIONS_STEP = 10


#: Share of the decoder's input tokens that are replaced by any other. A decoder that cannot trust what it wrote before
#: must listen; without this it learns a predictable grammar by heart, and writes fluent sentences that nobody said.
MISLED_SHARE = 0.2


@dataclass(frozen=True)
class Batch:
    """Tensors of one training step; B examples, T encoder positions (20 ms), L decoder positions.

    features        [B, mels, 2 T]  log-mel
    tokens          [B, L]  decoder input: prefix and text, padded with the end token
    labels          [B, L]  what to predict at each position; IGNORED in padding, and there only
    spans           [B, L, 2]  first and last + 1 encoder position of the token that is predicted; -1: no text
    text            [B, N]  text tokens alone, padded, for CTC
    text_lengths    [B]
    letters         [B, T]  byte of the word that is being spoken, SILENCE, or IGNORED where it is not known
    """

    features: Tensor
    tokens: Tensor
    labels: Tensor
    spans: Tensor
    text: Tensor
    text_lengths: Tensor
    letters: Tensor

    @property
    def positions(self) -> int:
        return self.features.shape[-1] // 2


def batch_indices(source: ExampleSource, seed: int, batch: int, size: int) -> list[int]:
    """Which examples are in batch number `batch`."""
    block, position = divmod(batch, BATCHES_PER_BLOCK)
    first = block * size * BATCHES_PER_BLOCK
    by_length = sorted(range(first, first + size * BATCHES_PER_BLOCK), key=source.duration_s)
    order = random.Random(f"{seed}-{block}").sample(range(BATCHES_PER_BLOCK), BATCHES_PER_BLOCK)
    start = order[position] * size
    return by_length[start : start + size]


def collate(examples: Sequence[Example], speller: Speller, log_mel: LogMel) -> Batch:
    """Pad examples to the longest, make their features, and spell their words."""
    step = POSITIONS_STEP * POSITION_SAMPLES
    samples = -(-max(len(example.audio) for example in examples) // step) * step
    audio = torch.zeros(len(examples), samples)
    for row, example in zip(audio, examples, strict=True):
        row[: len(example.audio)] = torch.from_numpy(example.audio)
    spelled = [spell(example, speller) for example in examples]
    texts = [ids for _, _, _, ids in spelled]
    return Batch(
        features=log_mel(audio),
        tokens=_padded([tokens for tokens, *_ in spelled], speller.end),
        labels=_padded([labels for _, labels, *_ in spelled], IGNORED),
        spans=_padded_spans([spans for _, _, spans, _ in spelled]),
        text=_padded(texts, 0),
        text_lengths=torch.tensor([len(ids) for ids in texts]),
        letters=torch.stack([letters(example, samples // POSITION_SAMPLES) for example in examples]),
    )


def spell(example: Example, speller: Speller) -> tuple[list[int], list[int], list[tuple[int, int]], list[int]]:
    """Decoder input, labels, span of each label in encoder positions, and the text alone.

    The tokens of a word share its span evenly.

    The start token stands in the input once and in no label; the language is a label, so that it is learnt to be
    detected, and <|nospeech|> takes its place where nobody speaks. The end token is the last label.
    """
    prefix = speller.prefix(example.language)
    spans = [(-1, -1)] * (len(prefix) - 1)
    text: list[int] = []
    for word in example.words:
        ids = speller.word(word.text)
        first = int(word.start_s * SAMPLE_RATE / POSITION_SAMPLES)
        last = max(first + 1, -int(-word.end_s * SAMPLE_RATE // POSITION_SAMPLES))
        text += ids
        share = (last - first) / len(ids)
        # Of words without times of their own it is not known where in the audio they are.
        known = [(first + int(n * share), first + math.ceil((n + 1) * share)) for n in range(len(ids))]
        spans += known if example.timed else [(-1, -1)] * len(ids)
    spans.append((-1, -1))
    labels = [*prefix[1:], *text, speller.end]
    if not example.speech:
        labels[0] = speller.no_speech
    return prefix + text, labels, spans, text


def letters(example: Example, positions: int) -> Tensor:
    """Which letter is spoken at each encoder position [positions], as if all letters of a word took the same time.

    Before the first word and after the last somebody may speak a word that the window cuts: that is IGNORED.
    """
    found = torch.full((positions,), IGNORED)
    if not example.speech:
        found[:] = SILENCE
    if not example.timed:
        return found
    if example.words:
        found[_position(example.words[0].start_s) : _position(example.words[-1].end_s)] = SILENCE
    for word in example.words:
        spelled = "".join(character for character in word.text.lower() if character.isalnum()).encode()
        first, last = _position(word.start_s), min(positions, _position(word.end_s))
        if spelled and last > first:
            place = torch.arange(last - first) * len(spelled) // (last - first)
            found[first:last] = torch.tensor(list(spelled))[place]
    return found


def _position(time_s: float) -> int:
    return round(time_s * SAMPLE_RATE / POSITION_SAMPLES)


def loader(
    source: ExampleSource, speller: Speller, seed: int, size: int, first_batch: int, mels: int
) -> Iterator[Batch]:
    """Batches from number `first_batch` on, made by a process beside this one."""
    stream = _Stream(source, speller, seed, size, first_batch, mels)
    return iter(DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=8))


class _Stream(IterableDataset[Batch]):
    def __init__(self, source: ExampleSource, speller: Speller, seed: int, size: int, first: int, mels: int) -> None:
        self._source, self._speller = source, speller
        self._seed, self._size, self._first, self._mels = seed, size, first, mels

    def __iter__(self) -> Iterator[Batch]:
        info: Any = get_worker_info()
        if info is not None and info.num_workers > 1:
            raise ValueError("one worker keeps the order of batches")
        torch.set_num_threads(1)
        log_mel = LogMel(self._mels)
        batch = self._first
        while True:
            indices = batch_indices(self._source, self._seed, batch, self._size)
            whole = collate([self._source.example(i) for i in indices], self._speller, log_mel)
            yield mislead(whole, self._speller, torch.Generator().manual_seed(self._seed * 1_000_003 + batch))
            batch += 1


def mislead(batch: Batch, speller: Speller, generator: torch.Generator) -> Batch:
    """Replace a random MISLED_SHARE of the text tokens in the decoder's input; the labels stay right."""
    drawn = torch.rand(batch.tokens.shape, generator=generator)
    wrong = torch.randint(0, speller.end, batch.tokens.shape, generator=generator)
    chosen = (batch.tokens < speller.end) & (drawn < MISLED_SHARE)
    return replace(batch, tokens=torch.where(chosen, wrong, batch.tokens))


def _padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    longest = max(1, *(len(row) for row in rows))
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows])


def _padded_spans(rows: Sequence[Sequence[tuple[int, int]]]) -> Tensor:
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[(-1, -1)] * (longest - len(row))] for row in rows])
