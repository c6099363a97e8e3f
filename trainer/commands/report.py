"""`python -m trainer report RUN [RUN…]`: one page of what a run was and came to, or of several side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.names import RUNS

#: The page of several runs, where no other is asked for.
_COMPARISON = RUNS / "comparison.html"

HELP = "one page of a run, or of several side by side"
EXAMPLES = f"""\
The page is one file that fetches nothing. Of one run: what it was, curves, what each epoch heard, regularisation and
augmentation, evaluations with intervals, and versions. Of several: in what their plans differ, their curves in the same
pictures, and evaluations side by side, with the change from the first run over the same utterances; without --out,
that is {_COMPARISON}.

`train` writes report.html into the run's folder at its end, and `evaluate` renews it. A run that is under way, or was
killed, is told as far as it came.

examples
  python -m trainer report sv-small
  python -m trainer report runs/sv-small --out sv-small.html
  python -m trainer report sv-plain sv-augmented sv-balanced --out augmentation.html
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a run's folder, or its name in runs/")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help=f"default: report.html in the run's folder; of several: {_COMPARISON}, in the place of the last one",
    )


def run(options: argparse.Namespace) -> int:
    from trainer.names import run_path
    from trainer.reports.comparison import write_comparison
    from trainer.reports.run import write_report

    folders = list(dict.fromkeys(run_path(name).resolve() for name in options.runs))
    if len(folders) == 1:
        path = write_report(run_path(options.runs[0]), options.out)
    else:
        path = write_comparison([run_path(name) for name in options.runs], options.out or _COMPARISON)
    print(f"{path}: open it in a browser")
    return 0
