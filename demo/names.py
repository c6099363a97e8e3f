"""A forward proxy on loopback that looks names up for a statically linked ffmpeg: `python -m demo.names PORT`

The ffmpeg that a wheel carries is linked statically against glibc and dies of SIGSEGV at the first host name (its
readme tells of the loss of name resolution). With `http_proxy` set to this proxy's numeric address it never looks a
name up: it hands over `GET http://host/...` and `CONNECT host:443`, and RFC 9110 (sections 7.1 and 9.3.6) does the
rest. `make up` starts it only where the system has no ffmpeg of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from urllib.parse import urlsplit

#: Largest request head that is read, in bytes.
HEAD_LIMIT = 65536
#: Seconds to look a name up and connect.
CONNECT_TIMEOUT_S = 15.0

#: Headers that concern one connection, not the request (RFC 9110, section 7.6.1).
_HOP_BY_HOP = (b"connection:", b"proxy-connection:", b"proxy-authorization:", b"keep-alive:")


class BadRequest(ValueError):
    """What came is no proxy request."""


def route(head: bytes) -> tuple[str, int, bytes]:
    """Where a request goes, and the head to send there (empty for a tunnel).

    Args:
        head: request line and headers, up to and with the empty line.

    Raises:
        BadRequest: it names no host.
    """
    lines = head.split(b"\r\n")
    try:
        method, target, version = lines[0].decode("latin-1").split(" ")
        address = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host, port = address.hostname, address.port or 80
    except ValueError as e:
        raise BadRequest(lines[0]) from e
    if not host or (method != "CONNECT" and address.scheme != "http"):
        raise BadRequest(lines[0])
    if method == "CONNECT":
        return host, port, b""
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    kept = [line for line in lines[1:-2] if not line.lower().startswith(_HOP_BY_HOP)]
    # One request a connection: the next one might be for another host.
    first = f"{method} {path} {version}".encode("latin-1")
    return host, port, b"\r\n".join([first, *kept, b"Connection: close", b"", b""])


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client, one request."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        host, port, onward = route(head)
        there = asyncio.open_connection(host, port, limit=HEAD_LIMIT)
        from_there, to_there = await asyncio.wait_for(there, CONNECT_TIMEOUT_S)
    except (BadRequest, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        await _answer(writer, "400 Bad Request")
        return
    except OSError as e:  # no such name, refused, unreachable, timed out
        print(f"{host}:{port}: {e}", flush=True)
        await _answer(writer, "502 Bad Gateway")
        return
    if onward:
        to_there.write(onward)
    else:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    # When either side ends, so does the other: neither ffmpeg nor a station keeps half a connection.
    pumps = [asyncio.create_task(_pump(reader, to_there)), asyncio.create_task(_pump(from_there, writer))]
    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    for pump in pumps:
        pump.cancel()
    for end in (writer, to_there):
        await _close(end)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(HEAD_LIMIT):
            sink.write(data)
            await sink.drain()


async def _answer(writer: asyncio.StreamWriter, status: str) -> None:
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.close()
        await writer.wait_closed()


async def main(port: int) -> None:
    """Serves until the process is ended."""
    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=HEAD_LIMIT)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1])))
