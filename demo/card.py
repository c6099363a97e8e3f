"""The card of the bundled model: plainly, what it can and cannot do."""

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
nothing by this repository's own trainer on **synthetic** radio bulletins in Swedish and English. It is there so that
the whole system runs, and is tested, with no network and no GPU.

## What it can do

- Write down bulletins that espeak-ng reads aloud, by voices that it was not trained on, with a few hundred words a
  language, in noise, under music, and in windows that cut words at both ends.
- Tell Swedish from English, and silence, noise and music from speech.
- Say when each word was spoken (one attention head is trained for it).

## What it cannot do

- **Understand people.** It has heard synthetic voices only. On a real recording it writes nonsense, and mostly in the
  words of a news bulletin, so it may look convincing. Do not use it for anything but trying the system out.
- Any word that is not in its grammar (`demo/english.py`, `demo/swedish.py`); it was never shown digits.
- Other languages, translation, timestamp tokens, or more than {context_s:.0f} seconds at a time.

For real use set `MODEL` to a checkpoint that was trained on people.

## Word error rate

Held-out sentences by held-out voices; kinds of noise in turn. *Sentences* are whole; *windows* are six seconds cut
anywhere in continuous speech, scored on the words that are whole in them. Normalised by transformers'
`BasicTextNormalizer`, å ä ö kept. `python -m benchmarks.model` measures it again.

{table}

## How it was made

{provenance}
"""


def card(parameters: int, context_s: float, rows: Sequence[WerRow], provenance: Mapping[str, str | int | float]) -> str:
    """README.md of the published folder."""
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
