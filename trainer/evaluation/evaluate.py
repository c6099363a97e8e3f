"""Evaluate a model: at full and short acoustic context, clean and in noise, by group, and with the alarm."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from unicodedata import east_asian_width

import torch

from trainer.corpus.scripts import script
from trainer.evaluation.alarm import Evidence, judge
from trainer.evaluation.decoding import DecodingOptions, decode
from trainer.evaluation.grouping import group
from trainer.evaluation.normalising import Normaliser, normaliser
from trainer.evaluation.probes import Probes, probe
from trainer.evaluation.recogniser import Recogniser, RecogniserError
from trainer.evaluation.result import CONTEXTS, Condition, Context, Evaluation, Windows
from trainer.evaluation.scoring import Score, character_scores, total, word_scores
from trainer.evaluation.summary import Row, Summary, summarise
from trainer.evaluation.utterances import Utterance, in_noise, in_windows, window

#: The acoustic context of live captions: a chunk and the audio before it.
SHORT_S = 7.0


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        short_s: the short context; None: the one that the model declares, or SHORT_S.
        snrs_db: signal-to-noise ratios to measure at, in addition to the clean audio.
        by: columns to group by; see `grouping`.
        batch_s, processes: see `DecodingOptions`.
        seed: of the noise, the bootstrap, and the choice of probed utterances.
        probed: the number of utterances to probe for the alarm.
        windows: also measure several utterances in a window, as on air.
    """

    contexts: tuple[Context, ...] = CONTEXTS
    short_s: float | None = None
    snrs_db: tuple[float, ...] = ()
    by: tuple[str, ...] = ()
    batch_s: float | None = None
    processes: int = 1
    seed: int = 1
    probed: int = 64
    windows: bool = True


def evaluate(
    recogniser: Recogniser,
    utterances: Sequence[Utterance],
    plan: Plan = Plan(),
    on_decoded: Callable[[int], object] = lambda utterances: None,
) -> Evaluation:
    """Evaluate a model.

    Args:
        on_decoded: called with the number of utterances in each completed batch; each condition counts all of them
            once, and so do windows.

    Raises:
        RecogniserError: the model lacks a language of the utterances, or they are all longer than its context.
    """
    normalisers = _normalisers(recogniser, utterances)
    conditions = tuple(_conditions(recogniser, utterances, plan, normalisers, on_decoded))
    first = conditions[0]
    rows = first.rows
    _, confusions = word_scores([row.reference for row in rows], [row.hypothesis for row in rows])
    judged = _judged(recogniser, rows)
    sample = random.Random(plan.seed).sample([row.utterance for row in judged], min(plan.probed, len(judged)))
    probes = probe(recogniser, sample, DecodingOptions(first.context_s, plan.batch_s))
    return Evaluation(
        recogniser.name,
        _device(recogniser.device, plan.processes),
        {language: normaliser.name for language, normaliser in normalisers.items()},
        conditions,
        _groups(conditions, plan),
        confusions,
        _in_windows(recogniser, first, plan, normalisers, on_decoded) if plan.windows else None,
        probes,
        judge(_evidence(recogniser, judged, probes)),
    )


def transcribe_and_score(
    recogniser: Recogniser, utterances: Sequence[Utterance], context_s: float | None = None
) -> list[Row]:
    """The transcript of each utterance, and its errors.

    Args:
        context_s: None: that of the longest utterance in each batch.
    """
    recogniser.model.eval()
    normalisers = _normalisers(recogniser, utterances)
    return list(_rows(recogniser, utterances, DecodingOptions(context_s), normalisers, lambda utterances: None))


def _normalisers(recogniser: Recogniser, utterances: Sequence[Utterance]) -> dict[str, Normaliser]:
    languages = sorted({utterance.language for utterance in utterances})
    return {language: normaliser(language, recogniser.spelling) for language in languages}


def word_and_character_errors(
    recogniser: Recogniser, utterances: Sequence[Utterance], context_s: float | None = None
) -> tuple[Score, Score]:
    """Word and character errors only, as measured during training; for `context_s` see `transcribe_and_score`."""
    spoken = [row for row in transcribe_and_score(recogniser, utterances, context_s) if row.reference]
    return total(row.words for row in spoken), total(row.characters for row in spoken)


def word_errors(recogniser: Recogniser, utterances: Sequence[Utterance], context_s: float | None = None) -> Score:
    """Word errors only."""
    return word_and_character_errors(recogniser, utterances, context_s)[0]


def _conditions(
    recogniser: Recogniser,
    utterances: Sequence[Utterance],
    plan: Plan,
    normalisers: Mapping[str, Normaliser],
    on_decoded: Callable[[int], object],
) -> Iterator[Condition]:
    full_s = recogniser.longest_s
    short_s = min(full_s, plan.short_s or recogniser.declared_s or SHORT_S)
    contexts: dict[Context, float] = {"full": full_s, "short": short_s}
    # The first condition is the main one: the context that a model declares is the one that it runs with.
    order = sorted(plan.contexts, key=lambda context: (context == "full") == (recogniser.declared_s is not None))
    main_s = contexts[order[0]]
    if not any(utterance.duration_s <= main_s for utterance in utterances):
        raise RecogniserError(
            f"all clips are longer than the {main_s:g} s that {recogniser.name} is evaluated at: prepare shorter ones "
            f"(--max-s {main_s:g}), or choose another context (--context, --context-s)"
        )
    for snr_db in (None, *plan.snrs_db):
        mixed = utterances if snr_db is None else in_noise(utterances, snr_db, plan.seed)
        previous: Condition | None = None
        for context in order:
            if previous and previous.context_s == contexts[context]:
                on_decoded(len(mixed))
                yield replace(previous, context=context)
                continue
            previous = _condition(recogniser, mixed, context, contexts[context], snr_db, plan, normalisers, on_decoded)
            yield previous


def _condition(
    recogniser: Recogniser,
    utterances: Sequence[Utterance],
    context: Context,
    context_s: float,
    snr_db: float | None,
    plan: Plan,
    normalisers: Mapping[str, Normaliser],
    on_decoded: Callable[[int], object],
) -> Condition:
    fitting = [utterance for utterance in utterances if utterance.duration_s <= context_s]
    on_decoded(len(utterances) - len(fitting))
    start_s = time.perf_counter()
    options = DecodingOptions(context_s, plan.batch_s, plan.processes)
    rows = tuple(_rows(recogniser, fitting, options, normalisers, on_decoded))
    elapsed_s = time.perf_counter() - start_s
    left_out = len(utterances) - len(fitting)
    return Condition(context, context_s, snr_db, rows, left_out, elapsed_s, summarise(rows, plan.seed))


def _rows(
    recogniser: Recogniser,
    utterances: Sequence[Utterance],
    options: DecodingOptions,
    normalisers: Mapping[str, Normaliser],
    on_decoded: Callable[[int], object],
) -> Iterator[Row]:
    transcripts = decode(recogniser, utterances, options, on_decoded)
    normalise = [normalisers[utterance.language] for utterance in utterances]
    references = [normal(utterance.text) for normal, utterance in zip(normalise, utterances, strict=True)]
    hypotheses = [normal(transcript.text) for normal, transcript in zip(normalise, transcripts, strict=True)]
    words, _ = word_scores(references, hypotheses)
    reference_characters, hypothesis_characters = (
        [normal.characters(text) for normal, text in zip(normalise, texts, strict=True)]
        for texts in (references, hypotheses)
    )
    characters = character_scores(reference_characters, hypothesis_characters)
    for utterance, reference, hypothesis, transcript, word_score, character_score in zip(
        utterances, references, hypotheses, transcripts, words, characters, strict=True
    ):
        scores = word_score, character_score
        yield Row(
            utterance,
            reference,
            hypothesis,
            transcript.text,
            *scores,
            len(transcript.tokens),
            transcript.truncated,
        )


def _in_windows(
    recogniser: Recogniser,
    alone: Condition,
    plan: Plan,
    normalisers: Mapping[str, Normaliser],
    on_decoded: Callable[[int], object],
) -> Windows | None:
    """The utterances of a condition again, several in each window; None if no two of them fit."""
    spoken = {row.utterance.id: row for row in alone.rows if row.reference}
    windows = in_windows([row.utterance for row in spoken.values()], alone.context_s, plan.seed)
    options = DecodingOptions(alone.context_s, plan.batch_s, plan.processes)
    rows = list(_rows(recogniser, [window(row) for row in windows], options, normalisers, lambda count: None))
    on_decoded(len(alone.rows) + alone.left_out)
    if not rows:
        return None
    same = (spoken[utterance.id].words for row in windows for utterance in row)
    return Windows(summarise(rows, plan.seed), total(same).wer_percent)


def _groups(conditions: Sequence[Condition], plan: Plan) -> dict[str, dict[str, Summary]]:
    """Summaries by each column and, if noise was added, by its level."""
    first = conditions[0]
    groups = {
        column: {
            value: summarise([first.rows[index] for index in indices], plan.seed)
            for value, indices in group([row.utterance for row in first.rows], column).items()
        }
        for column in plan.by
    }
    if plan.snrs_db:
        same = [condition for condition in conditions if condition.context == first.context]
        groups["added snr"] = {
            "clean" if condition.snr_db is None else f"{condition.snr_db:g} dB": condition.summary for condition in same
        }
    return groups


def _judged(recogniser: Recogniser, rows: Sequence[Row]) -> list[Row]:
    """Rows with speech in a language that the model declares; if there are none, all rows with speech."""
    spoken = [row for row in rows if row.reference]
    return [row for row in spoken if row.utterance.language in recogniser.declared] or spoken


def _evidence(recogniser: Recogniser, spoken: Sequence[Row], probes: Probes | None) -> Evidence:
    count = max(1, len(spoken))
    words = total(row.words for row in spoken)
    return Evidence(
        words.wer_percent,
        words.words,
        len(spoken),
        sum(row.truncated for row in spoken) / count,
        sum(not row.hypothesis for row in spoken) / count,
        foreign_share(spoken),
        probes,
        recogniser.set_language,
        frozenset(row.utterance.language for row in spoken),
        frozenset(recogniser.declared),
        len({row.reference for row in spoken}),
        len({row.hypothesis for row in spoken}),
    )


def foreign_share(rows: Sequence[Row]) -> float:
    """The share of outputs with a letter that no reference has."""
    known = {_alphabet(letter) for row in rows for letter in row.reference if letter.isalpha()}
    foreign = sum(any(letter.isalpha() and _alphabet(letter) not in known for letter in row.hypothesis) for row in rows)
    return foreign / max(1, len(rows))


def _alphabet(letter: str) -> str:
    """The letter itself; or its script for a–z, Han and Hangul, of which a test set may have only a part."""
    return script(letter) if letter.isascii() or east_asian_width(letter) in "WF" else letter


def _device(device: torch.device, processes: int) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"CPU, {processes} processes" if processes > 1 else f"CPU, {torch.get_num_threads()} threads"
