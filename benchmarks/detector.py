"""`python -m benchmarks.detector`: accuracy and cost of ingest's speech detector.

Sounds are cut into chunks and classified as in ingest. `--audio FOLDER` adds rows for recordings.

speech_withheld_percent
    Share of the speech time that no transcriber would receive: it is in chunks without audio, or before the audio that
    is sent of a chunk, and not in the next chunk's lead either. Mean over all rows except those of lone words.
lone_words_withheld_percent
    The same for single words of a third of a second with many seconds of noise or music around them.
false_chunks_per_hour
    Chunks without speech that would be transcribed, per hour of music, noise and silence. Recordings are counted
    separately (recorded_false_chunks), because they are too short for a rate.
chunk_ms, frame_by_frame_ms
    Processor time of one chunk, in our implementation and with one call of the model per frame.
probability_difference
    Largest difference between the two in any frame.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.report import arguments, report
from benchmarks.sounds import Sound, disturbed, radio, readers, recordings, speechless
from ingest.chunker import Chunker
from ingest.settings import Settings
from ingest.speech.silero import FRAME_SAMPLES, Memory, Silero
from ingest.speech.speech_detector import SpeechDetector
from wire.audio import samples, seconds
from wire.chunk import Chunk

_LONE = "lone words"
#: Seconds of radio, seconds of each sound without speech, and number of readers.
_FULL, _QUICK = (1800, 600, 48), (240, 60, 10)


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--audio", type=Path, metavar="FOLDER", help="also evaluate these recordings")
    parser.add_argument(
        "--threshold", type=float, default=Settings().vad_threshold, help="VAD_THRESHOLD (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    radio_s, other_s, voices = _QUICK if options.quick else _FULL
    model = Silero()
    with_speech = [radio(radio_s), *disturbed(readers(voices)), *disturbed(readers(voices, lone_words=True))]
    without: list[Sound] = list(speechless(other_s))
    recorded: list[Sound] = []
    if options.audio is not None:
        speech, recorded = recordings(options.audio)
        with_speech += list(disturbed(speech)) if speech is not None else []
    rows = [
        _row(sound, model, options.threshold)
        for sound in tqdm([*with_speech, *without, *recorded], unit="sound", leave=False)
    ]
    figures = _figures(rows, {sound.name for sound in without}) | _cost(model, with_speech[0])
    report("Speech withheld, and chunks without speech that are let through", rows, figures, options.json)
    return 0


def _row(sound: Sound, model: Silero, threshold: float) -> dict[str, object]:
    judged = judge(sound, model, threshold)
    row: dict[str, object] = {"sound": sound.name, "minutes": len(sound.audio) / samples(60)}
    if sound.speech:
        return row | {"withheld %": 100 * withheld(sound, judged)}
    let_through = sum(bool(chunk.pcm) for chunk in judged)
    return row | {"let through": let_through, "of chunks": len(judged)}


def judge(sound: Sound, model: Silero, threshold: float) -> list[Chunk]:
    """The chunks of a sound, as ingest sends them to transcribers."""
    settings = Settings()
    chunker, detector = Chunker(settings.chunk_samples, settings.lead_samples), SpeechDetector(model, threshold)
    pcm = np.clip(np.round(sound.audio * 32768), -32768, 32767).astype("<i2").tobytes()
    chunks = []
    for piece in [*chunker.feed(pcm), chunker.finish()]:
        if piece.n_samples:
            content = detector(piece.new_pcm)
            onset = detector.onset_samples
            chunks.append(piece.chunk(sound.name, epoch=1, origin_s=0.0, content=content, onset_samples=onset))
    return chunks


def withheld(sound: Sound, judged: Sequence[Chunk]) -> float:
    """The share of the speech time that is in no chunk that is sent, including its lead."""
    spoken = np.zeros(len(sound.audio), bool)
    for start_s, end_s in sound.speech:
        spoken[samples(start_s) : samples(end_s)] = True
    unheard = spoken.copy()
    for chunk in judged:
        if chunk.pcm:
            unheard[samples(chunk.transcribed_from_s) : samples(chunk.end_s)] = False
    return float(unheard.sum() / spoken.sum())


def _figures(rows: Sequence[dict[str, object]], synthetic: set[str]) -> dict[str, float]:
    shares = {str(row["sound"]): float(str(row["withheld %"])) for row in rows if "withheld %" in row}
    passed = {str(row["sound"]): int(str(row["let through"])) for row in rows if "let through" in row}
    hours = sum(float(str(row["minutes"])) for row in rows if row["sound"] in synthetic) / 60
    figures = {
        "speech_withheld_percent": float(np.mean([share for name, share in shares.items() if _LONE not in name])),
        "lone_words_withheld_percent": float(np.mean([share for name, share in shares.items() if _LONE in name])),
        "false_chunks_per_hour": sum(count for name, count in passed.items() if name in synthetic) / hours,
    }
    if passed.keys() - synthetic:
        figures["recorded_false_chunks"] = sum(count for name, count in passed.items() if name not in synthetic)
    return figures


def _cost(model: Silero, sound: Sound) -> dict[str, float]:
    chunk_samples = Settings().chunk_samples
    audio = sound.audio[: 24 * chunk_samples]
    pcm = (audio * 32767).astype("<i2").tobytes()
    step = 2 * chunk_samples
    detector = SpeechDetector(model, 0.5)
    began_s = time.process_time()
    for start in range(0, len(pcm), step):
        detector(pcm[start : start + step])
    ours_s, began_s = time.process_time() - began_s, time.process_time()
    memory, single = Memory(), []
    for start in range(0, len(audio), FRAME_SAMPLES):
        probability, memory = model(audio[start : start + FRAME_SAMPLES], memory)
        single.append(probability)
    single_s = time.process_time() - began_s
    memory, together = Memory(), []
    for start in range(0, len(audio), 150 * FRAME_SAMPLES):
        probability, memory = model(audio[start : start + 150 * FRAME_SAMPLES], memory)
        together.append(probability)
    chunks = seconds(len(audio)) / seconds(chunk_samples)
    return {
        "chunk_ms": 1000 * ours_s / chunks,
        "frame_by_frame_ms": 1000 * single_s / chunks,
        "probability_difference": float(np.abs(np.concatenate(single) - np.concatenate(together)).max()),
    }


if __name__ == "__main__":
    sys.exit(main())
