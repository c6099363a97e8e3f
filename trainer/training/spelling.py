"""What the decoder reads and what it is to write: prompt, prefix, text with or without timestamps, end."""

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

#: Label of a position that no loss is taken of.
IGNORED = -100
#: Label of a position at which nobody speaks; a position inside a word has a byte of the word.
SILENCE = 256
#: Span of what is not text, or of text of which it is not known when it is spoken.
UNKNOWN = (-1, -1)

Span = tuple[int, int]


@dataclass(frozen=True)
class Style:
    """How examples are spelt; every share is from 0 to 1.

    Attributes:
        timestamps: share of examples with times: of their segments, or else of their beginning and end.
        prompts: share of examples (of those where it is known) that begin with what was said before.
        bpe_dropout: share of merges that fail.
    """

    timestamps: float = 0.0
    prompts: float = 0.0
    bpe_dropout: float = 0.0


class Spelled(NamedTuple):
    """Decoder input, labels, span of each label in encoder positions, and the ids of the text alone."""

    tokens: list[int]
    labels: list[int]
    spans: list[Span]
    text: list[int]


class _Body(NamedTuple):
    labels: list[int]
    spans: list[Span]


class Pen:
    """Spells examples in a style; at most `most_tokens` of decoder input, where it is given.

    Prompts are cut to what is left; where there is no room for them, timestamps are left out, and no merges fail.
    """

    def __init__(self, speller: Speller, style: Style = Style(), most_tokens: int | None = None) -> None:
        self._speller, self._style, self._most_tokens = speller, style, most_tokens
        self._dropout = BpeDropout(speller.tokenizer, style.bpe_dropout) if style.bpe_dropout else None

    def spell(self, example: Example, rng: random.Random) -> Spelled:
        """The start token stands in the input once and in no label; the language is a label, so that it is learnt to be
        detected, and <|nospeech|> takes its place where nobody speaks. The end token is the last label. A prompt has no
        labels: what was said before is not to be written again.
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
        """The tokens of a word share its span evenly. Without chance, no merge fails."""
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
            # Of words without times of their own it is not known where in the audio they are.
            body.spans.extend(spans if timed else [UNKNOWN] * len(ids))
        return body

    def _prompt(self, example: Example, tokens: int) -> list[int]:
        """<|startofprev|> and the end of what was said before, as much as Whisper takes: half its context less one."""
        ids = self._speller.text(example.previous, example.language)
        if self._most_tokens is not None:
            room = min(self._most_tokens // 2 - 1, self._most_tokens - tokens - 1)
            ids = ids[max(0, len(ids) - room) :] if room > 0 else []
        return [self._speller.previous, *ids] if ids else []


def spell(example: Example, speller: Speller) -> Spelled:
    """An example in the plainest style."""
    return Pen(speller).spell(example, random.Random(0))


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
