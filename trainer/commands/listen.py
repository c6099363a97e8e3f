"""`python -m trainer listen CORPUS`: a page that plays and plots clips before and after augmentation, and its cost."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from trainer.augmentation.augment import KINDS, PRESETS, Augmentation, parse
from trainer.corpus.locks import shared_lock
from trainer.errors import PlanError
from trainer.terminal import console as this_console
from trainer.terminal import tables

HELP = "listen to augmented clips before training on them"
_EXAMPLES = """\
--augment is a comma-separated list of presets and effects; a later setting replaces an earlier one of the same effect

  NAME[:PROBABILITY[:LOW..HIGH[:FOLDER]]],...

PROBABILITY is 1 by default, and 0 removes an effect; LOW..HIGH is the range of its strength, by default

{effects}

presets
{presets}

noise and music take recordings, and room takes impulse responses, from FOLDER (any format; decoded once and cached);
without FOLDER they are synthesized.

examples
  python -m trainer listen corpora/sv
  python -m trainer listen corpora/sv --augment radio,noise:0.5:0..20:sounds/street,pitch:0
  python -m trainer listen corpora/sv --augment mp3:1:12..64,opus:1:6..32 --clips 6 --out codecs.html
"""


_DEFAULT = {name: f" ({k.usual[0]:g}..{k.usual[1]:g} {k.unit})" if k.unit else "" for name, k in KINDS.items()}
EXAMPLES = _EXAMPLES.format(
    effects="\n".join(f"  {name:10} {kind.does}{_DEFAULT[name]}" for name, kind in KINDS.items()),
    presets="\n".join(
        textwrap.fill(
            words.replace(",", ", ") or "no effects", 118, initial_indent=f"  {name:10} ", subsequent_indent=" " * 13
        )
        for name, words in PRESETS.items()
    ),
)


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("corpus", type=Path, help="folder written by `prepare`")
    parser.add_argument("--augment", default="radio", metavar="SETTINGS", help="see below (default: radio)")
    parser.add_argument(
        "--out", type=Path, default=Path("listen.html"), metavar="FILE", help="the page (default: listen.html)"
    )
    parser.add_argument(
        "--clips", type=int, default=3, metavar="N", help="number of clips, by different speakers (default: 3)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed that selects the clips (default: 1)")


def run(options: argparse.Namespace) -> int:
    with shared_lock(options.corpus):
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    from trainer.corpus.clips import Corpus
    from trainer.reports.listening import COST_HEAD, choose, cost_rows, sheet

    effects = Augmentation(parse(options.augment))
    if not effects.settings:
        raise PlanError("--augment none has no effects to listen to")
    corpus = Corpus(options.corpus)
    clips = choose(corpus.clips, options.clips, options.seed)
    if not clips:
        raise PlanError(f"{options.corpus} has no clips with speech, or --clips {options.clips} is less than 1")
    page, costs = sheet(corpus, clips, effects, options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page, encoding="utf-8")
    console = this_console()
    for table in tables("", COST_HEAD, cost_rows(costs), console.width, figures=COST_HEAD[3:]):
        console.print(table)
    console.print(f"{options.out}: open it in a browser", markup=False, highlight=False, soft_wrap=True)
    return 0
