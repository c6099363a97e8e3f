"""Find where the language of utterances turns, with a model's encoder and decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transcriber.engine import Turn, Utterance
from transcriber.greedy import GreedyDecoder
from transcriber.language import MOST_CANDIDATES
from transcriber.log_mel import HOP_SAMPLES
from transcriber.rules import most_tokens
from transcriber.special_tokens import SpecialTokens
from transcriber.turns import HINT_COST, TURN_COST, Span, hard_to_tell, in_play, parts, spoken, turns, weighed, wordless
from wire.audio import SAMPLE_RATE_HZ

#: Samples per encoder position; the encoder's convolutions halve the number of frames.
_POSITION = 2 * HOP_SAMPLES

#: Number of encoder positions to sample from a part to detect its language: those of two seconds.
_LOOKS = 100

_T = TypeVar("_T")

#: Encodes audio into states [B, positions, d_model].
Encode = Callable[[Sequence[NDArray[np.float32]]], Tensor]


class TurnFinder:
    """Finds turns with a model's encoder and decoder."""

    def __init__(self, tokens: SpecialTokens, encode: Encode, decode: GreedyDecoder) -> None:
        self._tokens = tokens
        self._encode = encode
        self._decode = decode

    def __call__(
        self, utterances: Sequence[Utterance], states: Tensor, doubted: Sequence[bool]
    ) -> list[tuple[Turn, ...]]:
        """Find the turns of each utterance; none if its language does not turn or is given.

        The parts of an utterance that is not in doubt are first classified from its own encoder states, which costs one
        decoder step. These states are influenced by neighbouring parts, so if there may be a turn, each part is encoded
        alone, and also decoded if its sound is ambiguous.

        Args:
            states: encoder states of the utterances, [B, positions, d_model].
            doubted: whether an utterance's language or text is in doubt: then it may have a turn, too.
        """
        # Never batch more parts than there are utterances, which are known to fit into the device's memory.
        most = len(utterances)
        spans = {
            row: cut
            for row, utterance in enumerate(utterances)
            if utterance.may_turn and utterance.language is None and len(self._tokens.languages) > 1
            if len(cut := [span for span in parts(utterance.audio) if not wordless(span)]) > 1
        }
        sure = {row: cut for row, cut in spans.items() if not doubted[row]}
        looks = [
            _looks(states[row, span.begin // _POSITION : -(-span.end // _POSITION)])
            for row, cut in sure.items()
            for span in cut
        ]
        seen = _by_row(sure, self._likely(looks, most))
        spans = {
            row: cut for row, cut in spans.items() if doubted[row] or turns(cut, spoken(cut, seen[row], HINT_COST))
        }
        likely = self._likely_alone(utterances, spans, most)
        found = {row: turns(cut, spoken(cut, likely[row], TURN_COST)) for row, cut in spans.items()}
        return [
            tuple(Turn(begin / SAMPLE_RATE_HZ, language) for begin, language in found.get(row, ()))
            for row in range(len(utterances))
        ]

    def _likely_alone(
        self, utterances: Sequence[Utterance], spans: Mapping[int, Sequence[Span]], most: int
    ) -> dict[int, list[dict[str, float]]]:
        """Language probabilities of the parts of each utterance, encoded separately."""
        cuts = [(row, span) for row, cut in spans.items() for span in cut]
        audios = [utterances[row].audio[span.begin : span.end] for row, span in cuts]
        states = [state for group in _groups(audios, most) for state in self._encode(group)]
        heard = list(self._likely(states, most))
        likely = _by_row(spans, heard)
        among = {row: _likeliest(in_play(cut, likely[row]), likely[row]) for row, cut in spans.items()}
        hard = [n for n, (row, span) in enumerate(cuts) if len(among[row]) > 1 and hard_to_tell(span, heard[n])]
        for group in _groups(hard, max(1, most // MOST_CANDIDATES)):
            several = [among[cuts[n][0]] for n in group]
            caps = [most_tokens(len(audios[n]) / SAMPLE_RATE_HZ) for n in group]
            written = self._written(torch.stack([states[n] for n in group]), several, caps)
            for n, texts in zip(group, written, strict=True):
                heard[n] = weighed(heard[n], texts)
        return _by_row(spans, heard)

    def _written(
        self, states: Tensor, languages: Sequence[Sequence[str]], caps: Sequence[int]
    ) -> list[dict[str, list[float]]]:
        """For each row of states, the tokens' log-probabilities of the text decoded in each of its languages."""
        prefixes = [[self._tokens.prefix(language, "transcribe") for language in several] for several in languages]
        decoded = self._decode(states, lambda _: prefixes, caps)
        return [
            {language: one.log_probabilities for language, one in zip(several, texts, strict=True)}
            for several, texts in zip(languages, decoded, strict=True)
        ]

    def _likely(self, states: Sequence[Tensor], most: int) -> Iterator[dict[str, float]]:
        for group in _groups(states, most):
            yield from language_probabilities(self._tokens.languages, self._decode.first(torch.stack(group)))


def language_probabilities(languages: Mapping[str, int], first: Tensor) -> list[dict[str, float]]:
    """Probabilities of languages, adding up to 1 for each row.

    Args:
        languages: the token of each.
        first: logits after the start token, [B, vocabulary].
    """
    scores = first[:, list(languages.values())].softmax(-1).tolist()
    return [dict(zip(languages, values, strict=True)) for values in scores]


def _likeliest(languages: Iterable[str], likely: Sequence[Mapping[str, float]]) -> list[str]:
    """The `MOST_CANDIDATES` languages with the highest probability in any part."""
    best = {language: max(each[language] for each in likely) for language in languages}
    return sorted(best, key=lambda language: (-best[language], language))[:MOST_CANDIDATES]


def _looks(states: Tensor) -> Tensor:
    """Resample encoder states [n, d_model] to a fixed number, so that parts can be batched.

    Padding would need a cross-attention mask, which Whisper's decoder lacks. Repeating or omitting positions only
    changes their attention weights a little.
    """
    return states[torch.arange(_LOOKS, device=states.device) * len(states) // _LOOKS]


def _by_row(spans: Mapping[int, Sequence[Span]], each: Iterable[_T]) -> dict[int, list[_T]]:
    """Regroup a flat sequence with one value per part by utterance."""
    left = iter(each)
    return {row: [next(left) for _ in cut] for row, cut in spans.items()}


def _groups(rows: Sequence[_T], most: int) -> Iterator[list[_T]]:
    for start in range(0, len(rows), most):
        yield list(rows[start : start + most])
