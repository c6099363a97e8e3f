"""`python -m transcriber`."""

from __future__ import annotations

import sys

from transcriber.main import main

if __name__ == "__main__":
    sys.exit(main())
