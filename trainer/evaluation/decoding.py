"""Batched greedy decoding: what transformers' `generate` writes, token for token, without what it costs a step."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, EncoderDecoderCache

from trainer.errors import NoRoom
from trainer.evaluation.recogniser import Recogniser
from trainer.evaluation.utterances import Utterance
from trainer.examples import SAMPLE_RATE
from trainer.models.features import POSITION_SAMPLES, POSITIONS_PER_S, LogMel
from trainer.models.whisper import short_context
from trainer.stopping import end_with_parent

#: Tokens a model may write for each second of audio, and at least: a model that repeats itself must end.
TOKENS_PER_S, TOKENS_AT_LEAST = 22, 12
#: And so many times the tokens of what is said: where Whisper's tokenizer has hardly a letter of a script, each letter
#: takes up to three, so that Georgian and Burmese are read at more than 30 tokens a second.
TIMES_SAID = 2
#: Seconds of acoustic context in a batch: on a CPU, eight clips of 30 s get most of what batches give. On a GPU a step
#: of the decoder is mostly Python's time, be it of one clip or of hundreds: it gets what it has memory for, up to 512.
BATCH_S_CPU, MOST_S_GPU = 240.0, 15_360.0
#: Share of a GPU's memory for the larger of two: the keys and values of cross attention (55 MB a clip of 30 s of small,
#: 0.25 GB of large-v3), and what a layer of the encoder has at work.
SHARE_GPU = 0.25
#: Audio is padded to a multiple of this many encoder positions where each batch is as long as its longest clip.
POSITIONS_STEP = 10


@dataclass(frozen=True)
class Written:
    """What a model wrote: text, its ids without prefix and end token, and whether the cap came before the end."""

    text: str
    tokens: tuple[int, ...]
    truncated: bool


@dataclass(frozen=True)
class Listening:
    """What to listen to and how.

    Attributes:
        context_s: what each utterance is padded to with silence; None: to the longest of its batch.
        batch_s: seconds of context in a batch; None: what suits the device.
        processes: of one thread each, where there is no GPU; on a busy machine two threads do less than one.
        tokens_per_s: most tokens that are written, beside TOKENS_AT_LEAST.
    """

    context_s: float | None = None
    batch_s: float | None = None
    processes: int = 1
    tokens_per_s: float = TOKENS_PER_S

    def cap(self, duration_s: float) -> int:
        """Most tokens that are written for so much audio."""
        return TOKENS_AT_LEAST + math.ceil(duration_s * self.tokens_per_s)


def decode(
    recogniser: Recogniser,
    utterances: Sequence[Utterance],
    listening: Listening = Listening(),
    done: Callable[[int], object] = lambda utterances: None,
) -> list[Written]:
    """Write down utterances, in their order; `done` is told after each batch how many it had.

    Raises:
        NoRoom: a GPU's memory is too small for a single one, or that of the machine for all processes.
    """
    found: dict[int, Written] = {}
    planned = list(batches(recogniser, utterances, listening))
    with _mapped(recogniser, utterances, listening, min(listening.processes, len(planned))) as write:
        for indices, texts in zip(planned, write(planned), strict=True):
            found.update(zip(indices, texts, strict=True))
            done(len(indices))
    return [found[index] for index in range(len(utterances))]


@contextmanager
def _mapped(
    recogniser: Recogniser, utterances: Sequence[Utterance], listening: Listening, processes: int
) -> Iterator[Callable[[list[list[int]]], Iterable[list[Written]]]]:
    """What writes batches, here or in other processes."""
    if processes <= 1 or recogniser.device.type != "cpu":
        yield lambda planned: _within_memory(recogniser, utterances, listening, planned)
        return
    # Forked processes have the model and the corpus in memory already; they use one thread, so that OpenMP, which
    # does not outlive a fork, is not asked for more.
    work = recogniser, utterances, listening
    with ProcessPoolExecutor(processes, get_context("fork"), initializer=_begin, initargs=work) as pool:
        try:
            yield lambda planned: pool.map(_write, planned)
        except BrokenProcessPool as error:
            raise NoRoom(
                f"one of {processes} processes was killed (is the memory full?): give fewer with --processes, or less "
                "at a time with --batch-s"
            ) from error


def _within_memory(
    recogniser: Recogniser, utterances: Sequence[Utterance], listening: Listening, planned: list[list[int]]
) -> Iterator[list[Written]]:
    """Write batches one after the other; where a GPU's memory ends, in halves, and from there on in no larger ones."""
    most = len(utterances)
    for indices in planned:
        written: list[Written] = []
        while len(written) < len(indices):
            part = [utterances[index] for index in indices[len(written) : len(written) + most]]
            try:
                written += write(recogniser, part, listening)
            except torch.OutOfMemoryError as error:
                if len(part) == 1:
                    raise NoRoom(f"the GPU has no room for {recogniser.name or 'the model'} at work") from error
                most = len(part) // 2
        yield written


_work: tuple[Recogniser, Sequence[Utterance], Listening]


def _begin(*work: Any) -> None:
    global _work
    _work = work
    torch.set_num_threads(1)
    end_with_parent()


def _write(indices: Sequence[int]) -> list[Written]:
    recogniser, utterances, listening = _work
    return write(recogniser, [utterances[index] for index in indices], listening)


def write(recogniser: Recogniser, utterances: Sequence[Utterance], listening: Listening) -> list[Written]:
    """Write down one batch."""
    prefixes = [recogniser.prefix(utterance.language) for utterance in utterances]
    caps = [
        max(listening.cap(utterance.duration_s), TIMES_SAID * len(recogniser.ids(utterance.text)))
        for utterance in utterances
    ]
    return greedy(recogniser, hear(recogniser, utterances, listening.context_s), prefixes, caps)


@torch.no_grad()
def hear(recogniser: Recogniser, utterances: Sequence[Utterance], context_s: float | None = None) -> Tensor:
    """Run the encoder on one batch: states [B, positions, d_model]."""
    model = recogniser.model
    longest_s = max(utterance.duration_s for utterance in utterances)
    positions = min(positions_of(longest_s, context_s), model.config.max_source_positions)
    clips = [torch.from_numpy(utterance.audio()[: positions * POSITION_SAMPLES]) for utterance in utterances]
    audio = pad_sequence(clips, batch_first=True)
    log_mel = _log_mel(model.config.num_mel_bins, recogniser.device)
    with short_context(model, positions):
        features = log_mel(audio.to(recogniser.device), 2 * positions)
        states: Tensor = model.get_encoder()(features.to(model.dtype)).last_hidden_state
    return states


@cache
def _log_mel(mels: int, device: torch.device) -> LogMel:
    return LogMel(mels).to(device)


@torch.inference_mode()
def greedy(
    recogniser: Recogniser, states: Tensor, prefixes: Sequence[Sequence[int]], caps: Sequence[int]
) -> list[Written]:
    """Write what is heard in encoder states [B, positions, d_model].

    Args:
        prefixes: what each row starts from; all are equally long.
        caps: most tokens of each row.
    """
    room = recogniser.model.config.max_target_positions - len(prefixes[0])
    caps = [min(cap, room) for cap in caps]
    device, end = states.device, recogniser.end
    never = torch.tensor(recogniser.suppressed, dtype=torch.long, device=device)
    not_first = torch.tensor(recogniser.suppressed_first, dtype=torch.long, device=device)
    limits, rows = torch.tensor(caps, device=device), torch.arange(len(caps), device=device)
    written = torch.full((len(caps), max(caps)), end, device=device)
    ended = torch.zeros(len(caps), dtype=torch.bool, device=device)
    tokens = torch.tensor(prefixes, device=device)
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    for step in itertools.count():
        logits = _logits(recogniser, tokens, states, cache)
        logits[:, never] = -torch.inf
        if step == 0:
            logits[:, not_first] = -torch.inf
        best = logits.argmax(-1).masked_fill(ended, end)
        written[rows, step] = best
        ended = (best == end) | (step + 1 >= limits[rows])
        alive = (~ended).nonzero()[:, 0]
        if not len(alive):
            break
        if 2 * len(alive) <= len(rows):  # half of the batch has ended: it costs nothing from here on
            rows, states, best, ended = rows[alive], states[alive], best[alive], ended[alive]
            cache.batch_select_indices(alive)
        tokens = best[:, None]
    return [_written(recogniser, row[:most]) for row, most in zip(written.tolist(), caps, strict=True)]


def batches(recogniser: Recogniser, utterances: Sequence[Utterance], listening: Listening) -> Iterator[list[int]]:
    """Indices by duration, the longest first (what does not fit into memory fails at once), as many in a batch as its
    seconds of context allow, and at least one."""
    most_s = listening.batch_s or _suiting_s(recogniser)
    batch: list[int] = []
    for index in sorted(range(len(utterances)), key=lambda index: -utterances[index].duration_s):
        each_s = listening.context_s or utterances[batch[0] if batch else index].duration_s
        if batch and (len(batch) + 1) * each_s > most_s:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _suiting_s(recogniser: Recogniser) -> float:
    """Seconds of context in a batch that suit the device."""
    if recogniser.device.type != "cuda":
        return BATCH_S_CPU
    config, room = recogniser.model.config, torch.cuda.get_device_properties(recogniser.device).total_memory
    cross, layer = 2 * config.decoder_layers * config.d_model, 2 * config.encoder_ffn_dim + 6 * config.d_model
    each_position = recogniser.model.dtype.itemsize * max(cross, layer)
    return float(min(MOST_S_GPU, SHARE_GPU * room / (each_position * POSITIONS_PER_S)))


def positions_of(longest_s: float, context_s: float | None) -> int:
    """Encoder positions of a batch."""
    if context_s is not None:
        return round(context_s * POSITIONS_PER_S)
    samples = POSITIONS_STEP * POSITION_SAMPLES
    return max(1, math.ceil(round(longest_s * SAMPLE_RATE) / samples)) * POSITIONS_STEP


def _logits(recogniser: Recogniser, tokens: Tensor, states: Tensor, cache: EncoderDecoderCache) -> Tensor:
    """Logits [B, vocabulary] behind the last of `tokens` [B, n]."""
    hidden = recogniser.model.get_decoder()(
        input_ids=tokens, encoder_hidden_states=states, past_key_values=cache, use_cache=True
    ).last_hidden_state
    logits: Tensor = recogniser.model.proj_out(hidden[:, -1]).float()
    return logits


def _written(recogniser: Recogniser, row: list[int]) -> Written:
    tokens = list(itertools.takewhile(lambda token: token != recogniser.end, row))
    return Written(recogniser.text(tokens), tuple(tokens), truncated=len(tokens) == len(row))
