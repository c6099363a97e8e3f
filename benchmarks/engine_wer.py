"""Word error rate of an engine on sentences with known text."""

from __future__ import annotations

from collections.abc import Sequence

from tqdm import tqdm

from trainer.evaluation.normalising import normaliser
from trainer.evaluation.scoring import total, word_scores
from transcriber.engine import Engine, Utterance

#: Sentences per batch.
BATCH = 4


def wer_percent(engine: Engine, utterances: Sequence[Utterance], texts: Sequence[str]) -> float:
    """The word error rate over all utterances, normalised by their languages, which are given to the engine."""
    said, written = [], []
    for first in tqdm(range(0, len(utterances), BATCH), desc="hear", unit="batch", leave=False):
        batch, expected = utterances[first : first + BATCH], texts[first : first + BATCH]
        for utterance, text, heard in zip(batch, expected, engine.transcribe(batch), strict=True):
            normalise = normaliser(utterance.language or "")
            said.append(normalise(text))
            written.append(normalise(" ".join(word.text for word in heard.likeliest.words)))
    scores, _ = word_scores(said, written)
    return total(scores).wer_percent
