"""Which hypotheses are not believed, because a Whisper writes such things when nobody speaks.

The thresholds are those of openai/whisper's transcribe.py (Radford et al. 2022, section 4.5).
"""

from __future__ import annotations

import zlib

from transcriber.engine import Hypothesis

#: Text that compresses better than this repeats itself.
COMPRESSION_RATIO = 2.4

#: Mean log-probability of tokens below which a text is a guess.
LOG_PROBABILITY = -1.0

#: Probability above which silence is believed, if the text is a guess, too.
NO_SPEECH = 0.6


def rejected(hypothesis: Hypothesis) -> str:
    """Why a hypothesis is not believed; empty if it is."""
    if not hypothesis.words:
        return ""
    if hypothesis.no_speech_probability > NO_SPEECH and hypothesis.mean_log_probability < LOG_PROBABILITY:
        return "no_speech"
    if compression_ratio(hypothesis.text) > COMPRESSION_RATIO:
        return "repetition"
    return ""


def compression_ratio(text: str) -> float:
    """How many times smaller zlib makes a text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0
