"""Reject hallucinations: text that Whisper writes when nobody speaks.

Pure functions of a hypothesis and, for one rule, of the source's previous texts. Two principles:

- A text that looks like speech is never rejected for its content alone: the model must be in doubt as well
  (`doubtful`). Lost speech is worse than a superfluous phrase (whisper.cpp 2507: talk lost as `[Music]`).
- Of a loop, its first round and the text before it are kept, unless they are a guess.

Left out, because they did not help on the demo's speech and music: a low mean log-probability alone (openai/whisper
retries at a higher temperature and keeps the result; `python -m benchmarks.rules` has a row for it), and
openai/whisper's `word_anomaly_score`, which calls words shorter than 0.133 s anomalous: many of ours are, because their
silent ends do not count.

A rejected hypothesis leaves no words in its outcome, hence none in any caption. Prompts consist of final captions only
(`prompt`), so rejected text never becomes a prompt, which would make the next text loop, too (openai/whisper
discussion 679).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from transcriber import phrases
from transcriber.engine import Hypothesis
from transcriber.orthography import join_words, normalised
from wire.messages import Word

#: Text with a higher compression ratio repeats itself (openai/whisper, transcribe.py; Radford et al. 2022, 4.5).
COMPRESSION_RATIO = 2.4

#: Mean log-probability of tokens below which a text is a guess (same sources).
LOG_PROBABILITY = -1.0

#: Probability above which there is no speech, if the text is a guess as well (same sources).
NO_SPEECH = 0.6

#: Maximum rate of speech, in tokens that begin a character, per second spanned by the words. (Counting all tokens,
#: calmly read Georgian, Malayalam or Burmese exceeds 30 per second.) The engine limits an utterance's tokens likewise,
#: which ends loops; but text invented at the end of a window is packed into little time.
TOKENS_PER_S, SPARE_TOKENS = 22, 8

#: Number of rounds that make a loop, by the minimum number of words in a round (the largest that applies). Fewer are
#: emphasis ("no, no, no"). One word six times as in debpalash/VoiceStudio 356, three whole sentences as in
#: nyrahealth/CrisperWhisper 61; three rounds of any length (WhisperLiveKit 339) would cut what people really say.
LOOP_ROUNDS = {1: 6, 2: 4, 5: 3}

#: Words at the end of a text that repeat those before them are an echo if they last less than this on average, in
#: seconds: Whisper keeps writing where its audio ends. "To the border, to the border" takes longer to say.
ECHO_S = 0.1

#: Beyond these a hypothesis is in doubt: hardly any correct one, and most of those invented over music
#: (`python -m benchmarks.rules` counts them). Others set no-speech from 0.06 (zachlatta/freeflow 81: a spoken "thank
#: you" stays below 0.02) to Whisper's 0.6; in SYSTRAN/faster-whisper 621 a subtitle credit has 0.88 and -0.38.
DOUBT_NO_SPEECH, DOUBT_LOG_PROBABILITY = 0.2, -0.5

#: Two results for one spoken text begin at most this far apart, in seconds; a repetition begins later.
SAME_TEXT_S = 0.6

#: Number of a source's texts to remember for `repeats`.
REMEMBERED = 3


class Reason(StrEnum):
    """Why text was rejected; these are also the label values of a metric."""

    LOOP = "loop"  # the same words over and over; the text after the first round is rejected, or all of it
    NO_SPEECH = "no_speech"  # silence, in the model's own judgement
    COMPRESSION = "compression"  # repetitive, but not a plain loop
    RATE = "rate"  # more than anyone can say in that time
    DESCRIPTION = "description"  # [Music], or no words at all
    PHRASE = "phrase"  # known to be written over silence
    REPEATED = "repeated"  # a previous text of this source


@dataclass(frozen=True, slots=True)
class Verdict:
    """The accepted part of a hypothesis: all, some or none of its words; and why not all of it."""

    accepted: Hypothesis
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class SpokenText:
    """A remembered text of a source: normalised words, and when the first one began."""

    text: str
    start_s: float


def judge(hypothesis: Hypothesis) -> Verdict:
    """Decide which part of a hypothesis to accept."""
    if not hypothesis.words:
        return Verdict(hypothesis)
    cut = without_loop(hypothesis)
    if cut is not hypothesis and doubtful(hypothesis) and (all_loop(hypothesis) or guessed(cut.words)):
        return Verdict(_emptied(hypothesis), Reason.LOOP)
    for reason, rejects in RULES.items():
        if rejects(cut):
            return Verdict(_emptied(hypothesis), reason)
    return Verdict(cut, Reason.LOOP if cut is not hypothesis else None)


def doubtful(hypothesis: Hypothesis) -> bool:
    """Whether the model was unsure of a text. (`Reason.NO_SPEECH` needs both of its signs, and stronger ones.)"""
    return (
        hypothesis.no_speech_probability > DOUBT_NO_SPEECH
        or hypothesis.mean_log_probability < DOUBT_LOG_PROBABILITY
        or hypothesis.truncated
    )


def repeats(words: Sequence[Word], before: Sequence[SpokenText]) -> bool:
    """Whether a text equals a previous one of its source at another time (not just in the overlap of two windows)."""
    now = spoken_text(words)
    return any(now.text == then.text and abs(now.start_s - then.start_s) > SAME_TEXT_S for then in before)


def spoken_text(words: Sequence[Word]) -> SpokenText:
    """The text of some words (at least one), to be remembered."""
    return SpokenText(" ".join(normalised(word.text) for word in words), words[0].start_s)


def remember(words: Sequence[Word], before: Sequence[SpokenText]) -> list[SpokenText]:
    """The newest distinct texts of a source, with one more added."""
    now = spoken_text(words)
    return [*(then for then in before if then.text != now.text), now][-REMEMBERED:]


def without_loop(hypothesis: Hypothesis) -> Hypothesis:
    """A hypothesis with only one round of its loop; the same object if it has none. Text after the loop is kept."""
    loop = _loop(hypothesis.words) or _echo(hypothesis.words)
    if loop is None:
        return hypothesis
    first, length, end = loop
    words = hypothesis.words[: first + length] + hypothesis.words[end:]
    return replace(
        hypothesis,
        words=words,
        text=join_words((word.text for word in words), hypothesis.language),
        tokens=round(hypothesis.tokens * len(words) / len(hypothesis.words)),
        truncated=hypothesis.truncated and end < len(hypothesis.words),
    )


def all_loop(hypothesis: Hypothesis) -> bool:
    """Whether a hypothesis is a loop from beginning to end."""
    loop = _loop(hypothesis.words)
    return loop is not None and loop[0] == 0 and loop[2] == len(hypothesis.words)


def guessed(words: Sequence[Word]) -> bool:
    """Whether words (at least one) are a guess by themselves; the mean of a whole text is dominated by its loop."""
    logs = [math.log(max(word.confidence, 1e-9)) for word in words if word.confidence is not None]
    return sum(logs) < LOG_PROBABILITY * len(words)


def compression_ratio(text: str) -> float:
    """Size of a text divided by its size when compressed with zlib."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def max_tokens(duration_s: float) -> int:
    """Maximum number of tokens that can be spoken in that time; more are a loop (whisper_streaming caps likewise)."""
    return SPARE_TOKENS + math.ceil(TOKENS_PER_S * duration_s)


def too_fast(hypothesis: Hypothesis) -> bool:
    """Whether there are more words than can be spoken in the time that they span, or the token limit was reached."""
    span_s = hypothesis.words[-1].end_s - hypothesis.words[0].start_s
    return hypothesis.truncated or hypothesis.tokens > max_tokens(span_s)


#: Rules that reject a whole hypothesis (one that has words, after removing its loop); the first match is the reason.
RULES: Mapping[Reason, Callable[[Hypothesis], bool]] = {
    Reason.NO_SPEECH: lambda h: h.no_speech_probability > NO_SPEECH and h.mean_log_probability < LOG_PROBABILITY,
    Reason.COMPRESSION: lambda h: compression_ratio(h.text) > COMPRESSION_RATIO,
    Reason.DESCRIPTION: lambda h: phrases.is_description(h.text),
    Reason.PHRASE: lambda h: phrases.is_known(h.text) and doubtful(h),
    Reason.RATE: too_fast,
}


def _emptied(hypothesis: Hypothesis) -> Hypothesis:
    return replace(hypothesis, words=(), text="")


def _loop(words: Sequence[Word]) -> tuple[int, int, int] | None:
    """The first loop: index of its first word, number of words in a round, and index after its end; or None."""
    bare = [normalised(word.text) for word in words]
    for first in range(len(bare)):
        for length in range(1, (len(bare) - first) // min(LOOP_ROUNDS.values()) + 1):
            end = first + length
            while end < len(bare) and bare[end] == bare[end - length]:
                end += 1
            rounds = max(size for size in LOOP_ROUNDS if size <= length)
            if end - first >= LOOP_ROUNDS[rounds] * length:
                # An incomplete round belongs to the loop only if it ends the text.
                return first, length, end if end == len(bare) else end - (end - first) % length
    return None


def _echo(words: Sequence[Word]) -> tuple[int, int, int] | None:
    """A loop of two rounds, the second of which ends the text and is too short to be spoken."""
    bare = [normalised(word.text) for word in words]
    for length in range(len(bare) // 2, 1, -1):
        if bare[-length:] == bare[-2 * length : -length] and words[-1].end_s - words[-length].start_s < ECHO_S * length:
            return len(bare) - 2 * length, length, len(bare)
    return None
