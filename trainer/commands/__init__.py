"""The subcommands of `python -m trainer`, each a module of this package.

A module has `HELP` in a line, `EXAMPLES` to stand below its options, `add_to(parser)`, which adds these, and
`run(options) -> int`, the exit code. It imports what is heavy inside `run`, so that `--help` answers at once.
"""

#: In the order in which they are used; a new one is a line here and a module of that name.
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
