"""Batched greedy decoding: what transformers' `generate` writes, token for token, without what it costs a step."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from trainer.examples import SAMPLE_RATE
from trainer.features import POSITION_SAMPLES, POSITIONS_PER_S, LogMel
from trainer.model import short_context
from trainer.recogniser import Recogniser
from trainer.utterances import Utterance

#: Tokens a model may write for each second of audio, and at least: a model that repeats itself must end.
TOKENS_PER_S, TOKENS_AT_LEAST = 22, 12
#: Seconds of acoustic context in a batch. On a CPU, eight clips of 30 s get most of what batches give; on a GPU, the
#: cross attention of 128 of them takes 8 GB (small) to 31 GB (large-v3).
BATCH_S_CPU, BATCH_S_GPU = 240.0, 3840.0
#: Audio is padded to a multiple of this many encoder positions where each batch is as long as its longest clip.
POSITIONS_STEP = 10


@dataclass(frozen=True)
class Written:
    """What a model wrote: text, its ids without prefix and end token, and whether the cap came before the end."""

    text: str
    tokens: tuple[int, ...]
    truncated: bool


@dataclass(frozen=True)
class Heard:
    """A batch in the encoder: which utterances, and states [B, positions, d_model]."""

    indices: tuple[int, ...]
    states: Tensor


def decode(
    recogniser: Recogniser,
    utterances: Sequence[Utterance],
    context_s: float | None = None,
    batch_s: float | None = None,
    done: Callable[[int], object] = lambda utterances: None,
) -> list[Written]:
    """Write down utterances, in their order.

    Args:
        context_s: what each is padded to with silence; None: to the longest of its batch.
        batch_s: seconds of context in a batch.
        done: told after each batch how many utterances it had.
    """
    found: dict[int, Written] = {}
    for heard in hear(recogniser, utterances, context_s, batch_s):
        chosen = [utterances[index] for index in heard.indices]
        prefixes = [recogniser.prefix(utterance.language) for utterance in chosen]
        caps = [cap(utterance.duration_s) for utterance in chosen]
        for index, written in zip(heard.indices, greedy(recogniser, heard.states, prefixes, caps), strict=True):
            found[index] = written
        done(len(chosen))
    return [found[index] for index in range(len(utterances))]


@torch.no_grad()
def hear(
    recogniser: Recogniser,
    utterances: Sequence[Utterance],
    context_s: float | None = None,
    batch_s: float | None = None,
) -> Iterator[Heard]:
    """Run the encoder on batches of utterances of like length, the longest first: what does not fit, fails at once."""
    model, device = recogniser.model, recogniser.device
    batch_s = batch_s or (BATCH_S_GPU if device.type == "cuda" else BATCH_S_CPU)
    log_mel = LogMel(model.config.num_mel_bins).to(device)
    for indices in batches([utterance.duration_s for utterance in utterances], context_s, batch_s):
        longest_s = max(utterances[index].duration_s for index in indices)
        positions = min(positions_of(longest_s, context_s), model.config.max_source_positions)
        audio = torch.zeros(len(indices), positions * POSITION_SAMPLES)
        for row, index in zip(audio, indices, strict=True):
            samples = utterances[index].audio()[: len(row)]
            row[: len(samples)] = torch.from_numpy(samples)
        features = log_mel(audio.to(device)).to(model.dtype)
        with short_context(model, positions):
            states = model.get_encoder()(features).last_hidden_state
        yield Heard(tuple(indices), states)


@torch.no_grad()
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


def cap(duration_s: float) -> int:
    """Most tokens that are written for so much audio."""
    return TOKENS_AT_LEAST + math.ceil(duration_s * TOKENS_PER_S)


def batches(durations_s: Sequence[float], context_s: float | None, batch_s: float) -> Iterator[list[int]]:
    """Indices sorted by duration, longest first, as many in a batch as its seconds of context allow, at least one."""
    batch: list[int] = []
    for index in sorted(range(len(durations_s)), key=lambda index: -durations_s[index]):
        each_s = context_s or durations_s[batch[0] if batch else index]
        if batch and (len(batch) + 1) * each_s > batch_s:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


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
