"""The subcommands of `python -m trainer`, each a module of this package.

A module has `HELP`, one line; `EXAMPLES`, the text below the options in `--help`; `add_to(parser)`, which adds the
options; and `run(options)`, which returns the exit code. Slow imports are made inside `run`, so that `--help` is fast.
"""

#: In the order in which they are typically used. To add one, add its name here and a module of that name.
COMMANDS: tuple[str, ...] = (
    "prepare",
    "listen",
    "train",
    "tune",
    "worker",
    "evaluate",
    "report",
    "publish",
)  # fmt: skip
