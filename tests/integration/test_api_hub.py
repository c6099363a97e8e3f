"""The hub on a real Redis that is in trouble."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from api.live.hub import Hub
from api.live.viewer import Live, Signal
from tests.redis_server import running_redis
from wire import keys
from wire.bus import connect
from wire.messages import Caption


def test_redis_that_refuses_writes_does_not_interrupt_viewers(free_port: Callable[[], int], tmp_path: Path) -> None:
    with running_redis(tmp_path, free_port()) as url, connect(url) as redis, connect(url) as client:
        redis.config_set("min-replicas-to-write", 1)
        hub = Hub(client, queue_limit=9)
        try:
            with hub.watch("stations/x") as viewer:
                assert viewer.take(0) is Signal.INTERRUPTED
                hub.start()
                assert viewer.take(10) is Signal.RESUMED
                assert viewer.take(3) is None, "it says again and again who reads along"
                redis.publish(keys.live("stations/x"), Caption("stations/x", 1, 0, 0.0, 1.0, "x", False).encode())
                assert isinstance(viewer.take(10), Live)
        finally:
            hub.close()
