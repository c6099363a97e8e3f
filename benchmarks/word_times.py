"""`python -m benchmarks.word_times`: accuracy of word times from cross-attention and from timestamp tokens.

The transcriber uses cross-attention, which needs no extra tokens. Timestamp tokens, here one before and one after each
word, must be learnt and are generated like words: they cost decoder steps, and words. The model that generates them is
fine-tuned from the bundled one the first time (`benchmarks/training/taught.py`; about twenty minutes, stored in
--cache); it is also measured with attention, so that both methods are compared on one model. Windows are held out and
cut anywhere; only the times of correct words are evaluated.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import jiwer
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.alignment import normalised
from benchmarks.report import Row, arguments, report
from benchmarks.training.taught import add_arguments, taught_model
from demo import exam
from demo.bulletins import LANGUAGES
from trainer.examples import Example
from transcriber.engine import Utterance
from transcriber.whisper.greedy import GreedyDecoder
from transcriber.whisper.log_mel import LogMel
from transcriber.whisper.model import Model, load
from transcriber.whisper.second_try import SecondTry
from transcriber.whisper.transformers_engine import TransformersEngine

#: Windows for each language and SNR.
_FULL, _QUICK = 150, 15
SNRS_DB = (None, 10.0)
_BATCH = 8
#: Timestamp resolution in seconds, and maximum number of tokens per window, which fits the bundled model's decoder.
_STEP_S, _MOST_TOKENS = 0.02, 90


@dataclass(frozen=True)
class Timed:
    """A recognised word, normalised, and its estimated time, in seconds."""

    text: str
    start_s: float
    end_s: float


@dataclass
class Tally:
    """Results of one method."""

    words: int = 0
    errors: int = 0
    starts_s: list[float] = field(default_factory=list)
    ends_s: list[float] = field(default_factory=list)
    steps: int = 0
    audio_s: float = 0.0
    elapsed_s: float = 0.0

    def add(self, example: Example, written: Sequence[Timed]) -> None:
        """Add the words recognised in an example."""
        truth = [Timed(text, w.start_s, w.end_s) for w in example.words for text in normalised(w.text)]
        self.audio_s += example.duration_s
        self.words += len(truth)
        if not truth or not written:
            self.errors += len(truth) + len(written)
            return
        found = jiwer.process_words(" ".join(w.text for w in truth), " ".join(w.text for w in written))
        self.errors += found.substitutions + found.deletions + found.insertions
        for part in found.alignments[0]:
            if part.type != "equal":
                continue
            ours = written[part.hyp_start_idx : part.hyp_end_idx]
            for one, other in zip(truth[part.ref_start_idx : part.ref_end_idx], ours, strict=True):
                self.starts_s.append(abs(one.start_s - other.start_s))
                self.ends_s.append(abs(one.end_s - other.end_s))

    def row(self, model: str, way: str, snr_db: float | None) -> dict[str, object]:
        errors_s = np.array(self.starts_s + self.ends_s)
        return {
            "model": model,
            "times by": way,
            "noise": "clean" if snr_db is None else f"{snr_db:g} dB",
            "WER %": 100 * self.errors / self.words,
            "off by, median s": float(np.median(errors_s)),
            "95th percentile s": float(np.percentile(errors_s, 95)),
            "tokens per second": self.steps / self.audio_s,
            "ms per second of audio": 1000 * self.elapsed_s / self.audio_s,
        }


def main(argv: Sequence[str] | None = None) -> int:
    options = add_arguments(arguments(__doc__)).parse_args(argv)
    torch.set_num_threads(1)
    ways: list[tuple[str, str, Model]] = [("bundled", "attention", load("demo/model", device="cpu"))]
    if model := taught_model(options):
        ways += [("taught", "attention", model), ("taught", "timestamps", model)]
    count = _QUICK if options.quick else _FULL
    rows: list[dict[str, object]] = []
    with tqdm(total=len(ways) * len(SNRS_DB) * len(LANGUAGES) * count, unit="window", desc="listen") as bar:
        for snr_db in SNRS_DB:
            examples = [e for language in LANGUAGES for e in exam.windows(language, count, snr_db, seed=13)]
            for name, way, model in ways:
                tally = Tally()
                write = by_attention if way == "attention" else by_timestamps
                for example, written in zip(examples, write(model, examples, tally), strict=True):
                    tally.add(example, written)
                    bar.update()
                rows.append(tally.row(name, way, snr_db))
    report("when words are spoken", rows, figures(rows), options.json)
    return 0


def by_attention(model: Model, examples: Sequence[Example], tally: Tally) -> Iterator[list[Timed]]:
    """As in the transcriber, but without a second try."""
    engine = TransformersEngine(model, second_try=SecondTry(below=-float("inf")))
    for batch in batches(examples):
        began_s = time.perf_counter()
        recognitions = engine.transcribe([Utterance(example.audio, example.language) for example in batch])
        tally.elapsed_s += time.perf_counter() - began_s
        for one in recognitions:
            tally.steps += one.likeliest.tokens
            yield [Timed(text, w.start_s, w.end_s) for w in one.likeliest.words for text in normalised(w.text)]


def by_timestamps(model: Model, examples: Sequence[Example], tally: Tally) -> Iterator[list[Timed]]:
    """With the same decoder, but generating timestamps. It also computes attention, unused; that costs little."""
    tokens = replace(model.tokens, suppressed=(*model.tokens.suppressed, model.tokens.no_timestamps))
    decoder, log_mel = GreedyDecoder(model.whisper, tokens, [(0, 0)]), LogMel(model.mel_filters, model.device)
    for batch in batches(examples):
        began_s = time.perf_counter()
        with torch.inference_mode():
            features = log_mel([example.audio for example in batch], 2 * model.positions)
            states = model.whisper.get_encoder()(features).last_hidden_state
            prefixes = [[tokens.prefix(example.language, "transcribe")[:-1]] for example in batch]
            decoded = decoder(states, partial(_from, prefixes), [_MOST_TOKENS] * len(batch))
        tally.elapsed_s += time.perf_counter() - began_s
        for [one] in decoded:
            tally.steps += len(one.tokens)
            yield list(words_between(model, one.tokens))


def _from(prefixes: list[list[list[int]]], logits: Tensor) -> list[list[list[int]]]:
    return prefixes


def words_between(model: Model, tokens: Sequence[int]) -> Iterator[Timed]:
    """Words between two timestamps; one without an end timestamp has no duration."""
    start_s, text = 0.0, []
    for token in [*tokens, model.tokens.timestamps_from]:
        if token < model.tokens.end:
            text.append(token)
        elif token >= model.tokens.timestamps_from:
            time_s = _STEP_S * (token - model.tokens.timestamps_from)
            for word in normalised(model.tokenizer.decode(text)):
                yield Timed(word, start_s, max(start_s, time_s))
            start_s, text = time_s, []


def batches(examples: Sequence[Example]) -> Iterator[Sequence[Example]]:
    return (examples[first : first + _BATCH] for first in range(0, len(examples), _BATCH))


def figures(rows: Sequence[Row]) -> dict[str, float]:
    """The 95th percentile of each method, without noise."""
    return {
        f"{row['model']}_{row['times by']}_p95_s": float(str(row["95th percentile s"]))
        for row in rows
        if row["noise"] == "clean"
    }


if __name__ == "__main__":
    sys.exit(main())
