"""`python -m trainer report RUN [RUN…]`: write an HTML report of a run, or of several runs side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.names import RUNS

#: The default path of a report of several runs.
_COMPARISON = RUNS / "comparison.html"

HELP = "write an HTML report of a run, or of several side by side"
EXAMPLES = f"""\
The report is one self-contained HTML file. For one run it shows the plan, curves, the clips of each epoch,
regularisation and augmentation, evaluations with intervals, and versions. For several runs it shows the differences of
their plans, their curves in the same plots, and their evaluations side by side, with the change from the first run on
the same utterances; its default path is {_COMPARISON}.

`train` writes report.html into the run's folder at its end, and `evaluate` updates it. A run that is in progress or was
killed is reported up to where it is.

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
        help=f"the page (default: report.html in the run's folder; for several runs {_COMPARISON}); overwritten",
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
