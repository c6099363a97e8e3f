"""What integration tests share beyond tests/conftest.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wire.bus import Redis, connect


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A client of an empty, real Redis."""
    client = connect(redis_url)
    yield client
    client.close()
