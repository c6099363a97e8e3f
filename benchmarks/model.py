"""`python -m benchmarks.model`: word error rates of the bundled model on held-out sentences and voices."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.report import arguments, report
from demo import exam
from demo.bulletins import LANGUAGES
from trainer.evaluation.evaluate import word_errors
from trainer.evaluation.recogniser import load
from trainer.evaluation.scoring import Score
from trainer.evaluation.utterances import of_examples
from trainer.examples import Example
from trainer.publishing.model_folder import WerRow

#: Utterances in each exam.
_FULL, _QUICK = 500, 60


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument(
        "--model", type=Path, default=Path("demo/model"), help="a published folder (default: %(default)s)"
    )
    parser.add_argument("--utterances", type=int, help=f"utterances in each exam (default: {_FULL})")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    recogniser = load(str(options.model), "cpu")

    def judge(examples: Sequence[Example]) -> Score:
        return word_errors(recogniser, of_examples(examples))

    count = options.utterances or (_QUICK if options.quick else _FULL)
    with tqdm(exam.examine(count, judge), total=exam.EXAMS, unit="exam", desc="examine") as examined:
        rows = list(examined)
    title = f"{options.model}: WER on held-out sentences and voices"
    report(title, [_short(row) for row in rows], figures(rows), options.json)
    return 0


def figures(rows: Sequence[WerRow]) -> dict[str, float]:
    """The promised figures: whole sentences at the promised SNR, and windows cut anywhere at the same SNR."""
    promised = {(row.language, row.set): row.wer_percent for row in rows if row.snr_db == exam.PROMISED_SNR_DB}
    return {
        **{f"wer_{language}_percent": promised[language, "sentences"] for language in LANGUAGES},
        **{f"wer_{language}_windows_percent": promised[language, "windows"] for language in LANGUAGES},
    }


def _short(row: WerRow) -> dict[str, object]:
    """Short column names, to fit the table into 80 characters."""
    short = {"substitutions": "sub", "deletions": "del", "insertions": "ins"}
    return {short.get(name, name): value for name, value in asdict(row).items()}


if __name__ == "__main__":
    sys.exit(main())
