"""`python -m trainer publish RUN OUT`: a run's best model becomes a folder that transcribers and transformers load."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.run_folder import MODELS

HELP = "a run's best model becomes a folder that transcribers load"
EXAMPLES = """\
OUT is replaced whole: transcribers with MODEL=OUT change over between two batches. Where MODEL is a link, publish
beside what it points to, then move the link (`ln -sfn sv-8 models/on-air`). OUT has the weights in half precision
(adapters merged), processor, generation config, undertext.json, and a card with what evaluations in RUN measured.

examples
  python -m trainer evaluate runs/sv-small/best corpora/sv
  python -m trainer publish runs/sv-small models/sv-small
  python -m trainer publish sv-small models/sv-small --push our-lab/whisper-small-sv --ctranslate2 models/sv-small-ct2
"""

#: What CTranslate2 knows.
_QUANTIZATIONS = (
    *("int8", "int8_float32", "int8_float16", "int8_bfloat16"),
    *("int16", "float16", "bfloat16", "float32"),
)


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="RUN", help="a run's folder, or its name in runs/")
    parser.add_argument("out", metavar="OUT", type=Path)
    parser.add_argument("--which", choices=MODELS, default="best")
    parser.add_argument("--despite-alarm", action="store_true", help="although an evaluation says decoding is broken")
    parser.add_argument("--push", metavar="HUB_ID", help="upload it to the Hugging Face hub, too")
    parser.add_argument("--ctranslate2", type=Path, metavar="FOLDER", help="export it for faster-whisper, too")
    parser.add_argument("--quantization", choices=_QUANTIZATIONS, default="int8", help="of the export (default int8)")


def run(options: argparse.Namespace) -> int:
    from trainer.names import run_path
    from trainer.publishing.publish import publish_run, push, to_ctranslate2

    source = run_path(options.source)
    rows, agreements = publish_run(source, options.out, options.which, options.despite_alarm, options.push)
    for row in rows:
        noise = "" if row.snr_db is None else f", {row.snr_db:g} dB"
        print(f"{row.wer_percent:6.2f} % of {row.words} words wrong: {row.set}{noise}")
    for told in agreements:
        print(f"! {told}")
    if not rows:
        print(f"not measured: python -m trainer evaluate {source / options.which} CORPUS")
    print(f"published: {options.out}")
    if options.ctranslate2:
        to_ctranslate2(options.out, options.ctranslate2, options.quantization)
        print(f"exported: {options.ctranslate2}")
    if options.push:
        print(f"pushed: {push(options.out, options.push)}")
    return 0
