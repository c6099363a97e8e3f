"""Benchmarks: each prints one table, with peers in the same run."""

from importlib.util import find_spec

if find_spec("jiwer") is None:  # as after `make up` alone
    raise SystemExit("benchmarks: the package jiwer is not installed: `make venv` installs what benchmarks need")
