"""`python -m benchmarks.precision`: speed and accuracy of DTYPE on a CPU, compared with CTranslate2 (faster-whisper).

For Whisper's real sizes, with random weights: processor time per chunk in batches of four, on one thread, with 24
tokens each; with one chunk per window, and with as many chunks of a recording as fit into a window of 30 s. Then, with
the bundled model: word error rates on held-out sentences and voices.
"""

from __future__ import annotations

import copy
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer
from transformers.utils import logging

from benchmarks.engine_wer import wer_percent
from benchmarks.report import arguments, show
from benchmarks.training.architecture import END, whisper
from demo import exam
from demo.bulletins import LANGUAGES
from trainer.evaluation.normalising import normaliser
from trainer.publishing.publish import to_ctranslate2
from transcriber.engine import Utterance
from transcriber.whisper.greedy import GreedyDecoder
from transcriber.whisper.int8 import quantize
from transcriber.whisper.model import POSITIONS_PER_S, load, shorten
from transcriber.whisper.special_tokens import SpecialTokens
from transcriber.whisper.transformers_engine import TransformersEngine

PRECISIONS = ("float32", "bfloat16", "int8")
PEER = "CTranslate2 int8"
SIZES = ("tiny", "base", "small")
#: Context in seconds, and chunks in it: our short context, and Whisper's own, to which CTranslate2 always pads.
WINDOWS = ((7, 1), (30, 1), (30, 5))
BATCH, TOKENS = 4, 24
DEMO = "demo/model"
#: Sentences in each language.
_FULL, _QUICK = 300, 40

#: Transcribes a batch of features [BATCH, mels, frames], with TOKENS tokens for each chunk.
Transcribe = Callable[[NDArray[np.float32]], object]


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument(
        "--sizes",
        type=lambda text: text.split(","),
        default=list(SIZES),
        help="model sizes, separated by commas (default: tiny,base,small)",
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed (default: %(default)s)")
    parser.add_argument(
        "--sentences", type=int, help=f"sentences of each language for the bundled model (default: {_FULL})"
    )
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    speeds = [row for size in options.sizes[: 1 if options.quick else None] for row in _speeds(size, options.rounds)]
    rates = _rates(options.sentences or (_QUICK if options.quick else _FULL))
    figures = {
        f"{row['size']}_{row['context s']}s_{row['chunks']}_chunks_{name}_percent": 100
        * float(str(row[name]))
        / float(str(row["float32"]))
        for row in speeds
        for name in (*PRECISIONS[1:], PEER)
        if name in row
    }
    figures = {name.replace(" ", "_").lower(): value for name, value in figures.items()}
    title = f"ms per chunk, {TOKENS} tokens, batches of {BATCH}, one thread; figures: percent of float32"
    of_demo = "the bundled model: WER % on held-out sentences and voices"
    show([(title, speeds), (of_demo, rates)], [*speeds, *rates], figures, options.json)
    return 0


def _speeds(size: str, rounds: int) -> list[Mapping[str, object]]:
    torch.manual_seed(0)
    random = whisper(size).eval().requires_grad_(False)
    rows: list[Mapping[str, object]] = []
    for context_s, chunks in WINDOWS:
        transcribers = {name: _ours(random, name, context_s, TOKENS * chunks) for name in PRECISIONS}
        if context_s == max(WINDOWS)[0]:
            transcribers[PEER] = _ctranslate2(random, TOKENS * chunks)
        features = np.random.default_rng(0).standard_normal((BATCH, 80, 100 * context_s), np.float32)
        spent: dict[str, list[float]] = {name: [] for name in transcribers}
        for turn in tqdm(range(rounds + 1), desc=f"{size}, {chunks} in {context_s} s", unit="round", leave=False):
            for name, transcribe in transcribers.items():
                began_s = time.process_time()
                transcribe(features)
                if turn:  # the first round is a warm-up
                    spent[name].append(1000 * (time.process_time() - began_s) / BATCH / chunks)
        window = {"size": size, "context s": context_s, "chunks": chunks}
        rows.append({**window, **{name: median(times) for name, times in spent.items()}})
    return rows


def _ours(random: WhisperForConditionalGeneration, precision: str, context_s: int, written: int) -> Transcribe:
    model = copy.deepcopy(random)
    shorten(model, context_s * POSITIONS_PER_S)
    if precision == "int8":
        quantize(model)
    dtype = torch.float32 if precision == "int8" else getattr(torch, precision)
    torch.nn.Module.to(model, dtype)
    start, no_timestamps = END + 1, END + 106
    tokens = SpecialTokens(start, END, no_timestamps, no_timestamps - 1, suppressed=(END,))
    decode = GreedyDecoder(model, tokens, [(model.config.decoder_layers - 1, 0)])
    prefix = [start, start + 1, END + 102, no_timestamps]

    @torch.inference_mode()
    def transcribe(features: NDArray[np.float32]) -> object:
        states = model.get_encoder()(torch.from_numpy(features).to(dtype)).last_hidden_state
        return decode(states, lambda first: [[prefix]] * len(first), [written] * BATCH)

    return transcribe


def _ctranslate2(random: WhisperForConditionalGeneration, written: int) -> Transcribe:
    """The same weights; the tokens' names differ, but their number is the same."""
    import ctranslate2

    with tempfile.TemporaryDirectory() as folder:
        here, there = Path(folder) / "here", Path(folder) / "there"
        random.save_pretrained(here)
        tokenizer = WhisperTokenizer.from_pretrained(DEMO)
        tokenizer.save_pretrained(here)
        WhisperFeatureExtractor().save_pretrained(here)
        to_ctranslate2(here, there, "int8")
        model = ctranslate2.models.Whisper(str(there), intra_threads=1)
    prefix = ["<|startoftranscript|>", "<|sv|>", "<|transcribe|>", "<|notimestamps|>"]
    # It generates at most half of `max_length`; the other half is reserved for previous text.
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")

    def transcribe(features: NDArray[np.float32]) -> object:
        view = ctranslate2.StorageView.from_array(features)
        results = model.generate(view, [prefix] * BATCH, beam_size=1, max_length=2 * written, suppress_tokens=[end])
        assert all(len(one.sequences_ids[0]) == written for one in results), "both generate the same number of tokens"
        return results

    return transcribe


def _rates(count: int) -> list[Mapping[str, object]]:
    engines = {name: TransformersEngine(load(DEMO, device="cpu", dtype=name)) for name in PRECISIONS}
    rows: list[Mapping[str, object]] = []
    for language in LANGUAGES:
        examples = exam.sentences(language, count, exam.PROMISED_SNR_DB)
        texts = [example.text for example in examples]
        utterances = [Utterance(example.audio, language) for example in examples]
        words = sum(len(normaliser(language)(text).split()) for text in texts)
        row: dict[str, object] = {"language": language, "words": words}
        for name, engine in tqdm(engines.items(), desc=f"written, {language}", unit="precision", leave=False):
            row[name] = wer_percent(engine, utterances, texts)
        rows.append(row)
    return rows


if __name__ == "__main__":
    sys.exit(main())
