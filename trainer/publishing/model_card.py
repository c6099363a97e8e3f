"""README.md of a published model: what it was made of, how good it is and for whom, and how to use it."""

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

A Whisper for {languages}, made from {base} by Undertext's trainer. It listens to {context_s:g} seconds at a time
({context}) and was {prompts} what was said before.

## Word error rate

{rates}

{curves}

## How it was made

{provenance}

## Use

`MODEL={place}` for Undertext's transcribers, or `WhisperForConditionalGeneration.from_pretrained("{place}")`.
Weights are stored in half precision. Language and task are set in generation_config.json.{tokens}
"""

_TOKEN = """ Whisper has
no token for `{borrower}`, so that of `{lender}` stands for it: other programs are told `language="{lender}"`."""

_HEADER = ("set", "context", "SNR", "WER", "95 % interval", "CER", "words")
#: Groups of more values than this are no table for a card.
_VALUES_SHOWN = 30


@dataclass(frozen=True)
class Facts:
    """All that the card tells; `curves` are pictures beside it, `place` is what MODEL names it by."""

    name: str
    context_s: float
    record: Record
    evaluations: Sequence[Mapping[str, Any]]
    curves: Sequence[str]
    place: str


def card(facts: Facts) -> str:
    """Its text."""
    record = facts.record
    short = record.min_context_s < facts.context_s
    return _CARD.format(
        name=facts.name,
        place=facts.place,
        codes=", ".join(f'"{language}"' for language in record.languages),  # a bare no is no string in YAML
        languages=", ".join(record.languages),
        base=str(record.provenance.get("base", "nothing")).replace(", ", ", which was made from "),
        context_s=facts.context_s,
        tokens="".join(_TOKEN.format(borrower=borrower, lender=lender) for borrower, lender in record.tokens.items()),
        context="and was trained on windows of any length up to it" if short else "padded with silence",
        prompts="shown" if record.trained_with_prompts else "not shown",
        rates="\n\n".join(_rates(facts.evaluations)) or "Not measured: `python -m trainer evaluate`.",
        curves="\n".join(f"![{Path(name).stem}]({name})" for name in facts.curves),
        provenance="\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in record.provenance.items()),
    )


def promised_on(evaluation: Mapping[str, Any]) -> str:
    """What a rate is of; one on what was trained on is no promise."""
    return measured_on(evaluation) + (" (trained on)" if evaluation.get("trained_on") else "")


def agreements(evaluations: Iterable[Mapping[str, Any]]) -> list[str]:
    """Sentences on those of which most texts are a model's own, each once."""
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
        for column, every in document["groups"].items():
            groups = {value: group for value, group in every.items() if group["words"]}
            if column == "speaker" and len(groups) > 1:
                yield f"### By {column}, {promised_on(document)}"
                yield _spread(groups.values())
            elif 1 < len(groups) <= _VALUES_SHOWN:
                yield f"### By {column}, {promised_on(document)}"
                rates = ((value, *_figures(group)) for value, group in groups.items())
                yield _table((column, *_HEADER[3:]), rates)


def _spread(groups: Iterable[Mapping[str, Any]]) -> str:
    """How far speakers are apart; nobody is named, who gave no more than a voice."""
    rates = sorted(float(group["wer_percent"]) for group in groups)
    ends = f"WER {rates[0]:.1f} % at best, {median(rates):.1f} % in the middle, {rates[-1]:.1f} % at worst"
    return f"{len(rates)} speakers: {ends}."


def _figures(summary: Mapping[str, Any]) -> tuple[str, str, str, str]:
    interval = summary.get("wer_interval_percent")
    ends = "" if interval is None else f"{interval[0]:.1f}–{interval[1]:.1f} %"
    return f"{summary['wer_percent']:.1f} %", ends, f"{summary['cer_percent']:.1f} %", str(summary["words"])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |" for line in lines)
