"""`python -m api`: serve the API and the page."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import sys

from api.server import Server
from api.settings import Settings
from wire.errors import SettingsError
from wire.settings import load


def main() -> int:
    """Serve until a signal arrives; return the exit status."""
    lines = [
        f"  {field.metadata['variable']:<20} {field.default if field.default != '' else '(none)'}"
        for field in dataclasses.fields(Settings)
    ]
    argparse.ArgumentParser(
        prog="python -m api",
        description="Serve captions over HTTP and WebSockets, and the page.",
        epilog="Environment variables and their defaults (api/settings.py describes them):\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    try:
        settings = load(Settings, os.environ)
    except SettingsError as error:
        print(f"api: {error}", file=sys.stderr)
        return 2
    logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    Server(settings).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
