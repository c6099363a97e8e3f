"""The model card of the bundled model: what it can and cannot do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainer.publishing.model_folder import WerRow

_CARD = """\
---
language: [sv, en]
license: mit
library_name: transformers
pipeline_tag: automatic-speech-recognition
---

# The bundled model

A very small Whisper ({parameters:.1f} million parameters, {context_s:.0f} seconds of acoustic context), trained from
scratch by this repository's own trainer on **synthetic** radio bulletins in Swedish and English. It exists so that the
whole system can be run and tested without a network or a GPU.

## What it can do

- Transcribe bulletins synthesized by espeak-ng, with voices that it was not trained on and a vocabulary of a few
  hundred words per language, in noise, over music, and in windows that cut words at both ends.
- Distinguish Swedish from English, and speech from silence, noise and music.
- Give the time of each word (one attention head is trained for it).

## What it cannot do

- **Understand people.** It was trained on synthetic voices only. On a real recording it outputs nonsense, mostly in the
  words of a news bulletin, so the output may look convincing. Use it only to try out the system.
- Recognise words outside its grammar (`demo/english.py`, `demo/swedish.py`). Its training texts contained no digits.
- Process other languages, translate, output timestamp tokens, or handle more than {context_s:.0f} seconds at a time.

For real use, set `MODEL` to a checkpoint trained on human speech.

## Word error rate

Held-out sentences spoken by held-out voices, with the kinds of noise in turn. *Sentences* are complete; *windows* are
six seconds cut anywhere from continuous speech, scored on the words that lie completely inside them. Texts are
normalised with transformers' `BasicTextNormalizer`, keeping å, ä and ö. `python -m benchmarks.model` repeats the
measurement.

{table}

## How it was made

{provenance}
"""


def card(parameters: int, context_s: float, rows: Sequence[WerRow], provenance: Mapping[str, str | int | float]) -> str:
    """The text of README.md in the published folder."""
    header = (
        "| language | set | SNR | WER | substituted | deleted | inserted | words |\n|---|---|---|---|---|---|---|---|"
    )
    lines = [
        f"| {row.language} | {row.set} | {_snr(row.snr_db)} | {row.wer_percent:.1f} % "
        f"| {row.substitutions} | {row.deletions} | {row.insertions} | {row.words} |"
        for row in rows
    ]
    return _CARD.format(
        parameters=parameters / 1e6,
        context_s=context_s,
        table="\n".join([header, *lines]),
        provenance="\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in provenance.items()),
    )


def _snr(snr_db: float | None) -> str:
    return "clean" if snr_db is None else f"{snr_db:.0f} dB"
