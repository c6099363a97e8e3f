"""Batched greedy decoding: the same tokens as transformers' `generate`, without its overhead per step."""

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

#: Token cap per second of audio, and at least, so that a model which repeats itself ends.
TOKENS_PER_S, TOKENS_AT_LEAST = 22, 12
#: The cap is at least this many times the tokens of the reference: for scripts that Whisper's tokenizer hardly covers,
#: each letter takes up to three tokens, so that Georgian and Burmese have more than 30 tokens per second.
TIMES_REFERENCE = 2
#: Seconds of acoustic context in a batch. On a CPU, larger batches than eight clips of 30 s gain little. On a GPU, a
#: decoder step is mostly Python overhead, for one clip as for hundreds: fill its memory, up to 512 clips of 30 s.
BATCH_S_CPU, MOST_S_GPU = 240.0, 15_360.0
#: Share of a GPU's memory for the larger of: the cross-attention cache (55 MB per clip of 30 s for small, 0.25 GB for
#: large-v3), and the activations of an encoder layer.
SHARE_GPU = 0.25
#: If a batch is as long as its longest clip, audio is padded to a multiple of this many encoder positions.
POSITIONS_STEP = 10


@dataclass(frozen=True)
class Transcript:
    """A model's output: text, its ids without prefix and end token, and whether it was truncated at the cap."""

    text: str
    tokens: tuple[int, ...]
    truncated: bool


@dataclass(frozen=True)
class DecodingOptions:
    """How to decode.

    Attributes:
        context_s: utterances are padded to this with silence; None: to the longest of their batch.
        batch_s: seconds of context in a batch; None: a default for the device.
        processes: used without a GPU, with one thread each; on a busy machine two threads do less than one.
        tokens_per_s: token cap per second of audio, in addition to TOKENS_AT_LEAST.
    """

    context_s: float | None = None
    batch_s: float | None = None
    processes: int = 1
    tokens_per_s: float = TOKENS_PER_S

    def cap(self, duration_s: float) -> int:
        """The token cap for this much audio."""
        return TOKENS_AT_LEAST + math.ceil(duration_s * self.tokens_per_s)


def decode(
    recogniser: Recogniser,
    utterances: Sequence[Utterance],
    options: DecodingOptions = DecodingOptions(),
    on_decoded: Callable[[int], object] = lambda utterances: None,
) -> list[Transcript]:
    """Transcribe utterances, in their order; `on_decoded` is called with the size of each completed batch.

    Raises:
        NoRoom: the GPU has no memory for a single utterance, or the machine for all processes.
    """
    transcripts: dict[int, Transcript] = {}
    planned = list(batches(recogniser, utterances, options))
    with _batch_decoder(recogniser, utterances, options, min(options.processes, len(planned))) as decode_all:
        for indices, outputs in zip(planned, decode_all(planned), strict=True):
            transcripts.update(zip(indices, outputs, strict=True))
            on_decoded(len(indices))
    return [transcripts[index] for index in range(len(utterances))]


@contextmanager
def _batch_decoder(
    recogniser: Recogniser, utterances: Sequence[Utterance], options: DecodingOptions, processes: int
) -> Iterator[Callable[[list[list[int]]], Iterable[list[Transcript]]]]:
    """A function that decodes batches, in this process or in others."""
    if processes <= 1 or recogniser.device.type != "cpu":
        yield lambda planned: _within_memory(recogniser, utterances, options, planned)
        return
    # Forked processes share the model and the corpus in memory. They use one thread, because OpenMP's threads do not
    # survive a fork.
    work = recogniser, utterances, options
    with ProcessPoolExecutor(processes, get_context("fork"), initializer=_start_worker, initargs=work) as pool:
        try:
            yield lambda planned: pool.map(_decode_in_worker, planned)
        except BrokenProcessPool as error:
            raise NoRoom(
                f"one of {processes} processes was killed (is the memory full?): use fewer --processes or a smaller "
                "--batch-s"
            ) from error


def _within_memory(
    recogniser: Recogniser, utterances: Sequence[Utterance], options: DecodingOptions, planned: list[list[int]]
) -> Iterator[list[Transcript]]:
    """Decode batches one by one. If the GPU runs out of memory, halve the batch size from there on."""
    most = len(utterances)
    for indices in planned:
        transcripts: list[Transcript] = []
        while len(transcripts) < len(indices):
            part = [utterances[index] for index in indices[len(transcripts) : len(transcripts) + most]]
            try:
                transcripts += decode_batch(recogniser, part, options)
            except torch.OutOfMemoryError as error:
                if len(part) == 1:
                    name = recogniser.name or "the model"
                    raise NoRoom(f"the GPU has too little memory to run {name} on a single clip") from error
                most = len(part) // 2
        yield transcripts


_work: tuple[Recogniser, Sequence[Utterance], DecodingOptions]


def _start_worker(*work: Any) -> None:
    global _work
    _work = work
    torch.set_num_threads(1)
    end_with_parent()


def _decode_in_worker(indices: Sequence[int]) -> list[Transcript]:
    recogniser, utterances, options = _work
    return decode_batch(recogniser, [utterances[index] for index in indices], options)


def decode_batch(recogniser: Recogniser, utterances: Sequence[Utterance], options: DecodingOptions) -> list[Transcript]:
    """Transcribe one batch."""
    prefixes = [recogniser.prefix(utterance.language) for utterance in utterances]
    caps = [
        max(options.cap(utterance.duration_s), TIMES_REFERENCE * len(recogniser.ids(utterance.text)))
        for utterance in utterances
    ]
    return greedy(recogniser, encode(recogniser, utterances, options.context_s), prefixes, caps)


@torch.no_grad()
def encode(recogniser: Recogniser, utterances: Sequence[Utterance], context_s: float | None = None) -> Tensor:
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
) -> list[Transcript]:
    """Decode encoder states [B, positions, d_model].

    Args:
        prefixes: the decoder input that each row starts from; all of the same length.
        caps: the maximum of tokens of each row.
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
        if 2 * len(alive) <= len(rows):  # half of the batch has ended: drop it
            rows, states, best, ended = rows[alive], states[alive], best[alive], ended[alive]
            cache.batch_select_indices(alive)
        tokens = best[:, None]
    return [_transcript(recogniser, row[:most]) for row, most in zip(written.tolist(), caps, strict=True)]


def batches(recogniser: Recogniser, utterances: Sequence[Utterance], options: DecodingOptions) -> Iterator[list[int]]:
    """Batches of indices by duration, the longest first, so that running out of memory shows at once. A batch has as
    many as its seconds of context allow, and at least one."""
    most_s = options.batch_s or _default_batch_s(recogniser)
    batch: list[int] = []
    for index in sorted(range(len(utterances)), key=lambda index: -utterances[index].duration_s):
        each_s = options.context_s or utterances[batch[0] if batch else index].duration_s
        if batch and (len(batch) + 1) * each_s > most_s:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _default_batch_s(recogniser: Recogniser) -> float:
    """Seconds of context in a batch that suit the device."""
    if recogniser.device.type != "cuda":
        return BATCH_S_CPU
    config, memory = recogniser.model.config, torch.cuda.get_device_properties(recogniser.device).total_memory
    cross, layer = 2 * config.decoder_layers * config.d_model, 2 * config.encoder_ffn_dim + 6 * config.d_model
    position_bytes = recogniser.model.dtype.itemsize * max(cross, layer)
    return float(min(MOST_S_GPU, SHARE_GPU * memory / (position_bytes * POSITIONS_PER_S)))


def positions_of(longest_s: float, context_s: float | None) -> int:
    """The encoder positions of a batch."""
    if context_s is not None:
        return round(context_s * POSITIONS_PER_S)
    samples = POSITIONS_STEP * POSITION_SAMPLES
    return max(1, math.ceil(round(longest_s * SAMPLE_RATE) / samples)) * POSITIONS_STEP


def _logits(recogniser: Recogniser, tokens: Tensor, states: Tensor, cache: EncoderDecoderCache) -> Tensor:
    """Logits [B, vocabulary] after the last of `tokens` [B, n]."""
    hidden = recogniser.model.get_decoder()(
        input_ids=tokens, encoder_hidden_states=states, past_key_values=cache, use_cache=True
    ).last_hidden_state
    logits: Tensor = recogniser.model.proj_out(hidden[:, -1]).float()
    return logits


def _transcript(recogniser: Recogniser, row: list[int]) -> Transcript:
    tokens = list(itertools.takewhile(lambda token: token != recogniser.end, row))
    return Transcript(recogniser.text(tokens), tuple(tokens), truncated=len(tokens) == len(row))
