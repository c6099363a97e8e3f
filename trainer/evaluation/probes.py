"""What a model says when it is asked questions to which training's known faults give odd answers.

It reads the references with its decoder (teacher forcing) behind the usual prefix and behind those that a broken
recipe would have trained: the faults of decoding show as a loss that is low, but not where decoding starts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from trainer.evaluation.decoding import Listening, batches, hear
from trainer.evaluation.normalising import normaliser
from trainer.evaluation.recogniser import Recogniser
from trainer.evaluation.utterances import Utterance
from trainer.models.whisper import read

#: Log probabilities at once: half a gigabyte, of which three copies are there for a moment. Those of 64 long texts by
#: Whisper's vocabulary are more than a small GPU has room for.
MOST_AT_ONCE = 1 << 27

#: usual     what decoding starts from: start, language, task, no timestamps
#: doubled   the start token twice, as a collator that strips the wrong token leaves it
#: bare      without language and task, as a tokenizer that was told neither writes it
#: detected  with the language that the model itself takes it for
Prefix = Literal["usual", "doubled", "bare", "detected"]


@dataclass(frozen=True)
class Reading:
    """How well the references were foreseen behind one prefix.

    Attributes:
        loss: nats a token, end token included.
        text_loss: nats a token of the text alone.
        end_probability: mean probability of the end token where the reference ends.
    """

    loss: float
    text_loss: float
    end_probability: float


@dataclass(frozen=True)
class Probes:
    """Answers over a sample of utterances.

    Attributes:
        readings: by prefix; a model that knows English only has no `bare` and no `detected`.
        start_after_start: mean probability that the start token is followed by another.
        mistaken_share: share of utterances that the model takes for another language than theirs.
        mistaken_for: the language that it takes most of those for.
        tokens_per_word: of the references; where a language has no spaces, each character is a word.
    """

    readings: Mapping[Prefix, Reading]
    start_after_start: float
    mistaken_share: float = 0.0
    mistaken_for: str | None = None
    tokens_per_word: float = 1.5

    @property
    def best(self) -> Prefix:
        """The prefix behind which the references are foreseen best: what the model was trained with."""
        return min(self.readings, key=lambda prefix: self.readings[prefix].loss)


@dataclass
class _Sum:
    """Nats and tokens so far, spelt with a space at the beginning or without it."""

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
class _Answers:
    sums: dict[tuple[Prefix, bool], _Sum] = field(default_factory=lambda: defaultdict(_Sum))
    start_after_start: float = 0.0
    mistaken: Counter[str] = field(default_factory=Counter)


def probe(recogniser: Recogniser, utterances: Sequence[Utterance], listening: Listening) -> Probes | None:
    """Ask about utterances in which somebody speaks; None if there are none."""
    spoken = [utterance for utterance in utterances if utterance.text.strip()]
    if not spoken:
        return None
    answers = _Answers()
    for indices in batches(recogniser, spoken, listening):
        batch = [spoken[index] for index in indices]
        _ask(recogniser, batch, hear(recogniser, batch, listening.context_s), answers)
    readings: dict[Prefix, Reading] = {}
    for (prefix, _), found in answers.sums.items():
        reading = found.reading()
        # Some recipes write a space before the first word and some do not; the better one is what it learnt.
        if prefix not in readings or reading.loss < readings[prefix].loss:
            readings[prefix] = reading
    normalisers = {language: normaliser(language) for language in {utterance.language for utterance in spoken}}
    words = sum(len(normalisers[utterance.language](utterance.text).split()) for utterance in spoken)
    return Probes(
        readings,
        answers.start_after_start / len(spoken),
        answers.mistaken.total() / len(spoken),
        answers.mistaken.most_common(1)[0][0] if answers.mistaken else None,
        answers.sums["usual", True].tokens / max(1, words),
    )


@torch.no_grad()
def _ask(recogniser: Recogniser, utterances: Sequence[Utterance], states: Tensor, answers: _Answers) -> None:
    """Put all questions to a batch."""
    start = torch.full((len(states), 1), recogniser.start, device=states.device)
    first = _log_probabilities(recogniser, start, states)[:, 0]
    answers.start_after_start += float(first[:, recogniser.start].exp().sum())
    usual = [recogniser.prefix(utterance.language) for utterance in utterances]
    prefixes: dict[Prefix, list[list[int]]] = {"usual": usual, "doubled": [[recogniser.start, *p] for p in usual]}
    if recogniser.languages:
        codes, ids = zip(*recogniser.languages.items(), strict=True)
        detected = [codes[place] for place in first[:, list(ids)].argmax(-1).tolist()]
        answers.mistaken.update(d for d, u in zip(detected, utterances, strict=True) if d != u.language)
        prefixes["detected"] = [recogniser.prefix(language) for language in detected]
        prefixes["bare"] = [[recogniser.start, recogniser.no_timestamps] for _ in utterances]
    for spaced in (True, False):
        texts = [recogniser.ids((" " if spaced else "") + utterance.text.strip()) for utterance in utterances]
        for name, prefix in prefixes.items():
            _read(recogniser, states, prefix, texts, answers.sums[name, spaced])


def _read(
    recogniser: Recogniser, states: Tensor, prefixes: Sequence[list[int]], texts: Sequence[list[int]], to: _Sum
) -> None:
    """Add what the texts cost behind their prefixes."""
    room = recogniser.model.config.max_target_positions
    rows = [(prefix + text)[:room] for prefix, text in zip(prefixes, texts, strict=True)]
    longest = max(len(row) for row in rows)
    tokens = torch.tensor([row + [recogniser.end] * (longest - len(row)) for row in rows], device=states.device)
    most = max(1, MOST_AT_ONCE // (longest * recogniser.model.config.vocab_size))
    for place, row in enumerate(rows):
        at = place % most
        if at == 0:
            part = slice(place, place + most)
            foreseen = _log_probabilities(recogniser, tokens[part], states[part])
        begin = len(prefixes[place])
        wanted = torch.tensor(row[begin:], dtype=torch.long, device=states.device)
        to.text -= float(foreseen[at, begin - 1 : len(row) - 1].gather(-1, wanted[:, None]).sum())
        end = float(foreseen[at, len(row) - 1, recogniser.end])
        to.end -= end
        to.end_probability += float(torch.tensor(end).exp())
        to.tokens += len(wanted)
        to.texts += 1


def _log_probabilities(recogniser: Recogniser, tokens: Tensor, states: Tensor) -> Tensor:
    """Log probabilities [B, n, vocabulary] of what follows each of `tokens` [B, n]."""
    hidden = read(recogniser.model, tokens, states)
    return functional.log_softmax(recogniser.model.proj_out(hidden).float(), -1)
