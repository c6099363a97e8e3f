"""Which hypotheses are not believed, because a Whisper writes such things when nobody speaks.

Pure functions of a hypothesis and, for one rule, of what its source said before. Two principles:

- A text that looks like speech is never rejected for what it says alone: the model must have been in doubt as well
  (`doubtful`). Talk that is swallowed is worse than a phrase too many (whisper.cpp 2507: talk lost as `[Music]`).
- Of a loop, what was said before it and its first round are kept, unless they are a guess.

Left out, because they did not help on the demo's speech and music: a low mean log-probability alone (openai/whisper
tries again at a higher temperature, and keeps what it gets then; `python -m benchmarks.rules` has a row for it), and
openai/whisper's `word_anomaly_score`, which calls words shorter than 0.133 s anomalous: many of ours are, because their
silent ends do not count.

A rejected hypothesis leaves no words in its outcome, hence none in any caption. Prompts are made of final captions
only (`context`), so rejected text never becomes a prompt, where it would make the next text loop, too
(openai/whisper discussion 679).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from transcriber import phrases
from transcriber.engine import Hypothesis
from transcriber.orthography import joined, normalised
from wire.messages import Word

#: Text that compresses better than this repeats itself (openai/whisper, transcribe.py; Radford et al. 2022, 4.5).
COMPRESSION_RATIO = 2.4

#: Mean log-probability of tokens below which a text is a guess (the same).
LOG_PROBABILITY = -1.0

#: Probability above which silence is believed, if the text is a guess, too (the same).
NO_SPEECH = 0.6

#: Nobody speaks faster than this: tokens that begin a character, a second of the time that the words span. (All tokens
#: of Georgian, Malayalam or Burmese are more than 30 a second where somebody reads at ease.) A loop runs into the
#: engine's cap of an utterance's tokens, which is the same, but text that is invented at the end of a window piles up
#: there.
TOKENS_PER_S, SPARE_TOKENS = 22, 8

#: So many rounds of the same words are a loop: by the number of words in a round, the most that applies. Fewer are
#: emphasis ("no, no, no"). One word six times as in debpalash/VoiceStudio 356, three whole sentences as in
#: nyrahealth/CrisperWhisper 61; three rounds of any length (WhisperLiveKit 339) would cut what people do say.
LOOP_ROUNDS = {1: 6, 2: 4, 5: 3}

#: Words at the end of a text that repeat the ones before are an echo, where so few seconds are left for each: a Whisper
#: writes on where its audio ends. Nobody says "to the border, to the border" in that time.
ECHO_S = 0.1

#: Beyond these a hypothesis is in doubt: hardly any that is right, and most that are invented over music
#: (`python -m benchmarks.rules` counts them). Others set no-speech from 0.06 (zachlatta/freeflow 81: a "thank you" that
#: was said stays below 0.02) to Whisper's 0.6; in SYSTRAN/faster-whisper 621 a subtitle credit has 0.88 and -0.38.
DOUBT_NO_SPEECH, DOUBT_LOG_PROBABILITY = 0.2, -0.5

#: Two hearings of one text begin no further apart than this, in seconds; a repetition begins later.
SAME_TEXT_S = 0.6

#: How many texts of a source are remembered for `repeats`.
REMEMBERED = 3


class Reason(StrEnum):
    """Why text was rejected; a label of the metric, so this list is closed."""

    LOOP = "loop"  # the same words over and over; text behind the first round, or all of it
    NO_SPEECH = "no_speech"  # silence, by the model's own judgement
    COMPRESSION = "compression"  # repeats itself in ways that are no plain loop
    RATE = "rate"  # more than anyone can say in that time
    DESCRIPTION = "description"  # [Music], or nothing at all that could be said
    PHRASE = "phrase"  # known to be written over silence
    REPEATED = "repeated"  # said before in this source


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is believed of a hypothesis: all, some or none of its words; and why not all, if so."""

    believed: Hypothesis
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A text of a source, as it is remembered: bare words, and when the first one began."""

    text: str
    start_s: float


def judge(hypothesis: Hypothesis) -> Verdict:
    """What is to be believed of a hypothesis."""
    if not hypothesis.words:
        return Verdict(hypothesis)
    cut = without_loop(hypothesis)
    if cut is not hypothesis and doubtful(hypothesis) and (all_loop(hypothesis) or guessed(cut.words)):
        return Verdict(_nothing(hypothesis), Reason.LOOP)
    for reason, rejects in RULES.items():
        if rejects(cut):
            return Verdict(_nothing(hypothesis), reason)
    return Verdict(cut, Reason.LOOP if cut is not hypothesis else None)


def doubtful(hypothesis: Hypothesis) -> bool:
    """Whether the model was not sure that it heard this. Silence needs both of its signs, and stronger ones."""
    return (
        hypothesis.no_speech_probability > DOUBT_NO_SPEECH
        or hypothesis.mean_log_probability < DOUBT_LOG_PROBABILITY
        or hypothesis.truncated
    )


def repeats(words: Sequence[Word], before: Sequence[Said]) -> bool:
    """Whether a source has said just this before, and not at the same time, as in the overlap of two windows."""
    now = said(words)
    return any(now.text == then.text and abs(now.start_s - then.start_s) > SAME_TEXT_S for then in before)


def said(words: Sequence[Word]) -> Said:
    """What is remembered of some words (one at least)."""
    return Said(" ".join(normalised(word.text) for word in words), words[0].start_s)


def remember(words: Sequence[Word], before: Sequence[Said]) -> list[Said]:
    """The newest different texts of a source, with one more."""
    now = said(words)
    return [*(then for then in before if then.text != now.text), now][-REMEMBERED:]


def without_loop(hypothesis: Hypothesis) -> Hypothesis:
    """A hypothesis with one round of its loop; itself if it has none. What comes behind the loop stays."""
    loop = _loop(hypothesis.words) or _echo(hypothesis.words)
    if loop is None:
        return hypothesis
    first, length, end = loop
    words = hypothesis.words[: first + length] + hypothesis.words[end:]
    return replace(
        hypothesis,
        words=words,
        text=joined((word.text for word in words), hypothesis.language),
        tokens=round(hypothesis.tokens * len(words) / len(hypothesis.words)),
        truncated=hypothesis.truncated and end < len(hypothesis.words),
    )


def all_loop(hypothesis: Hypothesis) -> bool:
    """Whether a hypothesis is one loop from its beginning to its end."""
    loop = _loop(hypothesis.words)
    return loop is not None and loop[0] == 0 and loop[2] == len(hypothesis.words)


def guessed(words: Sequence[Word]) -> bool:
    """Whether words (one at least) are a guess by themselves: the mean of a text is that of its loop, which is sure."""
    logs = [math.log(max(word.confidence, 1e-9)) for word in words if word.confidence is not None]
    return sum(logs) < LOG_PROBABILITY * len(words)


def compression_ratio(text: str) -> float:
    """How many times smaller zlib makes a text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def most_tokens(duration_s: float) -> int:
    """Nobody says more tokens in that time; what is longer is a loop (whisper_streaming and others cap likewise)."""
    return SPARE_TOKENS + math.ceil(TOKENS_PER_S * duration_s)


def too_fast(hypothesis: Hypothesis) -> bool:
    """Whether its words could not be said in the time that they span, or were still going on at the cap."""
    span_s = hypothesis.words[-1].end_s - hypothesis.words[0].start_s
    return hypothesis.truncated or hypothesis.tokens > most_tokens(span_s)


#: What rejects a whole hypothesis (one with words, without its loop), in the order in which reasons are given.
RULES: Mapping[Reason, Callable[[Hypothesis], bool]] = {
    Reason.NO_SPEECH: lambda h: h.no_speech_probability > NO_SPEECH and h.mean_log_probability < LOG_PROBABILITY,
    Reason.COMPRESSION: lambda h: compression_ratio(h.text) > COMPRESSION_RATIO,
    Reason.DESCRIPTION: lambda h: phrases.describes(h.text),
    Reason.PHRASE: lambda h: phrases.known(h.text) and doubtful(h),
    Reason.RATE: too_fast,
}


def _nothing(hypothesis: Hypothesis) -> Hypothesis:
    return replace(hypothesis, words=(), text="")


def _loop(words: Sequence[Word]) -> tuple[int, int, int] | None:
    """The first loop: its first word, the words of one round, and where it ends. None if there is none."""
    bare = [normalised(word.text) for word in words]
    for first in range(len(bare)):
        for length in range(1, (len(bare) - first) // min(LOOP_ROUNDS.values()) + 1):
            end = first + length
            while end < len(bare) and bare[end] == bare[end - length]:
                end += 1
            rounds = max(size for size in LOOP_ROUNDS if size <= length)
            if end - first >= LOOP_ROUNDS[rounds] * length:
                # A round that broke off belongs to the loop only if the text breaks off there, too.
                return first, length, end if end == len(bare) else end - (end - first) % length
    return None


def _echo(words: Sequence[Word]) -> tuple[int, int, int] | None:
    """A loop of two rounds, the second of which ends the text in next to no time."""
    bare = [normalised(word.text) for word in words]
    for length in range(len(bare) // 2, 1, -1):
        if bare[-length:] == bare[-2 * length : -length] and words[-1].end_s - words[-length].start_s < ECHO_S * length:
            return len(bare) - 2 * length, length, len(bare)
    return None
