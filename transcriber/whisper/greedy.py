"""Greedy decoding of a batch, with the cross attention that locates each token in the audio.

Our own loop instead of transformers' `generate`, whose bookkeeping costs about 10 ms per step. Here, one forward pass
returns tokens, their probabilities and their attention, and every row can have its own language.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from transcriber.whisper.special_tokens import SpecialTokens


@dataclass(frozen=True)
class Decoded:
    """The decoded text of one row.

    Attributes:
        tokens: ids of the text, without prefix and end token.
        log_probabilities: of each token, and of the end token after them if it was reached.
        attention: of the decoder when it predicted them, [heads, len(tokens) + 1, positions].
        truncated: the cap was reached before the end token.
        no_speech_probability: that there is no speech; 0 of a text that was only scored.
    """

    tokens: list[int]
    log_probabilities: list[float]
    attention: Tensor
    truncated: bool
    no_speech_probability: float = 0.0

    @property
    def mean_log_probability(self) -> float:
        """Over its tokens and the end token; 0 if there are none."""
        return sum(self.log_probabilities) / len(self.log_probabilities) if self.log_probabilities else 0.0


#: Chooses the prefixes of each row, given the logits [B, vocabulary] after the start token. A row with several prefixes
#: is decoded once from each of them.
Prefixes = Callable[[Tensor], Sequence[Sequence[list[int]]]]


class GreedyDecoder:
    """Greedy decoding with the decoder of a Whisper model.

    Args:
        whisper: a WhisperForConditionalGeneration in evaluation mode.
        heads: (layer, head) pairs whose attention follows the audio.
    """

    def __init__(self, whisper: Any, tokens: SpecialTokens, heads: Sequence[tuple[int, int]]) -> None:
        self._decoder = whisper.get_decoder()
        self._project = whisper.proj_out
        self._tokens = tokens
        self._positions = int(whisper.config.max_target_positions)
        device = whisper.device
        self._suppressed = torch.tensor(tokens.suppressed, dtype=torch.long, device=device)
        self._suppressed_first = torch.tensor(tokens.suppressed_first, dtype=torch.long, device=device)
        self._heads = _AlignmentHeads(self._decoder, heads)

    @torch.inference_mode()
    def __call__(self, states: Tensor, choose: Prefixes, caps: Sequence[int]) -> list[list[Decoded]]:
        """Decode encoder states [B, positions, d_model]: for each row, one text from each of its prefixes.

        Args:
            choose: returns each row's prefixes: an optional prompt, the start token and the tokens that follow it.
            caps: maximum number of tokens per row; only tokens that begin a character count.
        """
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        with self._heads:
            first_logits = self.first_logits(states, cache)
            no_speech = self._no_speech(first_logits)
            chosen = choose(first_logits)
            rows = [row for row, several in enumerate(chosen) for _ in several]
            if len(rows) > len(states):  # rows with several prefixes are repeated
                index = torch.tensor(rows, device=states.device)
                states = states[index]
                cache.batch_select_indices(index)
            prefixes = [prefix for several in chosen for prefix in several]
            texts = iter(self._decode(states, cache, prefixes, [caps[row] for row in rows]))
        return [
            [replace(next(texts), no_speech_probability=probability) for _ in several]
            for several, probability in zip(chosen, no_speech, strict=True)
        ]

    def _decode(
        self, states: Tensor, cache: EncoderDecoderCache, prefixes: Sequence[list[int]], caps: Sequence[int]
    ) -> list[Decoded]:
        """Decode one text from each prefix, given the cache after the start token."""
        rows = len(prefixes)
        room, counted = [self._positions - len(prefix) for prefix in prefixes], [0] * rows
        padded, mask = _padded(prefixes, self._tokens.end, states.device)
        if all(prefix[0] == self._tokens.start for prefix in prefixes):
            padded = padded[:, 1:]  # already in the cache
        else:  # a prompt comes before the start token: reset the self-attention cache, keep the cross-attention one
            cache = EncoderDecoderCache(DynamicCache(), cache.cross_attention_cache)
        logits = self._logits(padded, states, cache, mask)
        logits[:, self._suppressed_first] = -torch.inf
        chosen_tokens, log_probabilities, attentions, lengths, ended = [], [], [], [0] * rows, [False] * rows
        for step in itertools.count():
            logits[:, self._suppressed] = -torch.inf
            values, tokens = logits.log_softmax(-1).max(-1)
            chosen_tokens.append(tokens)
            log_probabilities.append(values)
            attentions.append(self._heads.last())
            unfinished = False
            for row, token in enumerate(tokens.tolist()):
                if ended[row] or lengths[row] < step:
                    continue
                ended[row] = token == self._tokens.end
                lengths[row] += not ended[row] and counted[row] < caps[row] and step < room[row]
                counted[row] += token not in self._tokens.within
                unfinished = unfinished or (not ended[row] and lengths[row] > step)
            if not unfinished:
                break
            if mask is not None:
                mask = torch.nn.functional.pad(mask, (0, 1), value=1)
            logits = self._logits(tokens[:, None], states, cache, mask)
        tokens, values = torch.stack(chosen_tokens, 1).cpu(), torch.stack(log_probabilities, 1).cpu()
        attention = torch.stack(attentions, 2)
        return [
            Decoded(
                tokens=tokens[row, : lengths[row]].tolist(),
                log_probabilities=values[row, : lengths[row] + ended[row]].tolist(),
                attention=attention[row, :, : lengths[row] + 1].float().cpu(),
                truncated=not ended[row],
            )
            for row in range(rows)
        ]

    @torch.inference_mode()
    def first_logits(self, states: Tensor, cache: Any = None) -> Tensor:
        """Logits [B, vocabulary] after the start token, for encoder states [B, positions, d_model]."""
        start = torch.full((len(states), 1), self._tokens.start, device=states.device)
        return self._logits(start, states, cache)

    @torch.inference_mode()
    def score(self, states: Tensor, prefixes: Sequence[list[int]], texts: Sequence[list[int]]) -> list[Decoded]:
        """Score given texts by teacher forcing, as if they had been decoded from states [B, positions, d_model].

        Args:
            prefixes: initial tokens of each row.
            texts: tokens of each row, with the end token if it was reached.
        """
        rows = [[*prefix, *text] for prefix, text in zip(prefixes, texts, strict=True)]
        longest = max(map(len, rows))
        # Attention is causal, so padding after a text does not affect it.
        padded = [row + [self._tokens.end] * (longest - len(row)) for row in rows]
        input_ids = torch.tensor(padded, device=states.device)
        with self._heads:
            hidden = self._decoder(input_ids=input_ids, encoder_hidden_states=states, use_cache=False).last_hidden_state
            attentions = self._heads.all()
        logits: Tensor = self._project(hidden).float()
        logits[:, :, self._suppressed] = -torch.inf
        decoded = []
        for row, (prefix, text) in enumerate(zip(prefixes, texts, strict=True)):
            logits[row, len(prefix) - 1, self._suppressed_first] = -torch.inf
            before = slice(len(prefix) - 1, len(prefix) - 1 + len(text))
            chosen = torch.tensor(text, device=states.device)[:, None]
            ended = bool(text) and text[-1] == self._tokens.end
            decoded.append(
                Decoded(
                    tokens=text[: len(text) - ended],
                    log_probabilities=logits[row, before].log_softmax(-1).gather(-1, chosen)[:, 0].tolist(),
                    attention=attentions[row, :, before.start : before.stop + (not ended)].float().cpu(),
                    truncated=not ended,
                )
            )
        return decoded

    def _logits(self, tokens: Tensor, states: Tensor, cache: Any, mask: Tensor | None = None) -> Tensor:
        """Logits [B, vocabulary] after the last of `tokens` [B, n].

        Args:
            mask: 0 for padding, 1 for every other token so far, including `tokens`: [B, all]. None: no padding.
        """
        position_ids = attention_mask = None
        if mask is not None:  # a finished row stays in the batch until all are finished; clamp its positions
            position_ids = (mask.cumsum(1) - 1).clamp(0, self._positions - 1)[:, -tokens.shape[1] :]
            attention_mask = _attention_mask(mask, tokens.shape[1], states.dtype)
        hidden = self._decoder(
            input_ids=tokens,
            attention_mask=attention_mask,
            position_ids=position_ids,
            encoder_hidden_states=states,
            past_key_values=cache,
            use_cache=cache is not None,
        ).last_hidden_state
        logits: Tensor = self._project(hidden[:, -1]).float()
        return logits

    def _no_speech(self, logits: Tensor) -> list[float]:
        if self._tokens.no_speech is None:
            return [0.0] * len(logits)
        probabilities: list[float] = logits.softmax(-1)[:, self._tokens.no_speech].tolist()
        return probabilities


def _padded(prefixes: Sequence[list[int]], padding: int, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Left-pad prefixes to one length; also return their mask, or None if none is padded."""
    longest = max(map(len, prefixes))
    missing = [longest - len(prefix) for prefix in prefixes]
    rows = [[padding] * short + prefix for short, prefix in zip(missing, prefixes, strict=True)]
    mask = [[0] * short + [1] * (longest - short) for short in missing]
    return torch.tensor(rows, device=device), torch.tensor(mask, device=device) if any(missing) else None


def _attention_mask(mask: Tensor, new: int, dtype: torch.dtype) -> Tensor:
    """Additive causal mask of the last `new` tokens: 0 where they may attend, -inf for later tokens and padding.

    In transformers' own mask, padding attends to nothing. The result is 0 on a CPU but NaN in GPU kernels (PyTorch
    issue 110213), which the next layer spreads over the row. So padding attends to itself, and nothing else does.
    """
    positions = torch.arange(mask.shape[1], device=mask.device)
    queries = positions[-new:, None]
    visible = (mask[:, None] > 0) & (positions < queries) | (positions == queries)
    return torch.zeros_like(visible, dtype=dtype).masked_fill(~visible, -torch.inf)[:, None]


class _AlignmentHeads:
    """Context manager that captures the cross attention of some heads.

    Only their layers compute attention weights (`eager`); all others keep the faster kernel they were loaded with.
    """

    def __init__(self, decoder: Any, heads: Sequence[tuple[int, int]]) -> None:
        self._modules = {layer: decoder.layers[layer].encoder_attn for layer, _ in heads}
        # On the device: a list would be copied there, synchronously, at every token.
        device = decoder.embed_tokens.weight.device
        self._by_layer = {
            layer: torch.tensor([h for at, h in heads if at == layer], device=device) for layer, _ in heads
        }
        self._captured: dict[int, Tensor] = {}
        self._hooks: list[Any] = []
        for module in self._modules.values():
            module.config = copy.deepcopy(module.config)
            module.config._attn_implementation = "eager"

    def __enter__(self) -> None:
        for layer, module in self._modules.items():
            self._hooks.append(module.register_forward_hook(self._capturer(layer)))

    def __exit__(self, *_: object) -> None:
        while self._hooks:
            self._hooks.pop().remove()
        self._captured = {}

    def last(self) -> Tensor:
        """Attention of the newest token: [B, heads, positions]."""
        return self.all()[:, :, -1]

    def all(self) -> Tensor:
        """Attention of all tokens of the last forward pass: [B, heads, tokens, positions]."""
        return torch.cat([self._captured[layer][:, heads] for layer, heads in self._by_layer.items()], 1)

    def _capturer(self, layer: int) -> Callable[..., None]:
        def capture(_module: Any, _inputs: Any, output: Any) -> None:
            self._captured[layer] = output[1]

        return capture
