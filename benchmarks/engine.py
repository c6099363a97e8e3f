"""`python -m benchmarks.engine`: time to transcribe a 5 s chunk on this device, by batch size and stage.

Times are for one worker with one thread. On a CPU they are processor time, so that other load on the machine does not
count; a core can serve as many stations as it can transcribe chunks in 5 s.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.report import arguments, report
from demo.bulletins import LANGUAGES, Language, endless
from demo.voices import draw_voice, speak_all
from transcriber.engine import Utterance
from transcriber.whisper.model import load
from transcriber.whisper.transformers_engine import TransformersEngine

#: New audio of a chunk, and its lead, in seconds.
CHUNK_S, LEAD_S = 5.0, 2.0

SAMPLE_RATE_HZ = 16_000
BATCH_SIZES = (1, 4, 8)
_FULL, _QUICK = 24, 8


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--model", default="demo/model", help="a checkpoint's folder or hub id (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto: a GPU if there is one (default)")
    parser.add_argument(
        "--language", default="sv", choices=LANGUAGES, help="language of the chunks (default: %(default)s)"
    )
    parser.add_argument("--detect", action="store_true", help="let the engine detect the language")
    options = parser.parse_args(argv)
    language = None if options.detect else options.language
    torch.set_num_threads(1)
    stages: Counter[str] = Counter()
    engine = TransformersEngine(load(options.model, device=options.device), lambda stage, s: stages.update({stage: s}))
    chunks = _chunks(options.language, _QUICK if options.quick else _FULL)
    rows: list[dict[str, object]] = []
    figures: dict[str, float] = {}
    engine.transcribe([Utterance(chunks[0], language)])
    for size in BATCH_SIZES:
        stages.clear()
        began_s, tokens, texts = _clock(engine), 0, 0
        for first in tqdm(range(0, len(chunks), size), unit="batch", desc=f"batches of {size}", leave=False):
            results = engine.transcribe([Utterance(audio, language) for audio in chunks[first : first + size]])
            tokens += sum(one.likeliest.tokens for one in results)
            texts += sum(len(one.hypotheses) for one in results)
        chunk_s = (_clock(engine) - began_s) / len(chunks)
        whole_s = sum(stages.values())
        row: dict[str, object] = {
            "batch": size,
            "ms per chunk": 1000 * chunk_s,
            "tokens per chunk": tokens / len(chunks),
        }
        rows.append({**row, **{f"{stage} %": 100 * spent_s / whole_s for stage, spent_s in stages.items()}})
        figures[f"chunk_ms_batch_{size}"] = 1000 * chunk_s
    figures["texts_per_chunk"] = texts / len(chunks)  # more than 1 if the language is in doubt
    figures["stations_per_worker"] = CHUNK_S / (figures[f"chunk_ms_batch_{BATCH_SIZES[-1]}"] / 1000)
    title = f"{engine.name} on {engine.device}, {engine.context_s:g} s of context: one {CHUNK_S:g} s chunk"
    report(title, rows, figures, options.json)
    return 0


def _clock(engine: TransformersEngine) -> float:
    return time.process_time() if engine.device == "cpu" else time.perf_counter()


def _chunks(language: Language, count: int) -> list[NDArray[np.float32]]:
    """Windows of bulletins in several voices, as ingest cuts them."""
    samples = round((CHUNK_S + LEAD_S) * SAMPLE_RATE_HZ)
    rng, texts = random.Random(1), endless(language, 1)
    chunks: list[NDArray[np.float32]] = []
    while len(chunks) < count:
        voice = draw_voice(language, rng, "held-out")
        speech = speak_all([next(texts) for _ in range(8)], voice, rng, (0.2, 1.0))
        audio = (speech.audio / 32768).astype(np.float32)
        chunks += [audio[start : start + samples] for start in range(0, len(audio) - samples, samples)]
    return chunks[:count]


if __name__ == "__main__":
    sys.exit(main())
