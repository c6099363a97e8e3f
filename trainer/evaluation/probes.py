"""Probe a model for known faults of training recipes.

Its decoder reads the references (teacher forcing) after the usual prefix, and after the prefixes that a broken recipe
would have trained: if decoding is broken, the loss is low, but not after the prefix that decoding starts with.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from trainer.evaluation.decoding import DecodingOptions, batches, encode
from trainer.evaluation.normalising import normaliser
from trainer.evaluation.recogniser import Recogniser
from trainer.evaluation.utterances import Utterance
from trainer.models.whisper import read

#: Log probabilities computed at a time: half a gigabyte, of which three copies exist briefly. Those of 64 long texts
#: over Whisper's vocabulary do not fit on a small GPU.
MOST_AT_ONCE = 1 << 27

#: usual     the prefix of decoding: start, language, task, no timestamps
#: doubled   with the start token twice, as left by a collator that strips the wrong token
#: bare      without language and task, as written by a tokenizer on which neither is set
#: detected  with the language that the model detects
Prefix = Literal["usual", "doubled", "bare", "detected"]


@dataclass(frozen=True)
class Reading:
    """How well the references were predicted after one prefix.

    Attributes:
        loss: nats per token, end token included.
        text_loss: nats per token of the text only.
        end_probability: mean probability of the end token where the reference ends.
    """

    loss: float
    text_loss: float
    end_probability: float


@dataclass(frozen=True)
class Probes:
    """Results over a sample of utterances.

    Attributes:
        readings: by prefix; English-only models have no `bare` and no `detected`.
        start_after_start: mean probability that the start token is followed by another.
        mistaken_share: share of utterances that the model detects as another language than theirs.
        mistaken_for: the language that it detects most of those as.
        tokens_per_word: of the references; in languages without spaces, each character is a word.
    """

    readings: Mapping[Prefix, Reading]
    start_after_start: float
    mistaken_share: float = 0.0
    mistaken_for: str | None = None
    tokens_per_word: float = 1.5

    @property
    def best(self) -> Prefix:
        """The prefix with the lowest loss, which is the one that the model was trained with."""
        return min(self.readings, key=lambda prefix: self.readings[prefix].loss)


@dataclass
class _Sum:
    """Totals so far, for one prefix and for texts either with or without a leading space."""

    text: float = 0.0
    end: float = 0.0
    end_probability: float = 0.0
    tokens: int = 0
    texts: int = 0

    def reading(self) -> Reading:
        nats, tokens = self.text + self.end, self.tokens + self.texts
        return Reading(
            nats / max(1, tokens), self.text / max(1, self.tokens), self.end_probability / max(1, self.texts)
        )


@dataclass
class _Totals:
    sums: dict[tuple[Prefix, bool], _Sum] = field(default_factory=lambda: defaultdict(_Sum))
    start_after_start: float = 0.0
    mistaken: Counter[str] = field(default_factory=Counter)


def probe(recogniser: Recogniser, utterances: Sequence[Utterance], options: DecodingOptions) -> Probes | None:
    """Probe the utterances that have speech; None if there are none."""
    spoken = [utterance for utterance in utterances if utterance.text.strip()]
    if not spoken:
        return None
    totals = _Totals()
    for indices in batches(recogniser, spoken, options):
        batch = [spoken[index] for index in indices]
        _probe_batch(recogniser, batch, encode(recogniser, batch, options.context_s), totals)
    readings: dict[Prefix, Reading] = {}
    for (prefix, _), prefix_sum in totals.sums.items():
        reading = prefix_sum.reading()
        # Recipes differ in the space before the first word; the model learnt the one with the lower loss.
        if prefix not in readings or reading.loss < readings[prefix].loss:
            readings[prefix] = reading
    normalisers = {language: normaliser(language) for language in {utterance.language for utterance in spoken}}
    words = sum(len(normalisers[utterance.language](utterance.text).split()) for utterance in spoken)
    return Probes(
        readings,
        totals.start_after_start / len(spoken),
        totals.mistaken.total() / len(spoken),
        totals.mistaken.most_common(1)[0][0] if totals.mistaken else None,
        totals.sums["usual", True].tokens / max(1, words),
    )


@torch.no_grad()
def _probe_batch(recogniser: Recogniser, utterances: Sequence[Utterance], states: Tensor, totals: _Totals) -> None:
    start = torch.full((len(states), 1), recogniser.start, device=states.device)
    first = _log_probabilities(recogniser, start, states)[:, 0]
    totals.start_after_start += float(first[:, recogniser.start].exp().sum())
    usual = [recogniser.prefix(utterance.language) for utterance in utterances]
    prefixes: dict[Prefix, list[list[int]]] = {"usual": usual, "doubled": [[recogniser.start, *p] for p in usual]}
    if recogniser.languages:
        codes, ids = zip(*recogniser.languages.items(), strict=True)
        detected = [codes[place] for place in first[:, list(ids)].argmax(-1).tolist()]
        totals.mistaken.update(d for d, u in zip(detected, utterances, strict=True) if d != u.language)
        prefixes["detected"] = [recogniser.prefix(language) for language in detected]
        prefixes["bare"] = [[recogniser.start, recogniser.no_timestamps] for _ in utterances]
    for spaced in (True, False):
        texts = [recogniser.ids((" " if spaced else "") + utterance.text.strip()) for utterance in utterances]
        for name, prefix in prefixes.items():
            _add_losses(recogniser, states, prefix, texts, totals.sums[name, spaced])


def _add_losses(
    recogniser: Recogniser, states: Tensor, prefixes: Sequence[list[int]], texts: Sequence[list[int]], to: _Sum
) -> None:
    """Add the losses of the texts after their prefixes."""
    limit = recogniser.model.config.max_target_positions
    rows = [(prefix + text)[:limit] for prefix, text in zip(prefixes, texts, strict=True)]
    longest = max(len(row) for row in rows)
    tokens = torch.tensor([row + [recogniser.end] * (longest - len(row)) for row in rows], device=states.device)
    most = max(1, MOST_AT_ONCE // (longest * recogniser.model.config.vocab_size))
    for place, row in enumerate(rows):
        at = place % most
        if at == 0:
            part = slice(place, place + most)
            predicted = _log_probabilities(recogniser, tokens[part], states[part])
        begin = len(prefixes[place])
        target = torch.tensor(row[begin:], dtype=torch.long, device=states.device)
        to.text -= float(predicted[at, begin - 1 : len(row) - 1].gather(-1, target[:, None]).sum())
        end = float(predicted[at, len(row) - 1, recogniser.end])
        to.end -= end
        to.end_probability += float(torch.tensor(end).exp())
        to.tokens += len(target)
        to.texts += 1


def _log_probabilities(recogniser: Recogniser, tokens: Tensor, states: Tensor) -> Tensor:
    """Log probabilities [B, n, vocabulary] of the token after each of `tokens` [B, n]."""
    hidden = read(recogniser.model, tokens, states)
    return functional.log_softmax(recogniser.model.proj_out(hidden).float(), -1)
