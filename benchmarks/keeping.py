"""`python -m benchmarks.keeping`: what it costs to keep what stations say, to be heard again, by ways to code it.

Held-out sentences in chunks of 5 s, each coded for itself by libsndfile, as ingest does it, and decoded; the bundled
model hears what was kept, and what came.

keep_ms           processor time of one chunk, coded
kept_kb_per_s     of Redis's memory
kept_wer_percent  of what was kept; heard_wer_percent: of what came
hear_minute_ms    processor time of a minute that is asked for, decoded and written as MP3
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from api.audio import FORMATS, write
from benchmarks.report import Row, arguments, report
from demo import exam
from demo.bulletins import LANGUAGES, Language
from ingest.keeping import encode
from trainer.evaluation.normalising import normaliser
from trainer.evaluation.scoring import total, word_scores
from transcriber.engine import Utterance
from transcriber.model import load
from transcriber.transformers_engine import TransformersEngine
from wire.audio import SAMPLE_RATE_HZ, samples
from wire.kept_audio import Stretch

DEMO = "demo/model"
CHUNK_S, MINUTE_S = 5.0, 60.0
#: Sentences in each language.
_FULL, _QUICK = 300, 30
OURS = "OGG VORBIS"
PEERS = {"OGG OPUS": ("OGG", "OPUS"), "MP3": ("MP3", "MPEG_LAYER_III"), "FLAC": ("FLAC", "PCM_16")}

Pcm = NDArray[np.int16]


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(__doc__).parse_args(argv)
    torch.set_num_threads(1)
    engine = TransformersEngine(load(DEMO, device="cpu", dtype="float32"))
    material = list(sentences(_QUICK if options.quick else _FULL))
    rows: list[Row] = [{"coding": "as it came", "WER %": wer_percent(engine, material, [pcm for *_, pcm in material])}]
    for name, code in codings().items():
        rows.append({"coding": name, **judged(engine, name, code, material)})
    heard, ours = rows[0], rows[1]
    figures = {
        "keep_ms": float(str(ours["ms a chunk"])),
        "kept_kb_per_s": float(str(ours["kB a second"])),
        "kept_wer_percent": float(str(ours["WER %"])),
        "heard_wer_percent": float(str(heard["WER %"])),
        "hear_minute_ms": minute_ms([pcm for *_, pcm in material]),
    }
    report(f"{len(material)} sentences in chunks of {CHUNK_S:g} s", rows, figures, options.json)
    return 0


def sentences(count: int) -> Sequence[tuple[Language, str, Pcm]]:
    """Language, text and 16 kHz audio of held-out sentences."""
    return [
        (language, example.text, (example.audio * 32767).astype("<i2"))
        for language in LANGUAGES
        for example in exam.sentences(language, count, exam.PROMISED_SNR_DB)
    ]


def codings() -> dict[str, Callable[[bytes], bytes]]:
    """Ours first: what makes a file of PCM."""

    def peer(container: str, coding: str) -> Callable[[bytes], bytes]:
        def code(pcm: bytes) -> bytes:
            file = io.BytesIO()
            with soundfile.SoundFile(file, "w", SAMPLE_RATE_HZ, 1, format=container, subtype=coding) as audio:
                audio.buffer_write(pcm, "int16")
            return file.getvalue()

        return code

    return {OURS: encode, **{name: peer(*how) for name, how in PEERS.items()}}


def judged(
    engine: TransformersEngine, name: str, code: Callable[[bytes], bytes], material: Sequence[tuple[Language, str, Pcm]]
) -> dict[str, object]:
    """What a coding costs, and what is heard behind it."""
    spent_ms: list[float] = []
    n_bytes, kept = 0, []
    for *_, pcm in tqdm(material, desc=name, unit="sentence", leave=False):
        decoded = []
        for chunk in np.split(pcm, range(samples(CHUNK_S), len(pcm), samples(CHUNK_S))):
            began_s = time.process_time()
            file = code(chunk.tobytes())
            if len(chunk) == samples(CHUNK_S):
                spent_ms.append(1000 * (time.process_time() - began_s))
            n_bytes += len(file)
            decoded.append(soundfile.read(io.BytesIO(file), dtype="int16")[0])
        kept.append(np.concatenate(decoded))
    duration_s = sum(len(pcm) for *_, pcm in material) / SAMPLE_RATE_HZ
    rate = n_bytes / duration_s / 1000
    return {"ms a chunk": median(spent_ms), "kB a second": rate, "WER %": wer_percent(engine, material, kept)}


def wer_percent(
    engine: TransformersEngine, material: Sequence[tuple[Language, str, Pcm]], heard: Sequence[Pcm]
) -> float:
    """The word error rate of the bundled model, over all languages."""
    said, written = [], []
    for (language, text, _), pcm in tqdm(list(zip(material, heard, strict=True)), desc="hear", leave=False):
        utterance = Utterance(pcm.astype(np.float32) / np.float32(32768), language)
        [answer] = engine.transcribe([utterance])
        normalise = normaliser(language)
        said.append(normalise(text))
        written.append(normalise(" ".join(word.text for word in answer.likeliest.words)))
    scores, _ = word_scores(said, written)
    return total(scores).wer_percent


def minute_ms(speech: Sequence[Pcm]) -> float:
    """Processor time of `GET /stations/ID/audio.mp3` for a minute of speech, without Redis."""
    whole = np.concatenate(list(speech))[: samples(MINUTE_S)]
    chunks = np.split(whole, range(samples(CHUNK_S), len(whole), samples(CHUNK_S)))
    kept = [Stretch(n * CHUNK_S, len(chunk), encode(chunk.tobytes())) for n, chunk in enumerate(chunks)]
    spent_ms = []
    for _ in range(9):
        began_s = time.process_time()
        write(io.BytesIO(), FORMATS["mp3"], kept, 0.0, len(whole))
        spent_ms.append(1000 * (time.process_time() - began_s))
    return median(spent_ms)


if __name__ == "__main__":
    sys.exit(main())
