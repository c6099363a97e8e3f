"""`python -m trainer prepare`: prepare a corpus on disk from releases, manifests, folders and data sets."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer.errors import PlanError

HELP = "prepare a corpus from recordings and their transcripts"
EXAMPLES = """\
a source is one of
  a Common Voice release  a folder with clips/ and train.tsv, dev.tsv, test.tsv, validated.tsv; for spontaneous speech,
                          with audios/ and ss-corpus-LANGUAGE.tsv
  a manifest              .csv, .tsv or .jsonl with the columns path and text, and optionally language, speaker, accent,
                          gender, age, split, previous, segments; and start and end (in seconds; or start_ms and end_ms,
                          or offset and duration) for clips that are parts of a file. The column names of Common Voice,
                          NeMo and others are also accepted
  a folder                recordings, each with its transcript beside it: the .json of captions corrected on the page,
                          a .vtt, .srt or .sbv (all of these are cut into clips between cues), or a .txt; if there are
                          several, the first of these is read. Transcripts may be in separate folders under the same
                          names. For recordings without one, lists in the folder are read: a manifest (such as
                          metadata.csv of audiofolder), lines of name and text (LJSpeech, LibriSpeech, MLS), or Kaldi's
                          wav.scp and text
  a Hugging Face dataset  a hub id, a downloaded folder (Parquet), or one written by save_to_disk
                          (pip install 'undertext[datasets]')

options of a source, written after it
  weight=2     its share of training relative to the other sources (default: 1)
  language=sv  the language of clips for which the source does not say one
  name=radio   the prefix of its clips' ids (default: made from its path)
  speech=no    its recordings contain no speech: the model learns to write nothing
  lists=train,dev,test,other   the lists of a Common Voice release to read (default: test,dev,train,validated)
  text=words   the transcript column of a manifest or Hugging Face dataset
  config=sv_se   the configuration of a Hugging Face dataset
  speaker=folder   each folder of the source is one speaker: recordings/anna/1.wav, recordings/bo/1.wav (or, with
                   splits, recordings/train/anna/1.wav). By default each recording is its own speaker
  corrected=only   of captions (.json), use only those that a person corrected or marked as right, not those that were
                   merely read. Other transcripts (.vtt, .srt, .sbv, .txt) do not say who wrote them, and are used; a
                   source without captions is refused

examples
  python -m trainer prepare --source cv-corpus/sv-SE --out corpora/sv
  python -m trainer prepare --source recordings speaker=folder --language sv --out corpora/mine
  python -m trainer prepare --source cv-corpus/sv-SE weight=2 --source interviews language=sv \\
      --source google/fleurs config=sv_se --source jingles speech=no --out corpora/mixed

An interrupted run resumes with the same command. OUT/report.html describes the corpus, and OUT/dropped.jsonl lists
every dropped clip with its reason.
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        nargs="+",
        action="append",
        required=True,
        metavar=("PATH", "KEY=VALUE"),
        help="a source with its options (see below); repeat it to mix several",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the corpus to write")
    parser.add_argument("--language", default="", help="language of clips whose source does not declare one")
    parser.add_argument(
        "--text",
        choices=("clean", "keep"),
        default="clean",
        help="clean: normalize spaces, quotes and dashes (default); keep: leave as is",
    )
    parser.add_argument(
        "--splits",
        choices=("disjoint", "release", "speaker", "clip"),
        default="disjoint",
        help="disjoint: the source's own, with each speaker moved to one split (default); release: the source's own, "
        "unchanged; speaker: new ones, by speaker; clip: new ones, by clip, for a corpus and model of a single speaker",
    )
    parser.add_argument(
        "--dev",
        type=float,
        default=5.0,
        metavar="PERCENT",
        help="share of clips in dev, if that split is new (default: 5)",
    )
    parser.add_argument(
        "--test",
        type=float,
        default=5.0,
        metavar="PERCENT",
        help="share of clips in test, if that split is new (default: 5)",
    )
    parser.add_argument(
        "--max-readings",
        type=int,
        default=0,
        metavar="N",
        help="maximum number of clips with the same text by the same speaker (default: no limit)",
    )
    parser.add_argument("--max-s", type=float, default=30.0, help="maximum duration of a clip in seconds (default: 30)")
    parser.add_argument("--min-s", type=float, default=0.1, help="minimum duration of a clip in seconds (default: 0.1)")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="decoding processes (default: one per core)"
    )
    parser.add_argument("--again", action="store_true", help="replace the corpus in FOLDER")


def run(options: argparse.Namespace) -> int:
    from trainer.corpus.drops import DROPPED_NAME, Limits, Reason
    from trainer.corpus.prepare import Plan, prepare
    from trainer.corpus.splits import Shares
    from trainer.reports.corpus import notes, show, write_report
    from trainer.terminal import console as this_console

    if not 0 <= options.min_s < options.max_s <= 30:
        raise PlanError(
            "--min-s must be at least 0 and less than --max-s, which is at most 30, the length of Whisper's window"
        )
    if not min(options.dev, options.test, options.max_readings) >= 0:
        raise PlanError("--dev, --test and --max-readings must not be negative")
    if options.dev + options.test >= 100:
        raise PlanError(f"--dev {options.dev:g} and --test {options.test:g} leave nothing to train on")
    plan = Plan(
        sources=tuple(source(words) for words in options.source),
        out=options.out,
        language=options.language,
        text=options.text,
        splits=options.splits,
        shares=Shares(options.dev, options.test),
        max_readings=options.max_readings,
        limits=Limits(min_s=options.min_s, max_s=options.max_s),
        processes=options.processes,
    )
    prepared = prepare(plan, options.again)
    report = write_report(prepared.corpus, prepared.dropped)
    console = this_console()
    show(prepared.corpus, prepared.dropped, console)
    for note in notes(prepared.corpus) if prepared.corpus.clips else ():
        console.print(f"! {note}", markup=False, highlight=False)
    if prepared.elapsed_s:
        console.print(f"{prepared.hours_per_minute:.1f} hours of audio prepared a minute", highlight=False)
    console.print(f"{options.out}: {report}", markup=False, highlight=False, soft_wrap=True)
    if not prepared.corpus.clips:
        no_text = prepared.dropped[Reason.NO_TEXT]
        hint = "; a transcript is beside its recording, or in a list (--help)" if no_text else ""
        raise PlanError(f"no clips are left: {options.out / DROPPED_NAME} says why each was dropped{hint}")
    return 0


def source(words: list[str]) -> Any:
    """Parse the words of one --source.

    Raises:
        PlanError: a word is not a valid option of a source.
    """
    from trainer.corpus.sources.candidate import Source

    path, *rest = words
    values: dict[str, Any] = {}
    for word in rest:
        key, equals, value = word.partition("=")
        if not equals or key not in _KEYS:
            hint = "" if equals else f"; for another source, write --source {word}"
            options = ", ".join(f"{key}=" for key in _KEYS)
            raise PlanError(f"{word!r} after --source {path} is none of {options}{hint}")
        try:
            values[key] = _KEYS[key](value)
        except (KeyError, ValueError) as error:
            allowed = {"weight": "a number above 0", "speech": "yes or no", "speaker": "folder", "corrected": "only"}[
                key
            ]
            raise PlanError(f"{word!r} after --source {path}: {key} is {allowed}") from error
    return Source(path, **values)


def _weight(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise ValueError(text)
    return value


def _speech(text: str) -> bool:
    return {"yes": True, "no": False}[text]


def _exactly(word: str) -> Callable[[str], str]:
    return {word: word}.__getitem__


def _lists(text: str) -> tuple[str, ...]:
    return tuple(name.strip().removesuffix(".tsv") for name in text.split(",") if name.strip())


_KEYS: dict[str, Any] = {
    "weight": _weight,
    "language": str,
    "name": str,
    "speech": _speech,
    "lists": _lists,
    "config": str,
    "text": str,
    "speaker": _exactly("folder"),
    "corrected": _exactly("only"),
}
