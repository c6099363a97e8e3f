"""`python -m trainer SUBCOMMAND`: prepare a corpus, train a model on it, evaluate it, publish it."""

from __future__ import annotations

import argparse
import importlib
import itertools
import sys
from collections.abc import Sequence
from typing import Any

from trainer.commands import COMMANDS
from trainer.errors import TrainerError
from trainer.names import closest_option, run_path
from trainer.os_errors import explain
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


#: Subcommands that can be interrupted at any time and resumed with the same command.
RESUMABLE = ("prepare", "tune")

#: A module of these that is missing is a bug, not an incomplete installation.
_OWN_PACKAGES = ("trainer", "wire")


def main(argv: Sequence[str] | None = None) -> int:
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", *_OWN_PACKAGES):
            raise
        print(
            f"trainer: the package {package} is not installed: `make venv` installs what training needs",
            file=sys.stderr,
        )
        return 1


def _run(argv: Sequence[str]) -> int:
    options = parser(argv[:1]).parse_args(argv)
    try:
        return int(options.run(options))
    except TrainerError as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        message = explain(error, _output_path(options), resumable=argv[0] in ("train", *RESUMABLE))
        if message is None:
            raise
        print(f"trainer: {message}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print(f"trainer: {stopped}", file=sys.stderr)
        return stopped.code
    except KeyboardInterrupt:
        hint = "; the same command resumes from here" if argv[0] in RESUMABLE else ""
        print(f"trainer: stopped{hint}", file=sys.stderr)
        return 130


class Subcommand(argparse.ArgumentParser):
    """A parser that suggests the closest option for a misspelt one, and reports extra arguments with its own usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        for word in itertools.takewhile(lambda word: word != "--", args):
            option = word.partition("=")[0]
            known = [name for name in self._option_string_actions if name.startswith("--")]
            if option.startswith("--") and not any(name.startswith(option) for name in known):
                suggestion = closest_option(option[2:], [name[2:] for name in known])
                self.error(f"there is no {option}" + (f": did you mean --{suggestion}?" if suggestion else ""))
        options, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return options, rest


def _output_path(options: argparse.Namespace) -> str:
    """The file or folder that a subcommand writes to."""
    if out := getattr(options, "out", None):
        return str(out)
    name = getattr(options, "name", None) or getattr(options, "study", None)
    return str(run_path(name)) if name else "."


def parser(wanted: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return a parser for the wanted subcommands, or for all of them if any wanted word is not a subcommand."""
    top = argparse.ArgumentParser(
        prog="python -m trainer",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = top.add_subparsers(metavar="SUBCOMMAND", required=True, parser_class=Subcommand)
    for name in wanted if wanted and set(wanted) <= set(COMMANDS) else COMMANDS:
        command = importlib.import_module(f"trainer.commands.{name}")
        parser = subparsers.add_parser(
            name,
            help=command.HELP,
            description=command.__doc__,
            epilog=command.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_to(parser)
        parser.set_defaults(run=command.run)
    return top


if __name__ == "__main__":
    sys.exit(main())
