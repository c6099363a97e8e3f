"""Join the hypotheses of two overlapping windows: no word lost, none doubled.

The windows of two chunks overlap by the later one's lead, so words there are recognised twice, each time with context
on one side only. The words are aligned by spelling and time; then one switch point is chosen: the earlier hypothesis is
used up to it, the later one after it.

The further a word is from its window's edge, the more it is trusted: the later window's beginning cuts words that are
complete in the earlier one, and vice versa. A model trained on our windows omits cut words, others invent something for
them; either way, the unreliable words are at an edge. Of two words at the same distance, the one with the higher
confidence is used.

Joining at agreeing words is the idea of LocalAgreement (Macháček et al., 2023); the alignment is Needleman and
Wunsch's.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from transcriber.orthography import normalised, strip_punctuation
from wire.messages import Word

#: Equal words whose middles lie further apart than this are two words, in seconds.
SAME_WORD_S = 0.6

#: How far word times may be off, in seconds.
JITTER_S = 0.2

#: Different words whose middles lie further apart than this are not two versions of one word, in seconds.
SAME_PLACE_S = 0.35

#: Costs of an alignment. A word that only one window has costs little if it is at the edge of the other, and 1 if it is
#: well inside both. Two versions of one word cost less than two words that are in one window each.
_EDGE_COST = 0.1
_SUBSTITUTION = 0.6
_DISTANCE_COST = 2.0  # times seconds squared

#: A word that begins within this time after the beginning of a window is cut by it, in seconds.
_CUT_S = 0.1

#: Confidence in the absence of a word: near its edge, a window often lacks words that the other one has.
_ABSENT = 0.4

#: Cost of omitting a word after the end of the earlier window.
_OMISSION_COST = 100.0


@dataclass(frozen=True, slots=True)
class _Pair:
    """One step of the alignment: indices of a word in both windows, or in one of them (the other index is -1)."""

    earlier: int
    later: int
    equal: bool = False
    beginning: bool = False  # the earlier window has only its beginning


class Joined(NamedTuple):
    """Words of two hypotheses, each once; the first `kept` of them are from the earlier one."""

    words: list[Word]
    kept: int


def join(earlier: Sequence[Word], later: Sequence[Word], *, begin_s: float, end_s: float, settled: int = 0) -> Joined:
    """Join the words of two hypotheses, each once.

    Args:
        earlier: words of the earlier window, by time.
        later: words of the later window, by time.
        begin_s: where the later window begins.
        end_s: where the earlier window ends.
        settled: number of earlier words that have been shown as final; they are kept in any case.
    """
    if not earlier or not later:
        # A window without words (or with only rejected ones) does not contradict the other.
        return Joined(in_order([*earlier, *later], settled), len(earlier))
    # Words outside the overlap are in one window only. Times of those at its borders may be off a little, and a
    # fragment at the earlier window's end belongs to the first word after it.
    first = next((i for i, w in enumerate(earlier) if w.end_s > begin_s - JITTER_S), len(earlier))
    after = next((j + 1 for j, w in enumerate(later) if w.start_s >= end_s + JITTER_S), len(later))
    overlap = _Overlap(earlier[first:], later[:after], begin_s, end_s)
    pairs = overlap.align()
    switch = overlap.switch(pairs, max(0, settled - first))
    result: list[Word] = []
    kept = first
    for step, pair in enumerate(pairs):
        one, other = overlap.words_of(pair)
        word = one if step < switch else other
        if word is not None:
            if one and other and pair.equal and first + pair.earlier >= settled:
                word = replace(word, text=_merged_spelling(one.text, other.text))
            result.append(word)
            kept += step < switch
    return Joined(in_order([*earlier[:first], *result, *later[after:]], settled), kept)


def _merged_spelling(earlier: str, later: str) -> str:
    """A word with the case of the earlier and the punctuation of the later window.

    The earlier window has the text before it, and so knows whether it begins a sentence; the later one has the text
    after it, and so knows whether a sentence ends there.
    """
    return strip_punctuation(earlier) + later[len(strip_punctuation(later)) :]


def in_order(words: Sequence[Word], settled: int = 0) -> list[Word]:
    """Remove overlaps between the times of successive words; the first `settled` words are left as they are.

    Two overlapping words are made to meet in the middle, because either of their times may be wrong.
    """
    result: list[Word] = list(words[:settled])
    for word in words[settled:]:
        if result and word.start_s < result[-1].end_s:
            before = result[-1]
            border_s = before.end_s
            if len(result) > settled:
                border_s = max(before.start_s, min((before.end_s + word.start_s) / 2, word.end_s))
                result[-1] = replace(before, end_s=border_s)
            word = replace(word, start_s=border_s, end_s=max(word.end_s, border_s))
        result.append(word)
    return result


class _Overlap:
    """The words of two windows in and beside the audio that both contain, from `begin_s` to `end_s`."""

    def __init__(self, left: Sequence[Word], right: Sequence[Word], begin_s: float, end_s: float) -> None:
        self._left, self._right = left, right
        self._begin_s, self._end_s = begin_s, end_s
        self._spelled_left, self._spelled_right = ([normalised(w.text) for w in words] for words in (left, right))
        self._alone_left = [_alone_cost(w.start_s - begin_s) for w in left]
        self._alone_right = [_alone_cost(end_s - w.end_s) for w in right]

    def words_of(self, pair: _Pair) -> tuple[Word | None, Word | None]:
        """The word of a pair in the earlier and in the later window."""
        return (
            self._left[pair.earlier] if pair.earlier >= 0 else None,
            self._right[pair.later] if pair.later >= 0 else None,
        )

    def align(self) -> list[_Pair]:
        """The cheapest alignment of the words, in order."""
        n_left, n_right = len(self._left), len(self._right)
        costs = [[0.0] * (n_right + 1) for _ in range(n_left + 1)]
        steps: list[list[_Pair | None]] = [[None] * (n_right + 1) for _ in range(n_left + 1)]
        for i, j in itertools.product(range(n_left + 1), range(n_right + 1)):
            choices: list[tuple[float, bool, _Pair]] = []
            left_is_later = i > 0 and j > 0 and self._is_later(self._left[i - 1], self._right[j - 1])
            if i:
                choices.append((costs[i - 1][j] + self._alone_left[i - 1], not left_is_later, _Pair(i - 1, -1)))
            if j:
                choices.append((costs[i][j - 1] + self._alone_right[j - 1], left_is_later, _Pair(-1, j - 1)))
            if i and j and (both := self._paired(i - 1, j - 1)):
                choices.append((costs[i - 1][j - 1] + both[0], False, both[1]))
            if choices:
                costs[i][j], _, steps[i][j] = min(choices, key=lambda choice: (round(choice[0], 6), choice[1]))
        path = []
        i, j = n_left, n_right
        while (step := steps[i][j]) is not None:
            path.append(step)
            i, j = i - (step.earlier >= 0), j - (step.later >= 0)
        return path[::-1]

    def switch(self, pairs: Sequence[_Pair], settled: int) -> int:
        """Number of alignment steps to take from the earlier hypothesis; the rest are taken from the later one."""
        # The cost of following one hypothesis at a step is the trust in the other one there.
        as_earlier, as_later, middles = [], [], []
        for pair in pairs:
            a, b = self.words_of(pair)
            trust = 0.0 if pair.beginning else self._trust_in_earlier(a, b)
            as_earlier.append(0.0 if pair.equal else (1 - trust) * _confidence(b))
            as_later.append(0.0 if pair.equal else trust * _confidence(a))
            if b and pair.earlier < 0 and b.start_s >= self._end_s + JITTER_S:
                as_earlier[-1] = _OMISSION_COST
            if a and pair.earlier < settled:
                as_later[-1] = float("inf")
            word = a or b
            middles.append(word.middle_s if word else 0.0)
        middle_s = (self._begin_s + self._end_s) / 2
        best, best_cost = 0, (float("inf"), 0.0)
        # After its last word the earlier window has only silence: trust all of that, or none.
        silent = max((step + 1 for step, pair in enumerate(pairs) if pair.earlier >= 0), default=0)
        for switch in sorted({*range(silent + 1), len(pairs)}):
            wrong = sum(as_earlier[:switch]) + sum(as_later[switch:])
            border_s = middles[switch - 1] if switch else self._begin_s
            cost = (round(wrong, 6), abs(border_s - middle_s))
            if cost < best_cost:
                best, best_cost = switch, cost
        return best

    def _is_later(self, a: Word, b: Word) -> bool:
        """Whether the first of two unrelated words comes after the second: by time.

        But a word that the later window's beginning cuts comes before all words of that window, whatever its end time.
        """
        return a.middle_s > b.middle_s and a.start_s > self._begin_s + _CUT_S

    def _paired(self, i: int, j: int) -> tuple[float, _Pair] | None:
        """Two words as versions of one, with the cost of that; None if they are two words."""
        a, b = self._left[i], self._right[j]
        equal = self._spelled_left[i] == self._spelled_right[j] != ""
        # Well inside the overlap, both windows are reliable: a word that each has once was spoken once.
        inside = a.start_s >= self._begin_s + JITTER_S and b.end_s <= self._end_s - JITTER_S
        # So was a word that follows the same word in both.
        follows = min(i, j) > 0 and self._spelled_left[i - 1] == self._spelled_right[j - 1] != ""
        beginning = i == len(self._left) - 1 and j == 0 and self._is_beginning()
        same = equal or beginning or self._is_fragment(i, j)
        distance_s = 0.0 if beginning else _version_distance_s(a, b) if same else self._word_distance_s(a, b)
        # A word that is complete in the later window is not another version of one that began well before it.
        other = a.start_s < self._begin_s - JITTER_S and b.start_s > self._begin_s + _CUT_S and not equal
        near = distance_s < (SAME_WORD_S if same else SAME_PLACE_S) and not other
        if not near and not (equal and (inside or follows)):
            return None
        cost = _DISTANCE_COST * (min(distance_s, SAME_WORD_S) if follows else distance_s) ** 2
        if not same:
            cost += _SUBSTITUTION * (self._alone_left[i] + self._alone_right[j])
        return cost, _Pair(i, j, equal, beginning)

    def _word_distance_s(self, a: Word, b: Word) -> float:
        """Distance between two different words; if the later window cuts the word, compare the ends, too."""
        middles_s = abs(a.middle_s - b.middle_s)
        cut = a.start_s < self._begin_s and b.start_s <= self._begin_s + _CUT_S
        return min(middles_s, abs(a.end_s - b.end_s)) if cut else middles_s

    def _is_fragment(self, i: int, j: int) -> bool:
        """Whether one of two words is a fragment of the other, cut by a window's edge."""
        spelled_a, spelled_b = self._spelled_left[i], self._spelled_right[j]
        if not spelled_a or not spelled_b:
            return False
        cut_at_end = self._left[i].end_s > self._end_s - JITTER_S and spelled_b.startswith(spelled_a)
        cut_at_begin = self._right[j].start_s < self._begin_s + JITTER_S and spelled_a.endswith(spelled_b)
        return cut_at_end or cut_at_begin

    def _is_beginning(self) -> bool:
        """Whether the last word of the earlier window is the beginning of the first word of the later window.

        There is no word between them, so both begin a sentence after a pause, wherever in the pause the earlier window
        placed it. A word that the later window's beginning cuts is a different one.
        """
        last, first = self._left[-1], self._right[0]
        spelled_last, spelled_first = self._spelled_left[-1], self._spelled_right[0]
        in_both = last.start_s >= self._begin_s + JITTER_S or abs(last.start_s - first.start_s) < JITTER_S
        reaches_out = first.start_s < self._end_s < first.end_s + JITTER_S
        return in_both and reaches_out and spelled_last != "" and spelled_first.startswith(spelled_last)

    def _trust_in_earlier(self, a: Word | None, b: Word | None) -> float:
        """Near 1 if the earlier window is likelier to have the complete word, near 0 if the later one is.

        Args:
            a, b: the word in the earlier and in the later window.
        """
        last, first = a or b, b or a
        if last is None or first is None:
            return 0.5
        # Times are imprecise, so a word that just fits in is hardly better than one that just does not.
        inside_earlier = max(0.0, self._end_s - last.end_s) + JITTER_S
        inside_later = max(0.0, first.start_s - self._begin_s) + JITTER_S
        return inside_earlier / (inside_earlier + inside_later)


def _version_distance_s(a: Word, b: Word) -> float:
    """Distance between two versions of one word: a window's edge moves one end of a word, seldom both."""
    distance_s = min(abs(a.start_s - b.start_s), abs(a.end_s - b.end_s), abs(a.middle_s - b.middle_s))
    common_s = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
    return max(0.0, distance_s - max(0.0, common_s))


def _alone_cost(inside_s: float) -> float:
    """Cost of a word that is missing from the other window, by its distance from that window's edge."""
    return min(1.0, max(_EDGE_COST, inside_s / (2 * JITTER_S)))


def _confidence(word: Word | None) -> float:
    """Confidence in a word, or in its absence.

    For a cut word, recognisers guess with low confidence; squaring it separates guesses more clearly.
    """
    if word is None:
        return _ABSENT
    return 1.0 if word.confidence is None else word.confidence**2
