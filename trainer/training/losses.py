"""The training losses: cross entropy of the next token, letters or CTC on the encoder, alignment of cross attention
with the spoken words, and, with a teacher, the distance from its decoder states.

CTC needs no word times, but takes long to find them when a model is trained from scratch. If word times are known,
predicting the letter spoken at each moment trains the encoder within minutes.
"""

from __future__ import annotations

import contextlib
from dataclasses import astuple, dataclass

import torch
from torch import Tensor
from torch.nn import functional
from transformers import WhisperForConditionalGeneration

from trainer.models.whisper import read, short_context
from trainer.training.acft import Teacher, matching_loss
from trainer.training.batches import Batch
from trainer.training.spelling import IGNORED, SILENCE

#: Heads of every decoder layer that are trained to attend to the word being written. One head of the last layer is too
#: narrow a channel: the decoder then attends to the right place and still writes what grammar suggests.
ALIGNED_HEADS = 2
#: Encoder positions (20 ms) on either side of a word that still count as attending to it: 0.06 s.
ALIGNMENT_SLACK = 3
#: CTC uses every second encoder position: 25 per second are still five times the tokens of fast speech.
CTC_STRIDE = 2
#: Letters are predicted at every second encoder position: neighbours have the same letter.
LETTER_STRIDE = 2


@dataclass(frozen=True)
class Weights:
    """Weights of the auxiliary losses relative to the cross entropy."""

    ctc: float = 0.3
    letters: float = 0.3
    alignment: float = 0.2
    #: Of the loss that matches a teacher's states (`acft`); the cross entropy has weight 1 - matching.
    matching: float = 0.0


@dataclass(frozen=True)
class Targets:
    """How many targets each loss averages over. Summed over a step's batches, they give the loss of one large batch."""

    tokens: int = 0
    text: int = 0
    letters: int = 0
    spans: int = 0

    @classmethod
    def of(cls, batch: Batch) -> Targets:
        return cls(
            tokens=int((batch.labels != IGNORED).sum()),
            text=int(batch.text_lengths.sum()),
            letters=int((batch.letters[:, ::LETTER_STRIDE] != IGNORED).sum()),
            spans=int((batch.spans[..., 0] >= 0).sum()),
        )

    def __add__(self, other: Targets) -> Targets:
        return Targets(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Losses:
    """Sums divided by the counts in `Targets`, so the losses of a step's batches add up to its mean."""

    total: Tensor
    cross_entropy: Tensor
    ctc: Tensor
    letters: Tensor
    alignment: Tensor
    matching: Tensor

    def detach(self) -> Losses:
        return Losses(*(value.detach() for value in vars(self).values()))

    def __add__(self, other: Losses) -> Losses:
        return Losses(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


class Heads(torch.nn.Module):
    """Output layers on the encoder, used in training only."""

    def __init__(self, d_model: int, tokens: int) -> None:
        super().__init__()
        self.ctc = CtcHead(d_model, tokens)
        self.letters = torch.nn.Linear(d_model, SILENCE + 1)


class CtcHead(torch.nn.Module):
    """Encoder states to token logits; the blank is last."""

    def __init__(self, d_model: int, tokens: int) -> None:
        super().__init__()
        self.blank = tokens
        self.projection = torch.nn.Linear(d_model, tokens + 1)

    def forward(self, states: Tensor, batch: Batch) -> Tensor:
        """CTC loss of states [B, T, d_model], summed, on every CTC_STRIDE-th position.

        The lengths are on the CPU, where ctc_loss reads them; on a GPU, it would have to synchronise.
        """
        strided = states[:, ::CTC_STRIDE].transpose(0, 1)
        log_probabilities = self.projection(strided).float().log_softmax(-1)
        lengths = torch.full((states.shape[0],), len(strided))
        return functional.ctc_loss(
            log_probabilities, batch.text, lengths, batch.text_lengths, self.blank, reduction="sum", zero_infinity=True
        )


def compute_losses(
    model: WhisperForConditionalGeneration,
    heads: Heads,
    batch: Batch,
    weights: Weights,
    targets: Targets | None = None,
    label_smoothing: float = 0.0,
    teacher: Teacher | None = None,
) -> Losses:
    """Run the model on a batch and return its losses, as means over `targets` (by default those of the batch).

    Args:
        teacher: the model whose states are matched if `weights.matching` is not 0.
    """
    targets = targets or Targets.of(batch)
    layers = range(model.config.decoder_layers) if weights.alignment else ()
    aligned = [_AlignedHead(model, layer, head) for layer in layers for head in range(ALIGNED_HEADS)]
    with short_context(model, batch.positions), contextlib.ExitStack() as hooks:
        for attention in aligned:
            hooks.enter_context(attention)
        states = model.get_encoder()(batch.features).last_hidden_state
        decoded = read(model, batch.tokens, states)
        logits = model.proj_out(decoded).float()
    zero = states.new_zeros(())
    cross_entropy = token_loss(logits, batch.labels, label_smoothing) / max(1, targets.tokens)
    ctc = heads.ctc(states, batch) / max(1, targets.text) if weights.ctc else zero
    letters = letter_loss(heads.letters, states, batch.letters) / max(1, targets.letters) if weights.letters else zero
    head_losses = [alignment_loss(attention.probabilities(states), batch.spans) for attention in aligned]
    alignment = torch.stack(head_losses).mean() / max(1, targets.spans) if head_losses else zero
    matching = zero
    if teacher and weights.matching:
        matching = matching_loss(decoded, teacher.states(batch), batch.labels) / max(1, targets.tokens)
    decoder = (1 - weights.matching) * cross_entropy + weights.matching * matching
    total = decoder + weights.ctc * ctc + weights.letters * letters + weights.alignment * alignment
    return Losses(total, cross_entropy, ctc, letters, alignment, matching)


def token_loss(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross entropy of logits [B, L, vocabulary] with labels [B, L], summed.

    Masked by IGNORED, never by `== pad`: pad is also the end of text, which the model must learn.
    """
    return functional.cross_entropy(
        logits.flatten(0, 1),
        labels.flatten(),
        ignore_index=IGNORED,
        reduction="sum",
        label_smoothing=label_smoothing,
    )


def letter_loss(head: torch.nn.Linear, states: Tensor, letters: Tensor) -> Tensor:
    """Cross entropy of the letters [B, T] spoken at states [B, T, d_model], summed where the letter is known."""
    return token_loss(head(states[:, ::LETTER_STRIDE]).float(), letters[:, ::LETTER_STRIDE])


def alignment_loss(attention: Tensor, spans: Tensor) -> Tensor:
    """-log of the attention [B, L, T] inside each token's span [B, L, 2] and ALIGNMENT_SLACK around it, summed."""
    has_span = spans[..., 0] >= 0
    if not has_span.any():
        return attention.sum() * 0.0
    position = torch.arange(attention.shape[-1], device=attention.device)
    spans = spans[has_span]
    inside = (position >= spans[:, :1] - ALIGNMENT_SLACK) & (position < spans[:, 1:] + ALIGNMENT_SLACK)
    mass = (attention[has_span] * inside).sum(-1)
    return -mass.clamp(min=1e-6).log().sum()


class _AlignedHead:
    """Recomputes one cross-attention head from its inputs, so that the others need not return attention weights."""

    def __init__(self, model: WhisperForConditionalGeneration, layer: int, head: int) -> None:
        self._attention = model.get_decoder().layers[layer].encoder_attn
        self._head = head
        self._queries: Tensor | None = None

    def __enter__(self) -> None:
        self._hook = self._attention.q_proj.register_forward_pre_hook(self._record_queries)

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

    def _record_queries(self, _: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._queries = inputs[0]

    def probabilities(self, states: Tensor) -> Tensor:
        """Attention [B, L, T] for encoder states [B, T, d_model]."""
        assert self._queries is not None
        width = self._attention.head_dim
        rows = slice(self._head * width, (self._head + 1) * width)
        query, key = self._attention.q_proj, self._attention.k_proj
        queries = functional.linear(self._queries, query.weight[rows], query.bias[rows])
        keys = functional.linear(states, key.weight[rows])
        scores: Tensor = queries @ keys.transpose(1, 2) * width**-0.5
        return scores.softmax(-1)
