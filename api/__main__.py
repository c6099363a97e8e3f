"""`python -m api`: serve the API and the page."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from api.server import Server
from api.settings import Settings
from wire.errors import SettingsError
from wire.settings import describe, load

ABOUT = """\
Serves the page, and captions over HTTP and WebSockets.

Stations, uploads and microphones are passed to ingest through Redis and the uploads folder (DATA_DIR)."""

EXAMPLES = """\
examples:
  python -m api
  PORT=9000 API_TOKEN=a-long-secret ALLOWED_ORIGINS=https://captions.example.org python -m api

Exit codes: 0 stopped on request, 2 a setting is invalid (the message names it)."""


def main() -> int:
    """Serve until a signal arrives; return the exit status."""
    argparse.ArgumentParser(
        prog="python -m api",
        description=ABOUT,
        epilog="environment variables and their defaults:\n" + describe(Settings) + "\n\n" + EXAMPLES,
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
