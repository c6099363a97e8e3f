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
    reference, hypotheses = [], []
    for first in tqdm(range(0, len(utterances), BATCH), desc="hear", unit="batch", leave=False):
        batch, expected = utterances[first : first + BATCH], texts[first : first + BATCH]
        for utterance, text, recognition in zip(batch, expected, engine.transcribe(batch), strict=True):
            normalise = normaliser(utterance.language or "")
            reference.append(normalise(text))
            hypotheses.append(normalise(" ".join(word.text for word in recognition.likeliest.words)))
    scores, _ = word_scores(reference, hypotheses)
    return total(scores).wer_percent
