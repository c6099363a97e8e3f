"""Find where the language of utterances turns, with a model's encoder and decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transcriber.engine import Turn, Utterance
from transcriber.language import MAX_CANDIDATES
from transcriber.rules import max_tokens
from transcriber.turns import (
    HINT_COST,
    TURN_COST,
    Span,
    find_turns,
    is_wordless,
    likeliest_languages,
    needs_decoding,
    plausible_languages,
    reweighted,
    split_at_pauses,
)
from transcriber.whisper.greedy import GreedyDecoder
from transcriber.whisper.log_mel import HOP_SAMPLES
from transcriber.whisper.special_tokens import SpecialTokens
from wire.audio import SAMPLE_RATE_HZ

#: Samples per encoder position; the encoder's convolutions halve the number of frames.
_POSITION = 2 * HOP_SAMPLES

#: Number of encoder positions to sample from a part to detect its language: those of two seconds.
_SAMPLED_POSITIONS = 100

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
        max_rows = len(utterances)
        spans = {
            row: cut
            for row, utterance in enumerate(utterances)
            if utterance.may_turn and utterance.language is None and len(self._tokens.languages) > 1
            if len(cut := [span for span in split_at_pauses(utterance.audio) if not is_wordless(span)]) > 1
        }
        sure = {row: cut for row, cut in spans.items() if not doubted[row]}
        samples = [
            _resampled(states[row, span.begin // _POSITION : -(-span.end // _POSITION)])
            for row, cut in sure.items()
            for span in cut
        ]
        probabilities = _regroup(sure, self._probabilities(samples, max_rows))
        spans = {
            row: cut
            for row, cut in spans.items()
            if doubted[row] or find_turns(cut, likeliest_languages(cut, probabilities[row], HINT_COST))
        }
        probabilities = self._probabilities_of_parts(utterances, spans, max_rows)
        turns = {
            row: find_turns(cut, likeliest_languages(cut, probabilities[row], TURN_COST)) for row, cut in spans.items()
        }
        return [
            tuple(Turn(begin / SAMPLE_RATE_HZ, language) for begin, language in turns.get(row, ()))
            for row in range(len(utterances))
        ]

    def _probabilities_of_parts(
        self, utterances: Sequence[Utterance], spans: Mapping[int, Sequence[Span]], max_rows: int
    ) -> dict[int, list[dict[str, float]]]:
        """Language probabilities of the parts of each utterance, encoded separately."""
        cuts = [(row, span) for row, cut in spans.items() for span in cut]
        audios = [utterances[row].audio[span.begin : span.end] for row, span in cuts]
        states = [state for group in _batches(audios, max_rows) for state in self._encode(group)]
        part_probabilities = list(self._probabilities(states, max_rows))
        probabilities = _regroup(spans, part_probabilities)
        candidates = {
            row: _most_likely(plausible_languages(cut, probabilities[row]), probabilities[row])
            for row, cut in spans.items()
        }
        ambiguous = [
            n
            for n, (row, span) in enumerate(cuts)
            if len(candidates[row]) > 1 and needs_decoding(span, part_probabilities[n])
        ]
        for group in _batches(ambiguous, max(1, max_rows // MAX_CANDIDATES)):
            languages = [candidates[cuts[n][0]] for n in group]
            caps = [max_tokens(len(audios[n]) / SAMPLE_RATE_HZ) for n in group]
            scores = self._text_log_probabilities(torch.stack([states[n] for n in group]), languages, caps)
            for n, by_language in zip(group, scores, strict=True):
                part_probabilities[n] = reweighted(part_probabilities[n], by_language)
        return _regroup(spans, part_probabilities)

    def _text_log_probabilities(
        self, states: Tensor, languages: Sequence[Sequence[str]], caps: Sequence[int]
    ) -> list[dict[str, list[float]]]:
        """For each row of states, the tokens' log-probabilities of the text decoded in each of its languages."""
        prefixes = [
            [self._tokens.prefix(language, "transcribe") for language in row_languages] for row_languages in languages
        ]
        decoded = self._decode(states, lambda _: prefixes, caps)
        return [
            {language: one.log_probabilities for language, one in zip(row_languages, texts, strict=True)}
            for row_languages, texts in zip(languages, decoded, strict=True)
        ]

    def _probabilities(self, states: Sequence[Tensor], max_rows: int) -> Iterator[dict[str, float]]:
        for group in _batches(states, max_rows):
            yield from language_probabilities(self._tokens.languages, self._decode.first_logits(torch.stack(group)))


def language_probabilities(languages: Mapping[str, int], logits: Tensor) -> list[dict[str, float]]:
    """Probabilities of languages, adding up to 1 for each row.

    Args:
        languages: the token of each.
        logits: those after the start token, [B, vocabulary].
    """
    scores = logits[:, list(languages.values())].softmax(-1).tolist()
    return [dict(zip(languages, values, strict=True)) for values in scores]


def _most_likely(languages: Iterable[str], probabilities: Sequence[Mapping[str, float]]) -> list[str]:
    """The `MAX_CANDIDATES` languages with the highest probability in any part."""
    best = {language: max(values[language] for values in probabilities) for language in languages}
    return sorted(best, key=lambda language: (-best[language], language))[:MAX_CANDIDATES]


def _resampled(states: Tensor) -> Tensor:
    """Resample encoder states [n, d_model] to a fixed number, so that parts can be batched.

    Padding would need a cross-attention mask, which Whisper's decoder lacks. Repeating or omitting positions only
    changes their attention weights a little.
    """
    return states[torch.arange(_SAMPLED_POSITIONS, device=states.device) * len(states) // _SAMPLED_POSITIONS]


def _regroup(spans: Mapping[int, Sequence[Span]], values: Iterable[_T]) -> dict[int, list[_T]]:
    """Regroup a flat sequence with one value per part by utterance."""
    iterator = iter(values)
    return {row: [next(iterator) for _ in cut] for row, cut in spans.items()}


def _batches(rows: Sequence[_T], max_rows: int) -> Iterator[list[_T]]:
    for start in range(0, len(rows), max_rows):
        yield list(rows[start : start + max_rows])
