"""`python -m benchmarks.captions`: accuracy and latency of live captions, ours and those of other methods.

Programmes of at least --minutes in each language, with known times of every word, and one without speech, twice as
long, are captioned by the code of ingest and transcriber in one process, and by other methods with the same model. Word
errors are counted over all captions of the programmes with speech, in lower case without punctuation, including false
captions; a penalty is the difference to the error rate of the same model on whole sentences. Times are those of the
programme plus the processor time of a window, so that the load of the machine does not matter.
benchmarks/captions/judge.py defines lost, doubled, cut and false.

wer_percent, whole_wer_percent        of live captions, and of the same model on whole sentences
seam_penalty_points, naive_penalty_points, localagreement_penalty_points
border_words_lost_per_10k, border_words_doubled_per_10k, border_words_cut_per_10k
                                      per 10,000 chunk borders with speech on both sides, with the model
seam_border_words_lost_per_10k, …     the same with a recogniser that makes no errors, so due to the seam alone
word_time_error_p50_s, _p95_s         of beginnings and ends of correct words
decoded_audio_ratio                   decoded audio, divided by the audio of the chunks; with a viewer, and
                                      (unwatched_…) without one
false_captions_per_hour               of music, noise and silence
speech_withheld_percent               of the time of spoken words
first_shown_p50_s, _p95_s             from a word's end to its first caption; final_p50_s, _p95_s: to its final one
turning_wer_percent, turning_mislabelled_percent
                                      for alternating Swedish and English, one to three sentences each, with the
                                      language to be detected; words in captions labelled with the wrong language;
                                      turning_whole_wer_percent: for whole sentences, with the language to be detected
revisions_per_word                    how often a shown word is replaced or withdrawn, per final word
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from benchmarks.captions import rows, script
from benchmarks.captions.judge import NOBODY, Tally, judge, written
from benchmarks.captions.local_agreement import local_agreement
from benchmarks.captions.peers import whole_sentences, windows
from benchmarks.captions.pipeline import follow, ours
from benchmarks.captions.programme import Programme, programme, quiet, turning
from benchmarks.captions.recordings import detect, recordings
from benchmarks.captions.run import Meter, Run, one_thread
from benchmarks.report import arguments, show
from demo.bulletins import LANGUAGES
from ingest.settings import Settings
from transcriber.grouping import max_chunks
from transcriber.whisper.model import load
from transcriber.whisper.transformers_engine import TransformersEngine

#: Length of the programme without speech, relative to the others: false captions are rare.
QUIET_TIMES = 2
#: Minutes of each language, and borders for the perfect recogniser.
FULL_MINUTES, QUICK_MINUTES = 30.0, 3.0
FULL_BORDERS, QUICK_BORDERS = 10_000, 1_000

#: Variable with the folder of recordings (in its subfolder `clips`) that is used without --audio.
SPEECH_VARIABLE = "UNDERTEXT_SPEECH"

Method = Callable[[Programme, Meter], Run]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the measurement, and print or write the results."""
    options = _options(argv)
    minutes = options.minutes if options.minutes is not None else QUICK_MINUTES if options.quick else FULL_MINUTES
    one_thread()
    meter = Meter(TransformersEngine(load(options.model, device=options.device)))
    tables: list[tuple[str, list[rows.Row]]] = []
    found: list[rows.Row] = []
    figures: dict[str, float] = {}
    if minutes:
        borders = QUICK_BORDERS if options.quick else FULL_BORDERS
        tallies = measure(meter, minutes, borders, options.seed, detected=options.detect_language)
        found = rows.table_rows(tallies)
        title = (
            f"{meter.name}, {len(LANGUAGES)} x {minutes:g} min: WER, and its difference to that of whole sentences;"
            f" words lost, doubled and cut per 10,000 borders ({tallies[rows.OURS].borders} of ours: one word is"
            f" {tallies[rows.OURS].per_10k(1) or 0:.0f}); decoded audio, relative to that of the chunks"
        )
        tables = [(title, rows.columns(found, rows.WORDS))]
        tables.append(("Seconds; share of revised words; false captions", rows.columns(found, rows.TIMES)))
        tables.append(("WER % by condition", rows.columns(found, rows.DISTURBED)))
        figures = rows.figures_of(tallies)
        turned = measure_turning(meter, minutes, options.seed)
        tables.append(("sv and en in turn, 1 to 3 sentences each, language detected", rows.turning_rows(turned)))
        figures |= rows.turning_figures(turned)
    if options.audio:
        try:
            detected, more = detect(recordings(options.audio), meter)
        except OSError as error:
            print(f"captions: {error}", file=sys.stderr)
            return 1
        tables.append((f"Speech detection in {options.audio}", detected))
        found, figures = [*found, *detected], figures | more
    show(tables, found, figures, options.json)
    return 0


def measure(meter: Meter, minutes: float, borders: int, seed: int = 1, *, detected: bool = False) -> dict[str, Tally]:
    """Caption every programme with every method; results by the name of the row."""
    tallies: dict[str, Tally] = {}
    methods = _methods(meter, detected)
    with tqdm(total=(len(LANGUAGES) + 1) * len(methods) + 1, unit="run", desc="captions", leave=False) as bar:
        for language in LANGUAGES:
            told = programme(language, minutes, seed)
            whole = methods[rows.WHOLE](told, meter)
            known = written(told, whole)
            for name, method in methods.items():
                bar.set_description(f"{language}: {name}")
                _add(tallies, name, judge(told, whole if name == rows.WHOLE else method(told, meter), known))
                bar.update()
        silent = quiet(QUIET_TIMES * minutes, seed)
        for name, method in methods.items():
            if name != rows.WHOLE:
                bar.set_description(f"{NOBODY}: {name}")
                _add(tallies, name, judge(silent, method(silent, meter)))
            bar.update()
        bar.set_description(rows.PERFECT)
        for each in script.sources(borders, seed):
            for row, context_s in {rows.PERFECT: 0.0, rows.PERFECT_WAITING: 30.0}.items():
                heard = follow(each, partial(script.perfect, each, seed), None, context_s=context_s)
                _add(tallies, row, judge(each, heard))
        bar.update()
    return tallies


def measure_turning(meter: Meter, minutes: float, seed: int = 1) -> dict[str, Tally]:
    """Caption a programme with frequent changes of language."""
    told = turning(minutes, seed)
    methods = _methods(meter, detected=True)
    chosen = [name for name in (rows.OURS, rows.UNWATCHED, rows.WAITING, rows.NAIVE, rows.WHOLE) if name in methods]
    return {name: judge(told, methods[name](told, meter)) for name in tqdm(chosen, "turning", leave=False, unit="run")}


def _methods(meter: Meter, detected: bool) -> dict[str, Method]:
    """Every method that uses the model, by the name of its row."""
    settings, context_s = Settings(), meter.context_s
    # If only one chunk fits into the context, waiting chunks are decoded like all others.
    several = max_chunks(context_s, settings.chunk_s, settings.lead_s) > 1
    waiting = {rows.WAITING: partial(ours, detected=detected, waiting=True)} if several else {}
    return {
        rows.OURS: partial(ours, detected=detected),
        rows.UNWATCHED: partial(ours, detected=detected, watched=False),
        **waiting,
        rows.NAIVE: partial(windows, length_s=min(settings.chunk_s, context_s)),
        f"{context_s:g} s windows": partial(windows, length_s=context_s),
        rows.AGREEMENT: local_agreement,
        rows.WHOLE: whole_sentences,
    }


def _add(tallies: dict[str, Tally], name: str, tally: Tally) -> None:
    tallies[name] = tallies.get(name, Tally()) + tally


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = arguments(__doc__)
    speech = os.environ.get(SPEECH_VARIABLE)
    parser.add_argument("--model", default="demo/model", help="a checkpoint's folder or hub id (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto: a GPU if there is one (default)")
    parser.add_argument("--minutes", type=float, help="audio in each language (default: 30); 0 skips the programmes")
    parser.add_argument("--seed", type=int, default=1, help="seed of the programmes (default: %(default)s)")
    parser.add_argument("--detect-language", action="store_true", help="let ours detect the language")
    parser.add_argument(
        "--audio",
        type=Path,
        metavar="FOLDER",
        help=f"recordings, with or without a SOURCES.tsv (default: clips in the folder that {SPEECH_VARIABLE} names,"
        " but not with --quick)",
    )
    options = parser.parse_args(argv)
    if options.audio is None and speech and not options.quick:
        options.audio = Path(speech) / "clips"
    return options


if __name__ == "__main__":
    sys.exit(main())
