"""`python -m benchmarks.keeping`: the cost of storing stations' audio for replay, by codec.

Held-out sentences in chunks of 5 s, each encoded by itself with libsndfile, as in ingest, and decoded; the bundled
model transcribes the decoded and the original audio.

keep_ms           processor time to encode one chunk
kept_kb_per_s     of Redis's memory
kept_wer_percent  of the decoded audio; heard_wer_percent: of the original
hear_minute_ms    processor time to decode a requested minute and encode it as MP3
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from api.audio import FORMATS, write_excerpt
from benchmarks.engine_wer import wer_percent
from benchmarks.report import Row, arguments, report
from demo import exam
from demo.bulletins import LANGUAGES
from ingest.stations.keeping import encode
from transcriber.engine import Utterance
from transcriber.whisper.model import load
from transcriber.whisper.transformers_engine import TransformersEngine
from wire.audio import SAMPLE_RATE_HZ, samples, seconds
from wire.kept_audio import Clip

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
    count = _QUICK if options.quick else _FULL
    examples = [each for language in LANGUAGES for each in exam.sentences(language, count, exam.PROMISED_SNR_DB)]
    material = [(example.audio * 32767).astype("<i2") for example in examples]

    def wer_of(decoded_audio: Sequence[Pcm]) -> float:
        pairs = zip(examples, decoded_audio, strict=True)
        utterances = [Utterance(pcm.astype(np.float32) / np.float32(32768), of.language) for of, pcm in pairs]
        return wer_percent(engine, utterances, [example.text for example in examples])

    original = wer_of(material)
    kept = {}
    for name, code in encoders().items():
        cost, decoded = measure_codec(code, tqdm(material, desc=name, unit="sentence", leave=False))
        kept[name] = {**cost, "WER %": wer_of(decoded)}
    figures = {
        "keep_ms": kept[OURS]["ms per chunk"],
        "kept_kb_per_s": kept[OURS]["kB per second"],
        "kept_wer_percent": kept[OURS]["WER %"],
        "heard_wer_percent": original,
        "hear_minute_ms": minute_ms(material),
    }
    rows: list[Row] = [{"coding": "as it came", "WER %": original}]
    rows += [{"coding": name, **row} for name, row in kept.items()]
    report(f"{len(material)} sentences in chunks of {CHUNK_S:g} s", rows, figures, options.json)
    return 0


def encoders() -> dict[str, Callable[[bytes], bytes]]:
    """Functions that encode PCM, ours first."""

    def encoder(container: str, coding: str) -> Callable[[bytes], bytes]:
        def code(pcm: bytes) -> bytes:
            file = io.BytesIO()
            with soundfile.SoundFile(file, "w", SAMPLE_RATE_HZ, 1, format=container, subtype=coding) as audio:
                audio.buffer_write(pcm, "int16")
            return file.getvalue()

        return code

    return {OURS: encode, **{name: encoder(*how) for name, how in PEERS.items()}}


def measure_codec(code: Callable[[bytes], bytes], material: Iterable[Pcm]) -> tuple[dict[str, float], list[Pcm]]:
    """The cost of a codec, and the decoded audio."""
    spent_ms: list[float] = []
    n_bytes, n_samples, kept = 0, 0, []
    for pcm in material:
        decoded = []
        for chunk in chunked(pcm):
            began_s = time.process_time()
            file = code(chunk.tobytes())
            if len(chunk) == samples(CHUNK_S):
                spent_ms.append(1000 * (time.process_time() - began_s))
            n_bytes += len(file)
            decoded.append(soundfile.read(io.BytesIO(file), dtype="int16")[0])
        n_samples += len(pcm)
        kept.append(np.concatenate(decoded))
    return {"ms per chunk": median(spent_ms), "kB per second": n_bytes / seconds(n_samples) / 1000}, kept


def chunked(pcm: Pcm) -> list[Pcm]:
    """Split PCM into pieces of 5 s; the last one may be shorter."""
    return np.split(pcm, range(samples(CHUNK_S), len(pcm), samples(CHUNK_S)))


def minute_ms(speech: Sequence[Pcm]) -> float:
    """Processor time of `GET /stations/ID/audio.mp3` for a minute of speech, without Redis."""
    whole = np.concatenate(list(speech))[: samples(MINUTE_S)]
    kept = [Clip(n * CHUNK_S, len(chunk), encode(chunk.tobytes())) for n, chunk in enumerate(chunked(whole))]
    spent_ms = []
    for _ in range(9):
        began_s = time.process_time()
        write_excerpt(io.BytesIO(), FORMATS["mp3"], kept, 0.0, len(whole))
        spent_ms.append(1000 * (time.process_time() - began_s))
    return median(spent_ms)


if __name__ == "__main__":
    sys.exit(main())
