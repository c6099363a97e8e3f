"""`python -m trainer SUBCOMMAND`: from a corpus to a better model on air."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from trainer.commands import COMMANDS
from trainer.errors import TrainerError
from trainer.names import run_path
from trainer.refusals import sentence
from trainer.stopping import Stopped

_EXAMPLES = """\
examples:
  python -m trainer prepare --source cv-corpus/sv-SE --out corpora/sv
  python -m trainer listen corpora/sv --augment radio --out listen.html
  python -m trainer train corpora/sv --model openai/whisper-small --run sv-small
  python -m trainer tune corpora/sv --model openai/whisper-small --study sv --vary learning-rate=3e-6..1e-4:log
  python -m trainer evaluate runs/sv-small/best corpora/sv
  python -m trainer report sv-small
  python -m trainer publish sv-small models/sv-small
  python -m trainer SUBCOMMAND --help
"""


#: What keeps what it has done, however it is stopped.
GOING_ON = ("prepare", "tune")


def main(argv: Sequence[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    options = parser(argv[:1]).parse_args(argv)
    try:
        return int(options.run(options))
    except TrainerError as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        told = sentence(error, _place(options), goes_on=argv[0] in ("train", *GOING_ON))
        if told is None:
            raise
        print(f"trainer: {told}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print(f"trainer: {stopped}", file=sys.stderr)
        return stopped.code
    except KeyboardInterrupt:
        onward = "; the same command goes on from here" if argv[0] in GOING_ON else ""
        print(f"trainer: stopped{onward}", file=sys.stderr)
        return 130


def _place(options: argparse.Namespace) -> str:
    """What a subcommand writes to."""
    if out := getattr(options, "out", None):
        return str(out)
    name = getattr(options, "name", None) or getattr(options, "study", None)
    return str(run_path(name)) if name else "."


def parser(wanted: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of the wanted subcommands; of all of them, if there is any other word among the wanted."""
    top = argparse.ArgumentParser(
        prog="python -m trainer",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = top.add_subparsers(metavar="SUBCOMMAND", required=True)
    for name in wanted if wanted and set(wanted) <= set(COMMANDS) else COMMANDS:
        importlib.import_module(f"trainer.commands.{name}").add_parser(subparsers)
    return top


if __name__ == "__main__":
    sys.exit(main())
