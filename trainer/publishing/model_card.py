"""The README.md of a published model: error rates, provenance and usage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from trainer.evaluation.result import agreement_on, measured_on
from trainer.publishing.model_folder import Record

_CARD = """\
---
language: [{codes}]
library_name: transformers
pipeline_tag: automatic-speech-recognition
---

# {name}

A Whisper model for {languages}, trained from {base} with Undertext's trainer. Its acoustic context is {context_s:g}
seconds ({context}). It was trained {prompts} the preceding text as a prompt.

## Word error rate

{rates}

{curves}

## Provenance

{provenance}

## Use

`MODEL={place}` for Undertext's transcribers, or `WhisperForConditionalGeneration.from_pretrained("{place}")`.
Weights are stored in half precision. Language and task are set in generation_config.json.{tokens}
"""

_TOKEN = """ Whisper has
no token for `{borrower}`, so the model uses that of `{lender}`: in other programs, set `language="{lender}"`."""

_HEADER = ("set", "context", "SNR", "WER", "95 % interval", "CER", "words")
#: Groups with more values than this are left out.
_VALUES_SHOWN = 30


@dataclass(frozen=True)
class Facts:
    """The contents of the card. `curves` are image files in the folder; `place` is the value for MODEL."""

    name: str
    context_s: float
    record: Record
    evaluations: Sequence[Mapping[str, Any]]
    curves: Sequence[str]
    place: str


def card(facts: Facts) -> str:
    """The text of the card."""
    record = facts.record
    short = record.min_context_s < facts.context_s
    return _CARD.format(
        name=facts.name,
        place=facts.place,
        codes=", ".join(f'"{language}"' for language in record.languages),  # in YAML, an unquoted no is a boolean
        languages=", ".join(record.languages),
        base=str(record.provenance.get("base", "scratch")).replace(", ", ", which was trained from "),
        context_s=facts.context_s,
        tokens="".join(_TOKEN.format(borrower=borrower, lender=lender) for borrower, lender in record.tokens.items()),
        context="trained on windows of any length up to it" if short else "padded with silence",
        prompts="with" if record.trained_with_prompts else "without",
        rates="\n\n".join(_rates(facts.evaluations)) or "Not measured: `python -m trainer evaluate`.",
        curves="\n".join(f"![{Path(name).stem}]({name})" for name in facts.curves),
        provenance="\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in record.provenance.items()),
    )


def promised_on(evaluation: Mapping[str, Any]) -> str:
    """What an error rate was measured on, and whether the model was trained on it."""
    return measured_on(evaluation) + (" (trained on)" if evaluation.get("trained_on") else "")


def agreements(evaluations: Iterable[Mapping[str, Any]]) -> list[str]:
    """Notes on evaluations whose references were mostly written by a model, each once."""
    return list(dict.fromkeys(filter(None, map(agreement_on, evaluations))))


def _rates(evaluations: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    rows = [
        (
            promised_on(document),
            f"{condition['context_s']:g} s",
            "clean" if condition["snr_db"] is None else f"{condition['snr_db']:g} dB",
            *_figures(condition),
        )
        for document in evaluations
        for condition in document["conditions"]
        if condition["words"]
    ]
    for document in evaluations:
        if windows := document.get("windows"):
            of = f"{promised_on(document)}, several clips in a window"
            rows.append((of, f"{document['conditions'][0]['context_s']:g} s", "clean", *_figures(windows)))
    if rows:
        yield _table(_HEADER, list(dict.fromkeys(rows)))  # full and short context may be the same
    yield from agreements(evaluations)
    for document in evaluations:
        for column, summaries in document["groups"].items():
            groups = {value: group for value, group in summaries.items() if group["words"]}
            if column == "speaker" and len(groups) > 1:
                yield f"### By {column}, {promised_on(document)}"
                yield _spread(groups.values())
            elif 1 < len(groups) <= _VALUES_SHOWN:
                yield f"### By {column}, {promised_on(document)}"
                rates = ((value, *_figures(group)) for value, group in groups.items())
                yield _table((column, *_HEADER[3:]), rates)


def _spread(groups: Iterable[Mapping[str, Any]]) -> str:
    """The spread of error rates over speakers, who are not named."""
    rates = sorted(float(group["wer_percent"]) for group in groups)
    spread = f"WER {rates[0]:.1f} % at best, {median(rates):.1f} % median, {rates[-1]:.1f} % at worst"
    return f"{len(rates)} speakers: {spread}."


def _figures(summary: Mapping[str, Any]) -> tuple[str, str, str, str]:
    interval = summary.get("wer_interval_percent")
    ends = "" if interval is None else f"{interval[0]:.1f}–{interval[1]:.1f} %"
    return f"{summary['wer_percent']:.1f} %", ends, f"{summary['cer_percent']:.1f} %", str(summary["words"])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |" for line in lines)
