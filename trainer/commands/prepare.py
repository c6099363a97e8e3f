"""`python -m trainer prepare`: releases, manifests, folders and data sets become one corpus on disk."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer.errors import PlanError

HELP = "recordings and what is said in them become a corpus"
EXAMPLES = """\
a source is one of
  a release of Common Voice   a folder with clips/ and train.tsv, dev.tsv, test.tsv, validated.tsv; or, of spontaneous
                              speech, with audios/ and ss-corpus-LANGUAGE.tsv
  a manifest                  .csv, .tsv or .jsonl: path and text; if known, language, speaker, accent, gender, age,
                              split, previous, segments; start and end of a part of the file in seconds (or start_ms,
                              end_ms; or offset and duration). Common Voice's, NeMo's and others' names for these, too
  a folder                    recordings, beside each what is said: the .json of captions that were corrected on the
                              page, a .vtt, .srt or .sbv (these are cut into clips between cues), or a .txt; where
                              there are several, the first of these is read. Texts may lie in folders of their own,
                              under the same names. Where none is of a recording, a list in the folder may say it: a
                              manifest (as metadata.csv of audiofolder), or lines with name and text (LJSpeech,
                              LibriSpeech, MLS), or Kaldi's wav.scp and text
  a data set of Hugging Face  an id on the hub, or a folder that was downloaded (Parquet), or that save_to_disk wrote
                              (pip install 'undertext[datasets]')

words after it say what it cannot
  weight=2     how much of training it shall be, beside the others
  language=sv  of clips whose language it does not say
  name=radio   what the ids of its clips begin with
  speech=no    nobody speaks in any of it: the model shall learn to write nothing
  lists=train,dev,test,other   which lists of a Common Voice release (default: test,dev,train,validated)
  text=words   the column with what is said, of a manifest or a data set of Hugging Face; of that, config=sv_se, too
  speaker=folder   of a folder in which each speaker has one: recordings/anna/1.wav, recordings/bo/1.wav
                   (in train, dev or test: recordings/train/anna/1.wav); else each recording is a voice of its own
  corrected=only   of captions (.json), those alone that a person corrected; lines that were read and left as they were
                   go, too. Other texts (.vtt, .srt, .sbv, .txt) do not say who wrote them, and stay; a source without
                   captions is refused

examples
  python -m trainer prepare --source cv-corpus/sv-SE --out corpora/sv
  python -m trainer prepare --source recordings speaker=folder --language sv --out corpora/mine
  python -m trainer prepare --source cv-corpus/sv-SE weight=2 --source interviews language=sv \\
      --source google/fleurs config=sv_se --source jingles speech=no --out corpora/mixed

A killed run is gone on with by the same command. What came of it: OUT/report.html; what was dropped: OUT/dropped.jsonl.
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source", nargs="+", action="append", required=True, metavar=("PATH", "KEY=VALUE"), help="several are mixed"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the corpus")
    parser.add_argument("--language", default="", help="of clips whose source does not say")
    parser.add_argument("--text", choices=("clean", "keep"), default="clean", help="spaces, quotes and dashes unified")
    parser.add_argument(
        "--splits",
        choices=("disjoint", "release", "speaker", "clip"),
        default="disjoint",
        help="the source's own, but no speaker in two of them (default); its own as they are; new ones by speaker; new "
        "ones by clip, where there is one speaker, for whom alone the model shall be",
    )
    parser.add_argument("--dev", type=float, default=5.0, metavar="PERCENT", help="where there is none (default 5)")
    parser.add_argument("--test", type=float, default=5.0, metavar="PERCENT", help="where there is none (default 5)")
    parser.add_argument(
        "--max-readings", type=int, default=0, metavar="N", help="of one text by one speaker (default: any number)"
    )
    parser.add_argument("--max-s", type=float, default=30.0, help="the longest clip in seconds (default 30)")
    parser.add_argument("--min-s", type=float, default=0.1, help="the shortest clip in seconds (default 0.1)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that decode (default: all cores)")
    parser.add_argument("--again", action="store_true", help="replace what FOLDER has by now")


def run(options: argparse.Namespace) -> int:
    from trainer.corpus.drops import DROPPED_NAME, Limits, Reason
    from trainer.corpus.prepare import Plan, prepare
    from trainer.corpus.splits import Shares
    from trainer.reports.corpus import notes, show, write_report
    from trainer.terminal import console as this_console

    if not 0 <= options.min_s < options.max_s <= 30:
        raise PlanError("Whisper hears 30 s: --min-s is from 0 on, and below --max-s, which is up to 30")
    if not min(options.dev, options.test, options.max_readings) >= 0:
        raise PlanError("--dev, --test and --max-readings are not negative")
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
    if prepared.took_s:
        console.print(f"{prepared.hours_per_minute:.1f} hours of audio prepared a minute", highlight=False)
    console.print(f"{options.out}: {report}", markup=False, highlight=False, soft_wrap=True)
    if not prepared.corpus.clips:
        texts = (
            "; what is said stands beside a recording, or in a list (--help)"
            if prepared.dropped[Reason.NO_TEXT]
            else ""
        )
        raise PlanError(f"no clips are left: {options.out / DROPPED_NAME} says why each was dropped{texts}")
    return 0


def source(words: list[str]) -> Any:
    """A source of its words on the command line.

    Raises:
        PlanError: one of them is not understood.
    """
    from trainer.corpus.sources.candidate import Source

    path, *rest = words
    values: dict[str, Any] = {}
    for word in rest:
        key, equals, value = word.partition("=")
        if not equals or key not in _KEYS:
            another = "" if equals else f"; another source is --source {word}"
            raise PlanError(f"{word!r} after --source {path} is none of {', '.join(f'{k}=' for k in _KEYS)}{another}")
        try:
            values[key] = _KEYS[key](value)
        except (KeyError, ValueError) as error:
            takes = {"weight": "a number above 0", "speech": "yes or no", "speaker": "folder", "corrected": "only"}[key]
            raise PlanError(f"{word!r} after --source {path}: {key} is {takes}") from error
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
