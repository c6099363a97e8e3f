"""`python -m trainer publish RUN OUT`: export a run's best model as a folder that transcribers load."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.run_folder import MODELS

HELP = "export a run's best model as a folder that transcribers load"
EXAMPLES = """\
OUT is replaced as a whole: transcribers with MODEL=OUT change over between two batches. If MODEL is a symbolic link,
publish beside its target, then move the link (`ln -sfn sv-8 models/on-air`). OUT contains the weights in half precision
(with adapters merged), the processor, the generation config, undertext.json, and a model card with the results of the
evaluations in RUN's folder.

examples
  python -m trainer evaluate runs/sv-small/best corpora/sv
  python -m trainer publish runs/sv-small models/sv-small
  python -m trainer publish sv-small models/sv-small --push our-lab/whisper-small-sv --ctranslate2 models/sv-small-ct2
"""

#: The quantizations that CTranslate2 supports.
_QUANTIZATIONS = (
    *("int8", "int8_float32", "int8_float16", "int8_bfloat16"),
    *("int16", "float16", "bfloat16", "float32"),
)


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="RUN", help="a run's folder, or its name in runs/")
    parser.add_argument("out", metavar="OUT", type=Path, help="the folder to write; replaced if it exists")
    parser.add_argument("--which", choices=MODELS, default="best", help="the checkpoint to export (default: best)")
    parser.add_argument(
        "--despite-alarm", action="store_true", help="publish even if an evaluation found broken decoding"
    )
    parser.add_argument("--push", metavar="HUB_ID", help="also upload it to the Hugging Face hub")
    parser.add_argument(
        "--ctranslate2", type=Path, metavar="FOLDER", help="also export it to FOLDER for faster-whisper"
    )
    parser.add_argument(
        "--quantization",
        choices=_QUANTIZATIONS,
        default="int8",
        help="number format of the CTranslate2 export (default: int8)",
    )


def run(options: argparse.Namespace) -> int:
    from trainer.names import run_path
    from trainer.publishing.publish import publish_run, push, to_ctranslate2

    source = run_path(options.source)
    rows, agreements = publish_run(source, options.out, options.which, options.despite_alarm, options.push)
    for row in rows:
        noise = "" if row.snr_db is None else f", {row.snr_db:g} dB"
        print(f"{row.wer_percent:6.2f} % of {row.words} words wrong: {row.set}{noise}")
    for warning in agreements:
        print(f"! {warning}")
    if not rows:
        print(f"not evaluated yet: python -m trainer evaluate {source / options.which} CORPUS")
    print(f"published: {options.out}")
    if options.ctranslate2:
        to_ctranslate2(options.out, options.ctranslate2, options.quantization)
        print(f"exported: {options.ctranslate2}")
    if options.push:
        print(f"pushed: {push(options.out, options.push)}")
    return 0
