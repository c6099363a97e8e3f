"""`python -m benchmarks.viewers.clients URL N STATION...`: N viewers on WebSockets, distributed over the stations.

Prints "connected" when all of them receive captions. Then it reads from its standard input how many captions each
station has sent, waits until all have arrived, and prints their number and delays as JSON.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection, connect

from api.server import allow_files

#: Time for the last captions to arrive, in seconds.
DRAIN_S = 10.0

#: Time from the last handshake until all viewers receive captions, in seconds: the relay in comparison subscribes late.
SETTLE_S = 3.0

#: Connections that are opened at the same time: the queue of connections not yet accepted is short.
AT_ONCE = 50

_COMMITTED = '"committed_s":'


class Viewers:
    """Viewers on WebSockets, and the delays of all captions that they have received."""

    def __init__(self) -> None:
        self.delays_s: list[float] = []
        self._sockets: list[ClientConnection] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def connect(self, urls: Sequence[str]) -> None:
        """Connect a viewer to each URL."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(url: str) -> None:
            async with slots:
                socket = await connect(url, compression=None, ping_interval=None, open_timeout=60, close_timeout=1)
            self._sockets.append(socket)
            self._tasks.append(asyncio.create_task(self._receive(socket)))

        await asyncio.gather(*map(one, urls))

    async def _receive(self, socket: ClientConnection) -> None:
        async for message in socket:
            now_s = time.time()
            _, found, rest = str(message).partition(_COMMITTED)
            if found:
                self.delays_s.append(now_s - float(rest[: rest.index(",")]))

    async def wait(self, captions: int) -> None:
        """Wait until this many captions have arrived, for at most DRAIN_S."""
        until_s = time.monotonic() + DRAIN_S
        while len(self.delays_s) < captions and time.monotonic() < until_s:
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        """Disconnect."""
        await asyncio.gather(*(socket.close() for socket in self._sockets))
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def view(url: str, number: int, stations: Sequence[str]) -> dict[str, float]:
    """The number of captions that arrived, and their delays in milliseconds."""
    viewers = Viewers()
    base = url.replace("http", "ws", 1)
    await viewers.connect([f"{base}/stations/{stations[n % len(stations)]}/live" for n in range(number)])
    await asyncio.sleep(SETTLE_S)
    print("connected", flush=True)
    sent = int(await asyncio.to_thread(sys.stdin.readline))
    await viewers.wait(sent * number)
    await viewers.close()
    percentiles = statistics.quantiles(viewers.delays_s, n=100, method="inclusive")
    delays = {f"p{share}": 1e3 * percentiles[share - 1] for share in (50, 95, 99)}
    return {"captions": len(viewers.delays_s), **delays}


if __name__ == "__main__":
    allow_files(int(sys.argv[2]))
    print(json.dumps(asyncio.run(view(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))))
