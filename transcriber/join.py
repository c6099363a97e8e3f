"""Two hypotheses of the same audio become one: no word lost, none doubled.

The windows of two chunks overlap by the later one's lead, so the words there were heard twice, each time with the
context of one side only. They are aligned by what they say and when; then one place is chosen up to which the earlier
hypothesis is believed, and from which the later one is.

A word is believed the more the further it lies from its own window's edge: the later window's beginning cuts words
that the earlier one heard whole, and the other way round. Whether a model leaves out what is cut, as one trained on
our windows does, or invents something for it, as others do, the words in question lie at an edge. Of two words at the
same depth, the one that its recogniser was surer of is believed.

The idea of joining at agreeing words is that of LocalAgreement (Macháček et al., 2023); the alignment is
Needleman and Wunsch's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from transcriber.orthography import bare, normalised
from wire.messages import Word

#: Equal words whose middles lie further apart than this are two words, in seconds.
SAME_WORD_S = 0.6

#: How far word times may be off, in seconds.
JITTER_S = 0.2

#: Different words whose middles lie further apart than this are not two hearings of one word, in seconds.
SAME_PLACE_S = 0.35

#: Costs of an alignment. A word that only one window heard costs little where the other could not hear it whole, and
#: one well inside both costs 1. Two hearings of one word cost less than two words that were each heard once.
_EDGE_COST = 0.1
_SUBSTITUTION = 0.6
_APART_COST = 2.0  # times seconds squared

#: A word that begins no later than this behind the beginning of a window is cut by it, in seconds.
_CUT_S = 0.1

#: How sure a recogniser is of nothing: near the edge of a window it often leaves out what the other one heard.
_NOTHING = 0.4

#: What it costs to leave out a word behind what the earlier window has heard at all.
_UNHEARD = 100.0


@dataclass(frozen=True, slots=True)
class _Pair:
    """One step of the alignment: a word heard by both, or by one of them only (the other is -1)."""

    earlier: int
    later: int
    equal: bool
    begun: bool = False  # the earlier window heard but its beginning


class Joined(NamedTuple):
    """Words of two hypotheses, each once; the first `kept` of them are the earlier one's."""

    words: list[Word]
    kept: int


def join(earlier: Sequence[Word], later: Sequence[Word], *, begin_s: float, end_s: float, settled: int = 0) -> Joined:
    """The words of both hypotheses, each once.

    Args:
        earlier: words of the earlier window, by time.
        later: words of the later window, by time.
        begin_s: where the later window begins.
        end_s: where the earlier window ends.
        settled: so many of the earlier words have been shown as final; they stay whatever the later window says.
    """
    if not earlier or not later:
        # A window in which nothing at all was heard (or was believed) contradicts nobody.
        return Joined(in_order([*earlier, *later], settled), len(earlier))
    # Words outside the overlap were heard by one window only; those at its rim may be placed a little wrongly, and what
    # the earlier window has left of a word at its end belongs to the first one behind it.
    first = next((i for i, w in enumerate(earlier) if w.end_s > begin_s - JITTER_S), len(earlier))
    behind = next((j + 1 for j, w in enumerate(later) if w.start_s >= end_s + JITTER_S), len(later))
    left, right = earlier[first:], later[:behind]
    pairs = _align(left, right, begin_s, end_s)
    switch = _switch(pairs, left, right, begin_s, end_s, max(0, settled - first))
    heard: list[Word] = []
    kept = first
    for step, pair in enumerate(pairs):
        one = left[pair.earlier] if pair.earlier >= 0 else None
        other = right[pair.later] if pair.later >= 0 else None
        word = one if step < switch else other
        if word is not None:
            if one and other and pair.equal and first + pair.earlier >= settled:
                word = replace(word, text=_written(one.text, other.text))
            heard.append(word)
            kept += step < switch
    return Joined(in_order([*earlier[:first], *heard, *later[behind:]], settled), kept)


def _written(earlier: str, later: str) -> str:
    """A word with the case of the earlier and the punctuation of the later window.

    The earlier one knows what comes before it, and so whether a sentence begins with it; the later one what comes
    behind it, and so whether a sentence ends there.
    """
    return bare(earlier) + later[len(bare(later)) :]


def in_order(words: Sequence[Word], settled: int = 0) -> list[Word]:
    """The same words, none beginning before the one before it has ended; the first `settled` are left as they are.

    Two that overlap meet in the middle: times are off, and which of them is nobody knows.
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


def _align(left: Sequence[Word], right: Sequence[Word], begin_s: float, end_s: float) -> list[_Pair]:
    """The cheapest alignment of two word sequences, in order."""
    spelled_left, spelled_right = [normalised(w.text) for w in left], [normalised(w.text) for w in right]
    alone_left = [_alone_cost(w.start_s - begin_s) for w in left]
    alone_right = [_alone_cost(end_s - w.end_s) for w in right]
    costs = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    steps: list[list[_Pair | None]] = [[None] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) + 1):
        for j in range(len(right) + 1):
            choices: list[tuple[float, bool, _Pair]] = []
            # Of two words that have nothing to do with each other, the one that is spoken later comes later.
            # What the later window's beginning cuts comes before all that it heard, wherever its end is taken to be.
            left_is_later = (
                bool(i and j)
                and _middle(left[i - 1]) > _middle(right[j - 1])
                and left[i - 1].start_s > begin_s + _CUT_S
            )
            if i:
                choices.append((costs[i - 1][j] + alone_left[i - 1], not left_is_later, _Pair(i - 1, -1, False)))
            if j:
                choices.append((costs[i][j - 1] + alone_right[j - 1], left_is_later, _Pair(-1, j - 1, False)))
            if i and j:
                a, b = left[i - 1], right[j - 1]
                equal = spelled_left[i - 1] == spelled_right[j - 1] != ""
                # Well inside the overlap both windows hear everything: what each heard once was said once.
                inside = a.start_s >= begin_s + JITTER_S and b.end_s <= end_s - JITTER_S
                # So were two words that stand behind the same one in both.
                follows = min(i, j) > 1 and spelled_left[i - 2] == spelled_right[j - 2] != ""
                cut = _fragment(a, b, spelled_left[i - 1], spelled_right[j - 1], begin_s, end_s)
                begun = i == len(left) and j == 1 and _begun(a, b, spelled_left[-1], spelled_right[0], begin_s, end_s)
                cut = cut or begun
                apart_s = 0.0 if begun else _apart_s(a, b) if equal or cut else _between_s(a, b, begin_s)
                # What the later window heard whole is not another hearing of what began well before that.
                other = a.start_s < begin_s - JITTER_S and b.start_s > begin_s + _CUT_S and not equal
                near = apart_s < (SAME_WORD_S if equal or cut else SAME_PLACE_S) and not other
                if near or (equal and (inside or follows)):
                    cost = _APART_COST * (min(apart_s, SAME_WORD_S) if follows else apart_s) ** 2
                    cost += 0.0 if equal or cut else _SUBSTITUTION * (alone_left[i - 1] + alone_right[j - 1])
                    choices.append((costs[i - 1][j - 1] + cost, False, _Pair(i - 1, j - 1, equal, begun)))
            if choices:
                costs[i][j], _, steps[i][j] = min(choices, key=lambda choice: (round(choice[0], 6), choice[1]))
    path = []
    i, j = len(left), len(right)
    while (step := steps[i][j]) is not None:
        path.append(step)
        i, j = i - (step.earlier >= 0), j - (step.later >= 0)
    return path[::-1]


def _apart_s(a: Word, b: Word) -> float:
    """How far apart two hearings of one word are: an edge of a window moves one end of a word, seldom both."""
    apart_s = min(abs(a.start_s - b.start_s), abs(a.end_s - b.end_s), abs(_middle(a) - _middle(b)))
    common_s = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
    return max(0.0, apart_s - max(0.0, common_s))


def _between_s(a: Word, b: Word, begin_s: float) -> float:
    """How far apart two words are that say different things: of one that the later window cut, its end is left."""
    middles_s = abs(_middle(a) - _middle(b))
    cut = a.start_s < begin_s and b.start_s <= begin_s + _CUT_S
    return min(middles_s, abs(a.end_s - b.end_s)) if cut else middles_s


def _fragment(a: Word, b: Word, spelled_a: str, spelled_b: str, begin_s: float, end_s: float) -> bool:
    """Whether one of two hearings is what a window's edge has left of the other."""
    if not spelled_a or not spelled_b:
        return False
    cut_at_end = a.end_s > end_s - JITTER_S and spelled_b.startswith(spelled_a)
    cut_at_begin = b.start_s < begin_s + JITTER_S and spelled_a.endswith(spelled_b)
    return cut_at_end or cut_at_begin


def _begun(last: Word, first: Word, spelled_last: str, spelled_first: str, begin_s: float, end_s: float) -> bool:
    """Whether the last word of the earlier window is what it heard of the first one of the later window.

    Nothing was said between them, so that both begin a sentence behind a pause, wherever in that the earlier window put
    it. What the later window's beginning cuts is another word.
    """
    in_both = last.start_s >= begin_s + JITTER_S or abs(last.start_s - first.start_s) < JITTER_S
    reaches_out = first.start_s < end_s < first.end_s + JITTER_S
    return in_both and reaches_out and spelled_last != "" and spelled_first.startswith(spelled_last)


def _alone_cost(inside_s: float) -> float:
    """What it costs to believe that the other window did not hear a word which lies so far inside of it."""
    return min(1.0, max(_EDGE_COST, inside_s / (2 * JITTER_S)))


def _switch(
    pairs: Sequence[_Pair], left: Sequence[Word], right: Sequence[Word], begin_s: float, end_s: float, settled: int
) -> int:
    """How many steps of the alignment follow the earlier hypothesis; the later one has the rest."""
    # What it costs to follow one of them at each step: how much the other one is believed there.
    as_earlier, as_later, middles = [], [], []
    for pair in pairs:
        a = left[pair.earlier] if pair.earlier >= 0 else None
        b = right[pair.later] if pair.later >= 0 else None
        trust = 0.0 if pair.begun else _trust_in_earlier(a, b, begin_s, end_s)
        as_earlier.append(0.0 if pair.equal else (1 - trust) * _certainty(b))
        as_later.append(0.0 if pair.equal else trust * _certainty(a))
        if b and pair.earlier < 0 and b.start_s >= end_s + JITTER_S:
            as_earlier[-1] = _UNHEARD
        if a and pair.earlier < settled:
            as_later[-1] = float("inf")
        middles.append(_middle(a or b))
    middle_s = (begin_s + end_s) / 2
    best, best_cost = 0, (float("inf"), 0.0)
    # Behind its last word the earlier window heard nothing at all: it is believed in all of that, or in none.
    silent = max((step + 1 for step, pair in enumerate(pairs) if pair.earlier >= 0), default=0)
    for switch in sorted({*range(silent + 1), len(pairs)}):
        wrong = sum(as_earlier[:switch]) + sum(as_later[switch:])
        border_s = middles[switch - 1] if switch else begin_s
        cost = (round(wrong, 6), abs(border_s - middle_s))
        if cost < best_cost:
            best, best_cost = switch, cost
    return best


def _trust_in_earlier(a: Word | None, b: Word | None, begin_s: float, end_s: float) -> float:
    """Near 1 where the earlier window is the likelier to have heard a word whole, near 0 where the later one is.

    Args:
        a, b: the word as the earlier and as the later window heard it.
    """
    last, first = a or b, b or a
    if last is None or first is None:
        return 0.5
    # Times are off, so a word that just fits in is hardly better than one that just does not.
    inside_earlier = max(0.0, end_s - last.end_s) + JITTER_S
    inside_later = max(0.0, first.start_s - begin_s) + JITTER_S
    return inside_earlier / (inside_earlier + inside_later)


def _certainty(word: Word | None) -> float:
    """How sure a recogniser was of what it wrote, or of having heard nothing.

    Where a window cuts a word, recognisers guess, and know it; the square of their confidence tells guesses apart.
    """
    if word is None:
        return _NOTHING
    return 1.0 if word.confidence is None else word.confidence**2


def _middle(word: Word | None) -> float:
    return word.middle_s if word else 0.0
