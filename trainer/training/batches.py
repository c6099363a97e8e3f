"""Batches of examples of similar length, in an order that depends on the seed only."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from trainer.examples import SAMPLE_RATE, Example, ExampleSource
from trainer.models.features import POSITION_SAMPLES, POSITIONS_PER_S, LogMel
from trainer.models.tokenizer import Speller
from trainer.stopping import leave_to_parent
from trainer.training.spec_augment import spec_augment
from trainer.training.spelling import IGNORED, UNKNOWN, ExampleSpeller, Span, Spelled, Style, letters, spell

#: The examples of this many batches are sorted by length together. Higher wastes less padding but mixes lengths less.
BATCHES_PER_BLOCK = 16
#: Audio is padded to a multiple of this many encoder positions, so that few different shapes occur.
POSITIONS_STEP = 10
#: Batches that each worker prefetches at most and at least, and about how many all workers prefetch together. They wait
#: in shared memory (31 MB for 960 s), of which a container has little, and each tensor is an open file.
MOST_AHEAD, LEAST_AHEAD, ALL_AHEAD = 8, 2, 32


class Position(NamedTuple):
    """A position in the data: the next batch is number `batch` of a block."""

    block: int = 0
    batch: int = 0


BEGINNING = Position()


@dataclass(frozen=True)
class Shape:
    """How large batches are.

    Attributes:
        examples: maximum per batch.
        seconds: maximum of padded audio per batch (a single example may exceed it); None: no limit.
        block: examples that are sorted by length together; None: those of BATCHES_PER_BLOCK batches.
        least_s: batches are padded to at least this; models for full context are trained at full context.
        jitter_s: each batch gets up to this much more silence, at random, but no more than to most_s.
        wide_share: share of batches that are padded to most_s (half of them) or to a random length below it: a
            transcriber's context is longer than most of its audio.
        most_s: the maximum length of a batch.
    """

    examples: int = 32
    seconds: float | None = None
    block: int | None = None
    least_s: float = 0.0
    jitter_s: float = 0.0
    wide_share: float = 0.0
    most_s: float = 30.0

    def padded_s(self, longest_s: float, rng: random.Random) -> float:
        """The length to pad a batch to, given its longest example."""
        longest_s = max(self.least_s, longest_s)
        share, wide, fraction = rng.random(), rng.random(), rng.random()
        if share < self.wide_share:
            return self.most_s if wide < 0.5 else longest_s + fraction * (self.most_s - longest_s)
        return min(self.most_s, longest_s + fraction * self.jitter_s)

    def fits(self, examples: int, longest_s: float) -> bool:
        """Whether this many examples, the longest of which is `longest_s`, fit in one batch."""
        within = self.seconds is None or examples * max(longest_s, self.least_s) <= self.seconds
        return examples <= self.examples and within


@dataclass(frozen=True)
class Settings:
    """How examples become batches.

    Attributes:
        misled: share of the decoder's input tokens that are replaced at random. A decoder that cannot trust its own
            output must use the audio; without this it memorises a predictable grammar and hallucinates fluent text.
        spec_augment: share of examples with SpecAugment.
    """

    shape: Shape = field(default_factory=Shape)
    style: Style = field(default_factory=Style)
    misled: float = 0.2
    spec_augment: float = 0.0


@dataclass(frozen=True)
class Batch:
    """Tensors of one training step; B examples, T encoder positions (20 ms), L decoder positions.

    features        [B, mels, 2 T]  log-mel
    frames          [B]  feature frames that hold audio; the rest is padding
    tokens          [B, L]  decoder input: prompt, prefix and text, padded with the end token
    labels          [B, L]  token to predict at each position; IGNORED in padding and in the prompt only
    spans           [B, L, 2]  first and last + 1 encoder position of the token to predict; -1: no text
    text            [B, N]  text tokens only, padded, for CTC
    text_lengths    [B]  always on the CPU
    letters         [B, T]  byte of the word being spoken, SILENCE, or IGNORED if unknown

    `after` is the position in the data after this batch.
    """

    features: Tensor
    frames: Tensor
    tokens: Tensor
    labels: Tensor
    spans: Tensor
    text: Tensor
    text_lengths: Tensor
    letters: Tensor
    after: Position = BEGINNING

    @property
    def positions(self) -> int:
        return self.features.shape[-1] // 2

    @property
    def audio_s(self) -> float:
        """Seconds of audio, without padding."""
        return float(self.frames.sum()) / (2 * POSITIONS_PER_S)

    def __len__(self) -> int:
        return len(self.features)

    def pin_memory(self) -> Batch:
        """The batch in pinned memory; called by the DataLoader."""
        pinned: dict[str, Any] = {
            name: value.pin_memory() for name, value in vars(self).items() if torch.is_tensor(value)
        }
        return replace(self, **pinned)

    def to(self, device: torch.device) -> Batch:
        """The batch with its tensors on a device, except `text_lengths`."""
        moved: dict[str, Any] = {
            name: value.to(device, non_blocking=True)
            for name, value in vars(self).items()
            if torch.is_tensor(value) and name != "text_lengths"
        }
        return replace(self, **moved)


def block_batches(source: ExampleSource, seed: int, block: int, shape: Shape) -> list[list[int]]:
    """The batches of a block: its examples sorted by length and cut into full batches, in random order."""
    size = shape.block or shape.examples * BATCHES_PER_BLOCK
    durations_s = {index: source.duration_s(index) for index in range(block * size, (block + 1) * size)}
    batches: list[list[int]] = []
    for index in sorted(durations_s, key=durations_s.__getitem__):
        if not batches or not shape.fits(len(batches[-1]) + 1, durations_s[index]):
            batches.append([])
        batches[-1].append(index)
    return random.Random(f"{seed}-{block}").sample(batches, len(batches))


def rounds(
    source: ExampleSource, seed: int, shape: Shape, start: Position, ranks: int = 1
) -> Iterator[tuple[list[list[int]], Position]]:
    """From `start`, endlessly: one batch for each rank, and the position after them."""

    def batches() -> Iterator[tuple[list[int], Position]]:
        for block in itertools.count(start.block):
            in_block = block_batches(source, seed, block, shape)
            for number in range(start.batch if block == start.block else 0, len(in_block)):
                last = number + 1 == len(in_block)
                yield in_block[number], Position(block + 1, 0) if last else Position(block, number + 1)

    stream = batches()
    while True:
        per_rank = [next(stream) for _ in range(ranks)]
        yield [indices for indices, _ in per_rank], per_rank[-1][1]


def collate(
    examples: Sequence[Example],
    speller: Speller,
    log_mel: LogMel,
    spelled: Sequence[Spelled] | None = None,
    least_s: float = 0.0,
    most_s: float | None = None,
) -> Batch:
    """Pad examples to the longest and to `least_s`, compute their features, and tokenise them unless `spelled`."""
    step, longest = POSITIONS_STEP * POSITION_SAMPLES, max(len(example.audio) for example in examples)
    samples = -(-max(round(least_s * SAMPLE_RATE), longest) // step) * step
    samples = samples if most_s is None else min(samples, round(most_s * SAMPLE_RATE))
    audio = torch.zeros(len(examples), longest)
    for row, example in zip(audio, examples, strict=True):
        row[: len(example.audio)] = torch.from_numpy(example.audio)
    spelled = spelled or [spell(example, speller) for example in examples]
    return Batch(
        features=log_mel(audio, 2 * (samples // POSITION_SAMPLES)),
        frames=torch.tensor([-(-len(example.audio) * 2 // POSITION_SAMPLES) for example in examples]),
        tokens=_padded([row.tokens for row in spelled], speller.end),
        labels=_padded([row.labels for row in spelled], IGNORED),
        spans=_padded_spans([row.spans for row in spelled]),
        text=_padded([row.text for row in spelled], 0),
        text_lengths=torch.tensor([len(row.text) for row in spelled]),
        letters=torch.stack([letters(example, samples // POSITION_SAMPLES) for example in examples]),
    )


@dataclass(frozen=True)
class Stream:
    """Everything that determines the batches of process `rank` of `ranks`, from position `start`."""

    source: ExampleSource
    speller: Speller
    settings: Settings
    seed: int
    mels: int
    most_tokens: int | None = None
    start: Position = BEGINNING
    rank: int = 0
    ranks: int = 1

    def make(self, indices: Sequence[int], log_mel: LogMel) -> Batch:
        """The batch of these examples: a function of the seed and their indices."""
        shape = self.settings.shape
        example_speller = ExampleSpeller(self.speller, self.settings.style, self.most_tokens)
        examples = [self.source.example(index) for index in indices]
        spelled = [
            example_speller.spell(example, random.Random(f"{self.seed}-{index}"))
            for index, example in zip(indices, examples, strict=True)
        ]
        rng = random.Random(f"{self.seed}-batch-{min(indices)}")
        padded_s = shape.padded_s(max(example.duration_s for example in examples), rng)
        batch = collate(examples, self.speller, log_mel, spelled, padded_s, shape.most_s)
        generator = torch.Generator().manual_seed(rng.getrandbits(63))
        features = spec_augment(batch.features, batch.frames, self.settings.spec_augment, generator)
        return mislead(replace(batch, features=features), self.speller, generator, self.settings.misled)


def loader(stream: Stream, workers: int = 1, pinned: bool = False) -> Iterator[Batch]:
    """An endless iterator over batches, made by worker processes. Their order does not depend on `workers`.

    Args:
        pinned: for a GPU, which could otherwise copy a batch only after it has completed its step.
    """
    # The DataLoader draws a seed for its workers, which must not advance the generator that dropout uses.
    return iter(
        DataLoader(
            _Batches(stream),
            batch_size=None,
            num_workers=workers,
            # Forked workers share the corpus in memory; Python 3.14 would send each a copy.
            multiprocessing_context="fork" if workers else None,
            prefetch_factor=max(LEAST_AHEAD, min(MOST_AHEAD, ALL_AHEAD // workers)) if workers else None,
            pin_memory=pinned,
            generator=torch.Generator(),
            worker_init_fn=leave_to_parent,
        )
    )


class _Batches(IterableDataset[Batch]):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Batch]:
        # The DataLoader takes from its N workers in turn, so worker n makes every N-th batch, starting at the n-th.
        info: Any = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info is not None else (0, 1)
        torch.set_num_threads(1)
        stream, log_mel = self._stream, LogMel(self._stream.mels)
        plan = rounds(stream.source, stream.seed, stream.settings.shape, stream.start, stream.ranks)
        for batches, after in itertools.islice(plan, worker, None, workers):
            yield replace(stream.make(batches[stream.rank], log_mel), after=after)


def mislead(batch: Batch, speller: Speller, generator: torch.Generator, share: float) -> Batch:
    """Replace a random share of the text tokens in the decoder's input; the labels stay correct."""
    draws = torch.rand(batch.tokens.shape, generator=generator)
    wrong = torch.randint(0, speller.end, batch.tokens.shape, generator=generator)
    replaced = (batch.tokens < speller.end) & (draws < share)
    return replace(batch, tokens=torch.where(replaced, wrong, batch.tokens))


def _padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    longest = max(1, *(len(row) for row in rows))
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows])


def _padded_spans(rows: Sequence[Sequence[Span]]) -> Tensor:
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[UNKNOWN] * (longest - len(row))] for row in rows])
