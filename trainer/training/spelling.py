"""Decoder input and labels of an example: prompt, prefix, text with or without timestamps, end token."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from trainer.examples import SAMPLE_RATE, Example, TimedWord
from trainer.models.features import POSITION_SAMPLES
from trainer.models.tokenizer import Speller, begins_spaced
from trainer.training.bpe_dropout import BpeDropout

#: Label of positions without a loss.
IGNORED = -100
#: Letter label of a position without speech; inside a word, the label is a byte of the word.
SILENCE = 256
#: Span of tokens that are not text, or whose time in the audio is unknown.
UNKNOWN = (-1, -1)

Span = tuple[int, int]


@dataclass(frozen=True)
class Style:
    """How examples are tokenised; every share is from 0 to 1.

    Attributes:
        timestamps: share of examples with timestamps: of their segments, or of start and end.
        prompts: share of examples that start with the preceding text, if it is known.
        bpe_dropout: share of merges that are dropped.
    """

    timestamps: float = 0.0
    prompts: float = 0.0
    bpe_dropout: float = 0.0


class Spelled(NamedTuple):
    """Decoder input, labels, span of each label in encoder positions, and the ids of the text only."""

    tokens: list[int]
    labels: list[int]
    spans: list[Span]
    text: list[int]


class _Body(NamedTuple):
    labels: list[int]
    spans: list[Span]


class ExampleSpeller:
    """Tokenises examples in a style, with at most `most_tokens` of decoder input if given.

    Prompts are cut to the remaining room. If there is no room, timestamps are left out, and BPE dropout is not applied.
    """

    def __init__(self, speller: Speller, style: Style = Style(), most_tokens: int | None = None) -> None:
        self._speller, self._style, self._most_tokens = speller, style, most_tokens
        self._dropout = BpeDropout(speller.tokenizer, style.bpe_dropout) if style.bpe_dropout else None

    def spell(self, example: Example, rng: random.Random) -> Spelled:
        """Tokenise an example.

        The start token is in the input once and is no label. The language is a label, so that the model learns to
        detect it; without speech, <|nospeech|> takes its place. The end token is the last label. A prompt has no
        labels: the model must not write the preceding text again.
        """
        speller = self._speller
        stamped, prompted = rng.random() < self._style.timestamps, rng.random() < self._style.prompts
        prefix = speller.prefix(example.language)
        body = self._stamped(example, rng) if stamped and example.speech and example.words else None
        if body and self._fits(len(prefix) - 1 + len(body.labels)):
            prefix.pop()  # <|notimestamps|>
        else:
            body = self._words(example.words, example.timed, rng, example.language)
            if not self._fits(len(prefix) + len(body.labels)):
                body = self._words(example.words, example.timed, None, example.language)
        labels = [*prefix[1:], *body.labels, speller.end]
        if not example.speech:
            labels[0] = speller.no_speech
        tokens = prefix + body.labels
        spans = [UNKNOWN] * (len(prefix) - 1) + body.spans + [UNKNOWN]
        text = [id for id in body.labels if id < speller.end]
        prompt = self._prompt(example, len(tokens)) if prompted else []
        return Spelled(prompt + tokens, [IGNORED] * len(prompt) + labels, [UNKNOWN] * len(prompt) + spans, text)

    def _fits(self, tokens: int) -> bool:
        return self._most_tokens is None or tokens <= self._most_tokens

    def _stamped(self, example: Example, rng: random.Random) -> _Body:
        whole = _Body([], [])
        segments = [segment for segment in example.segments if segment[2].strip()]
        for start_s, end_s, text in segments or [(0.0, example.duration_s, "")]:
            words = tuple(TimedWord(word, start_s, end_s) for word in text.split())
            inside = self._words(words or example.words, example.timed and not words, rng, example.language)
            whole.labels.extend((self._speller.timestamp(start_s), *inside.labels, self._speller.timestamp(end_s)))
            whole.spans.extend((UNKNOWN, *inside.spans, UNKNOWN))
        return whole

    def _words(self, words: tuple[TimedWord, ...], timed: bool, rng: random.Random | None, language: str) -> _Body:
        """Tokens of words; the tokens of a word share its span evenly. Without `rng`, there is no BPE dropout."""
        body = _Body([], [])
        for place, word in enumerate(words):
            spaced = place > 0 or begins_spaced(language)
            if self._dropout and rng:
                ids = self._dropout.ids(f" {word.text}" if spaced else word.text, rng)
            else:
                ids = self._speller.word(word.text, spaced)
            first = int(word.start_s * SAMPLE_RATE / POSITION_SAMPLES)
            last = max(first + 1, -int(-word.end_s * SAMPLE_RATE // POSITION_SAMPLES))
            share = (last - first) / len(ids)
            spans = [(first + int(n * share), first + math.ceil((n + 1) * share)) for n in range(len(ids))]
            body.labels.extend(ids)
            body.spans.extend(spans if timed else [UNKNOWN] * len(ids))
        return body

    def _prompt(self, example: Example, tokens: int) -> list[int]:
        """<|startofprev|> and the end of the preceding text, as much as Whisper takes: half its context minus one."""
        ids = self._speller.text(example.previous, example.language)
        if self._most_tokens is not None:
            room = min(self._most_tokens // 2 - 1, self._most_tokens - tokens - 1)
            ids = ids[max(0, len(ids) - room) :] if room > 0 else []
        return [self._speller.previous, *ids] if ids else []


def spell(example: Example, speller: Speller) -> Spelled:
    """Tokenise an example in the default style."""
    return ExampleSpeller(speller).spell(example, random.Random(0))


def letters(example: Example, positions: int) -> Tensor:
    """The letter spoken at each encoder position [positions], as if all letters of a word took the same time.

    Positions before the first word and after the last are IGNORED: they may hold a word that the window cuts.
    """
    labels = torch.full((positions,), IGNORED)
    if not example.speech:
        labels[:] = SILENCE
    if not example.timed:
        return labels
    if example.words:
        labels[_position(example.words[0].start_s) : _position(example.words[-1].end_s)] = SILENCE
    for word in example.words:
        spelled = "".join(character for character in word.text.lower() if character.isalnum()).encode()
        first, last = _position(word.start_s), min(positions, _position(word.end_s))
        if spelled and last > first:
            place = torch.arange(last - first) * len(spelled) // (last - first)
            labels[first:last] = torch.tensor(list(spelled))[place]
    return labels


def _position(time_s: float) -> int:
    return round(time_s * SAMPLE_RATE / POSITION_SAMPLES)
