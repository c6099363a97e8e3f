"""Sockets: what simple-websocket leaves to its user — a send that ends, one send at a time, a bounded inbox.

An answer that goes on without end (server-sent events) needs the first of these, too, and counts as a socket.

`admit` runs before the handshake, so that a refusal is an HTTP answer, and puts a `PatientSocket` between
simple-websocket and the network.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sized
from contextlib import contextmanager, suppress
from typing import Any

from flask import Request
from simple_websocket import ConnectionClosed, Server

from api.problems import Problem

#: Close codes (RFC 6455 section 7.4.1, and IANA's registry for 1013). `BROKEN` is never sent: none was.
BROKEN, NO_CODE = 1006, 1005
NORMAL, GOING_AWAY, POLICY, TRY_LATER = 1000, 1001, 1008, 1013

#: Bytes that the kernel may hold for a viewer. Its default of megabytes would hide for minutes that nobody reads.
SEND_BUFFER_BYTES = 64 * 1024

#: How long a client that was told of the end may take to end it, too, in seconds.
LINGER_S = 2.0

#: Messages from a client that wait for us, each of MAX_MESSAGE_BYTES at most; no more are read from the network until
#: we take some.
INBOX_LIMIT = 8

_ENVIRON = "gunicorn.socket"


class PatientSocket:
    """A socket whose sends are serialised and cut after a while, and which does not read more than we take.

    simple-websocket sends from two threads (its own answers pings) with one `send` call, which may write a part.

    Args:
        timeout_s: longest time that one message may take to be accepted by the network.
        inbox_limit: most messages in `inbox` at which reading goes on.
    """

    def __init__(self, sock: socket.socket, timeout_s: float, inbox_limit: int = INBOX_LIMIT) -> None:
        self._sock = sock
        self._writer = sock.dup()  # its own time-out: reading waits for ever, writing does not
        self._writer.settimeout(timeout_s)
        self._sending = threading.Lock()
        self._inbox_limit = inbox_limit
        self.inbox: Sized = ()
        self.on_close: Callable[[], object] = lambda: None
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def send(self, data: bytes) -> int:
        """All of `data`.

        Raises:
            OSError: the peer is gone, or takes nothing; the connection is cut then.
        """
        with self._sending:
            try:
                self._writer.sendall(data)
            except OSError:
                self.cut()
                raise
        return len(data)

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes, once there is room for what they may hold."""
        while len(self.inbox) > self._inbox_limit:
            time.sleep(0.02)
        return self._sock.recv(size)

    def fileno(self) -> int:
        """For selectors."""
        return self._sock.fileno()

    def cut(self) -> None:
        """End the connection without a word; whoever reads from it is woken."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is gone already

    def close(self) -> None:
        """Close it, and wake who waits to send."""
        self._writer.close()
        self._sock.close()
        self.on_close()


class Connection:
    """The connection of an answer that goes on: what is written to it is taken in time, and it ends with the answer.

    Args:
        timeout_s: longest time that one write may take to be accepted by the network.
    """

    def __init__(self, environ: Mapping[str, Any], timeout_s: float) -> None:
        self._sock: socket.socket | None = environ.get(_ENVIRON)
        if self._sock is not None:
            self._sock.settimeout(timeout_s)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def cut(self) -> None:
        """End it without a word."""
        self._shut(socket.SHUT_RDWR)

    def end(self) -> None:
        """Take no other request on it: the time-out is not theirs, and a server that stops would wait for them."""
        self._shut(socket.SHUT_RD)

    def _shut(self, how: int) -> None:
        if self._sock is not None:
            with suppress(OSError):  # it is gone already
                self._sock.shutdown(how)


class Sockets:
    """Counts sockets and admits so many.

    Args:
        limit: most sockets at once.
        gauge: called with a kind and +1 or -1.
    """

    def __init__(self, limit: int, gauge: Callable[[str, int], object]) -> None:
        self._limit = limit
        self._gauge = gauge
        self._open: dict[str, int] = {}

    def admit(self, request: Request, timeout_s: float) -> None:
        """Prepare a request to become a WebSocket.

        Raises:
            Problem: 426, it is none of today's WebSockets (RFC 6455 section 4.2); 503, there are too many.
        """
        if "Sec-WebSocket-Key" not in request.headers or request.headers.get("Sec-WebSocket-Version") != "13":
            raise Problem(
                426,
                "Send Sec-WebSocket-Key, and Sec-WebSocket-Version: 13, as a client of WebSockets does.",
                {"Sec-WebSocket-Version": "13", "Upgrade": "websocket", "Connection": "Upgrade"},
            )
        self.check_room()
        environ = request.environ
        # Compression would hold 256 kB a socket for lines of text.
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        if _ENVIRON in environ:
            environ[_ENVIRON] = PatientSocket(environ[_ENVIRON], timeout_s)

    def check_room(self) -> None:
        """Refuse one more.

        Raises:
            Problem: 503, there are too many.
        """
        if sum(self._open.values()) >= self._limit:
            raise Problem(503, f"{self._limit} sockets are open already (MAX_SOCKETS).", {"Retry-After": "10"})

    def count(self, kind: str) -> int:
        """Sockets of a kind."""
        return self._open.get(kind, 0)

    @contextmanager
    def opened(self, kind: str, ws: Server, on_close: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Count a socket while it is open; one that was closed behind that lingers until its client knows.

        Args:
            on_close: as of `when_closed`.
        """
        with self.counted(kind):
            sock: Any = ws.sock
            if isinstance(sock, PatientSocket):
                sock.inbox = ws.input_buffer
            when_closed(ws, on_close)
            yield
        _linger(ws)

    @contextmanager
    def counted(self, kind: str) -> Iterator[None]:
        """Count whatever is open meanwhile."""
        self._open[kind] = self._open.get(kind, 0) + 1
        self._gauge(kind, 1)
        try:
            yield
        finally:
            self._open[kind] -= 1
            self._gauge(kind, -1)


def gone(request: Request) -> bool:
    """Whether the client of a request whose body has been read has closed its connection; never waits.

    One that has closed its sending half alone counts as gone, too: until it is written to, nothing tells the two apart.
    """
    sock = request.environ.get(_ENVIRON)
    if sock is None:
        return False
    timeout_s = sock.gettimeout()
    sock.settimeout(0)  # gevent's sockets heed no MSG_DONTWAIT
    try:
        return not sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        sock.settimeout(timeout_s)


def set_patience(environ: Mapping[str, Any], timeout_s: float | None) -> None:
    """Have what is read from a request's connection, or written to it, fail after so many seconds; None: never.

    A client that has lost its network says no farewell: nothing comes from it any more, and nothing else ends that.
    """
    sock = environ.get(_ENVIRON)
    if sock is not None:
        sock.settimeout(timeout_s)


def drain(ws: Server) -> None:
    """Throw away what a client has said that has nothing to say."""
    while ws.receive(timeout=0) is not None:
        continue


def when_closed(ws: Server, on_close: Callable[[], object]) -> None:
    """Have `on_close` called when a socket's connection ends, from simple-websocket's thread; now, if it has ended."""
    sock: Any = ws.sock
    if isinstance(sock, PatientSocket):
        sock.on_close = on_close
    if not ws.connected:
        on_close()


def close(ws: Server, code: int) -> None:
    """Close a socket that may be closed already."""
    try:
        ws.close(code)
    except (ConnectionClosed, OSError):
        return  # then it is closed


def _linger(ws: Server) -> None:
    # The kernel answers what nobody reads with a reset, which can destroy what was said last, and the code. So what a
    # client still sends is read and thrown away until it has heard that we closed, and closes, too.
    until_s = time.monotonic() + LINGER_S
    while ws.thread.is_alive() and time.monotonic() < until_s:
        ws.input_buffer.clear()
        time.sleep(0.02)
