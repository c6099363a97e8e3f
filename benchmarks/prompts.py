"""`python -m benchmarks.prompts`: whether prompts with previous text and expected names help a model.

The bundled model was trained without prompts, so it gets none on air; here it gets them anyway, to show why. The other
model is the bundled one fine-tuned with prompts (`benchmarks/training/taught.py`; about twenty minutes the first time,
stored in --cache). Windows are cut anywhere in held-out bulletins by held-out voices. The prompts are: none; the
correct previous text; text from elsewhere; the window's names among as many others, like a station's hot words; names
that are not in the window. *Names* are words with a capital letter within a sentence. Decoding is greedy, without a
second try, which would repair and so hide some of the errors that a prompt causes.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.alignment import TruthWord, align, normalised
from benchmarks.report import Row, arguments, report
from benchmarks.training.taught import add_arguments, names, taught_model
from demo import exam, noise
from demo.bulletins import LANGUAGES, Language, bulletin
from demo.noise import Audio
from demo.voices import draw_voice, speak_all
from transcriber.engine import Utterance
from transcriber.prompt import NO_PROMPT, Prompt
from transcriber.whisper.model import Model, load
from transcriber.whisper.second_try import SecondTry
from transcriber.whisper.transformers_engine import TransformersEngine

#: Windows for each language.
_FULL, _QUICK = 100, 20
SNRS_DB = (None, 10.0, 0.0)
#: Maximum number of hot words that are not in the window, and of words of previous text.
_OTHERS, _PREVIOUS_WORDS = 4, 25
_BATCH = 8


@dataclass(frozen=True)
class Window:
    """A window without noise; all words that are complete in it, the previous text, and names from elsewhere."""

    audio: Audio
    language: Language
    words: tuple[str, ...]
    previous: str
    others: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(names(list(self.words))))


@dataclass
class Tally:
    """Errors in all words, and names that were not recognised."""

    words: int = 0
    errors: int = 0
    names: int = 0
    missed: int = 0


def main(argv: Sequence[str] | None = None) -> int:
    options = add_arguments(arguments(__doc__)).parse_args(argv)
    torch.set_num_threads(1)
    # Force prompts, which its manifest rules out.
    models = {"bundled": replace(load("demo/model", device="cpu"), trained_with_prompts=True)}
    if model := taught_model(options):
        models["taught"] = model
    material = [w for language in LANGUAGES for w in windows(language, _QUICK if options.quick else _FULL)]
    total = len(models) * len(PROMPTS) * len(SNRS_DB) * len(material)
    rows: list[dict[str, object]] = []
    with tqdm(total=total, unit="window", desc="listen") as bar:
        for name, model in models.items():
            for kind in PROMPTS:
                row: dict[str, object] = {"model": name, "prompt": kind}
                for snr_db in SNRS_DB:
                    tally = evaluate(model, material, kind, snr_db, bar.update)
                    at = "clean" if snr_db is None else f"{snr_db:g} dB"
                    row[f"WER % {at}"] = 100 * tally.errors / tally.words
                    row[f"names missed % {at}"] = 100 * tally.missed / tally.names
                rows.append(row)
    report(f"{len(material)} windows", rows, figures(rows), options.json)
    return 0


def windows(language: Language, count: int, seed: int = 17) -> list[Window]:
    """Windows from within bulletins, with previous text."""
    rng = random.Random(f"prompts-{language}-{seed}")
    result: list[Window] = []
    while len(result) < count:
        speech = speak_all(
            bulletin(language, rng, "held-out", 6), draw_voice(language, rng, "held-out"), rng, (0.2, 1.0)
        )
        start_s = rng.uniform(exam.WINDOW_S, max(exam.WINDOW_S, speech.duration_s - exam.WINDOW_S))
        example = exam.window(speech, language, start_s)
        before = [word.text for word in speech.words if word.end_s <= start_s][-_PREVIOUS_WORDS:]
        if example.words:
            words = tuple(word.text for word in example.words)
            result.append(Window(example.audio, language, words, " ".join(before), ()))
    every = sorted({name for window in result for name in window.names})
    others = [[name for name in every if name not in window.names] for window in result]
    return [
        replace(window, others=tuple(rng.sample(absent, min(len(absent), _OTHERS))))
        for window, absent in zip(result, others, strict=True)
    ]


def _with_names(window: Window, elsewhere: Window) -> Prompt:
    hot_words = [*window.names, *window.others[: max(1, len(window.names))]]
    return Prompt(hot_words=tuple(random.Random(window.previous).sample(hot_words, len(hot_words))))


#: Makes the prompt of a window, given another one of the same language.
PROMPTS: Mapping[str, Callable[[Window, Window], Prompt]] = {
    "none": lambda window, elsewhere: NO_PROMPT,
    "previous text": lambda window, elsewhere: Prompt(previous=window.previous),
    "text from elsewhere": lambda window, elsewhere: Prompt(previous=elsewhere.previous),
    "its names among others": _with_names,
    "other names": lambda window, elsewhere: Prompt(hot_words=window.others),
    "its names and previous text": lambda window, elsewhere: replace(
        _with_names(window, elsewhere), previous=window.previous
    ),
}


def evaluate(
    model: Model, material: Sequence[Window], kind: str, snr_db: float | None, progress: Callable[[int], object]
) -> Tally:
    """Errors of a model over all windows, with one kind of prompt."""
    engine, tally = TransformersEngine(model, second_try=SecondTry(beams=1)), Tally()
    for first in range(0, len(material), _BATCH):
        batch = range(first, min(len(material), first + _BATCH))
        utterances = [
            Utterance(
                noisy(material[i], i, snr_db),
                material[i].language,
                prompt=PROMPTS[kind](material[i], _other(material, i)),
            )
            for i in batch
        ]
        for i, matched in zip(batch, engine.transcribe(utterances), strict=True):
            count(tally, material[i], [text for word in matched.likeliest.words for text in normalised(word.text)])
        progress(len(batch))
    return tally


def count(tally: Tally, window: Window, hypothesis: Sequence[str]) -> None:
    """Count errors in one window."""
    truth = [TruthWord(text, 0.0, 0.0, window.language, True) for w in window.words for text in normalised(w)]
    alignment = align(truth, hypothesis)
    errors = alignment.by_language()[window.language]
    tally.words += errors.words
    # Words inserted before the first reference word belong to no language; count them here.
    tally.errors += errors.substituted + errors.deleted + errors.inserted
    tally.errors += sum(len(words) for index, words in alignment.invented if index < 0)
    named = {text for name in window.names for text in normalised(name)}
    for word, matched in zip(truth, alignment.matched, strict=True):
        tally.names += word.text in named
        tally.missed += word.text in named and matched != word.text


def noisy(window: Window, number: int, snr_db: float | None) -> Audio:
    """A window with noise; its kind depends on the window's number."""
    if snr_db is None:
        return window.audio
    kind = noise.KINDS[number % len(noise.KINDS)]
    sound = noise.noise(kind, len(window.audio), np.random.default_rng([17, number]))
    audio = noise.at_snr(window.audio, sound, snr_db)
    return np.asarray(audio / max(1.0, float(np.abs(audio).max())), np.float32)


def _other(material: Sequence[Window], number: int) -> Window:
    """The next window of the same language, from another bulletin."""
    same = [i for i, window in enumerate(material) if window.language == material[number].language]
    return material[same[(same.index(number) + 1) % len(same)]]


def figures(rows: Sequence[Row]) -> dict[str, float]:
    """WER at 10 dB of the taught model, or of the only one, by prompt."""
    last = rows[-1]["model"]
    suffixes = {"none": "nothing", "previous text": "previous", "its names among others": "hot_words"}
    return {
        f"wer_percent_10db_{suffixes[str(row['prompt'])]}": float(str(row["WER % 10 dB"]))
        for row in rows
        if row["model"] == last and row["prompt"] in suffixes
    }


if __name__ == "__main__":
    sys.exit(main())
