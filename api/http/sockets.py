"""What simple-websocket leaves to its user: sends that time out, one send at a time, a bounded inbox.

Endless responses (server-sent events) need the first of these, too, and count as sockets.

`admit` runs before the handshake, so that a refusal is an HTTP response, and puts a `BoundedSocket` between
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

from api.http.problems import Problem

#: Close codes (RFC 6455 section 7.4.1, and IANA's registry for 1013). `BROKEN` is never sent: it means that none was.
BROKEN, NO_CODE = 1006, 1005
NORMAL, GOING_AWAY, POLICY, TRY_LATER = 1000, 1001, 1008, 1013

#: The kernel's send buffer for a viewer. Its default of megabytes would hide for minutes that a client reads nothing.
SEND_BUFFER_BYTES = 64 * 1024

#: How long a client may take to answer a close frame, in seconds.
LINGER_S = 2.0

#: Messages from a client that wait to be processed, each of at most MAX_MESSAGE_BYTES; beyond that, nothing more is
#: read from the network.
INBOX_LIMIT = 8

_ENVIRON = "gunicorn.socket"


class BoundedSocket:
    """A socket whose sends are serialised and time out, and which reads no faster than messages are taken.

    simple-websocket sends from two threads (its own answers pings) with one `send` call, which may write only a part.

    Args:
        timeout_s: longest time for one message to be accepted by the network.
        inbox_limit: most messages in `inbox` while reading continues.
    """

    def __init__(self, sock: socket.socket, timeout_s: float, inbox_limit: int = INBOX_LIMIT) -> None:
        self._sock = sock
        self._writer = sock.dup()  # with a timeout of its own: reading has none, writing has one
        self._writer.settimeout(timeout_s)
        self._sending = threading.Lock()
        self._inbox_limit = inbox_limit
        self.inbox: Sized = ()
        self.on_close: Callable[[], object] = lambda: None
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def send(self, data: bytes) -> int:
        """Send all of `data`.

        Raises:
            OSError: the peer has disconnected, or accepts no data; the connection is then cut.
        """
        with self._sending:
            try:
                self._writer.sendall(data)
            except OSError:
                self.cut()
                raise
        return len(data)

    def recv(self, size: int) -> bytes:
        """Read up to `size` bytes, once there is room for the messages in them."""
        while len(self.inbox) > self._inbox_limit:
            time.sleep(0.02)
        return self._sock.recv(size)

    def fileno(self) -> int:
        """For selectors."""
        return self._sock.fileno()

    def cut(self) -> None:
        """Cut the connection without a close frame; a blocked reader wakes up."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already

    def close(self) -> None:
        """Close the connection; a blocked sender wakes up."""
        self._writer.close()
        self._sock.close()
        self.on_close()


class Connection:
    """The connection of an endless response: its writes time out, and it ends with the response.

    Args:
        timeout_s: longest time for one write to be accepted by the network.
    """

    def __init__(self, environ: Mapping[str, Any], timeout_s: float) -> None:
        self._sock: socket.socket | None = environ.get(_ENVIRON)
        if self._sock is not None:
            self._sock.settimeout(timeout_s)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def cut(self) -> None:
        """Cut it at once."""
        self._shut(socket.SHUT_RDWR)

    def end(self) -> None:
        """Accept no further request on it: the timeout is not theirs, and a server that stops would wait for them."""
        self._shut(socket.SHUT_RD)

    def _shut(self, how: int) -> None:
        if self._sock is not None:
            with suppress(OSError):  # it is closed already
                self._sock.shutdown(how)


class Sockets:
    """Counts sockets and limits their number.

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
            Problem: 426, it lacks the headers of the protocol (RFC 6455 section 4.2); 503, there are too many.
        """
        if "Sec-WebSocket-Key" not in request.headers or request.headers.get("Sec-WebSocket-Version") != "13":
            raise Problem(
                426,
                "Send Sec-WebSocket-Key, and Sec-WebSocket-Version: 13, as WebSocket clients do.",
                {"Sec-WebSocket-Version": "13", "Upgrade": "websocket", "Connection": "Upgrade"},
            )
        self.check_room()
        environ = request.environ
        # Compression would take 256 kB per socket, for lines of text.
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        if _ENVIRON in environ:
            environ[_ENVIRON] = BoundedSocket(environ[_ENVIRON], timeout_s)

    def check_room(self) -> None:
        """Raise if no further socket is allowed.

        Raises:
            Problem: 503, there are too many.
        """
        if sum(self._open.values()) >= self._limit:
            raise Problem(503, f"{self._limit} sockets are open already (MAX_SOCKETS).", {"Retry-After": "10"})

    def count(self, kind: str) -> int:
        """The number of open sockets of a kind."""
        return self._open.get(kind, 0)

    @contextmanager
    def opened(self, kind: str, ws: Server, on_close: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Count a socket while it is open. After a close, wait until the client has received it.

        Args:
            on_close: as for `call_when_closed`.
        """
        with self.counted(kind):
            sock: Any = ws.sock
            if isinstance(sock, BoundedSocket):
                sock.inbox = ws.input_buffer
            call_when_closed(ws, on_close)
            yield
        _linger(ws)

    @contextmanager
    def counted(self, kind: str) -> Iterator[None]:
        """Count something while it is open."""
        self._open[kind] = self._open.get(kind, 0) + 1
        self._gauge(kind, 1)
        try:
            yield
        finally:
            self._open[kind] -= 1
            self._gauge(kind, -1)


def disconnected(request: Request) -> bool:
    """Return True if the client of a request whose body was read has closed its connection; never blocks.

    A client that has closed only its sending half counts as well: only a write can tell the two apart.
    """
    sock = request.environ.get(_ENVIRON)
    if sock is None:
        return False
    timeout_s = sock.gettimeout()
    sock.settimeout(0)  # gevent's sockets ignore MSG_DONTWAIT
    try:
        return not sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        sock.settimeout(timeout_s)


def set_timeout(environ: Mapping[str, Any], timeout_s: float | None) -> None:
    """Set a timeout for reads and writes on a request's connection; None: no timeout.

    A client that has lost its network does not close the connection: no data arrives, and nothing else ends the wait.
    """
    sock = environ.get(_ENVIRON)
    if sock is not None:
        sock.settimeout(timeout_s)


def cut_when_stalled(environ: Mapping[str, Any], stall_s: float) -> None:
    """Let the kernel cut a request's connection when it has data for its client, and the client takes none for so long.

    Otherwise a client that requests a large answer and does not read it keeps the connection and the answer's memory
    forever. gevent's timeouts apply to the whole answer instead, which may be large, and its reader slow.
    """
    sock = environ.get(_ENVIRON)
    if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * stall_s))


def discard_messages(ws: Server) -> None:
    """Discard the messages of a client that has nothing to send.

    Raises:
        ConnectionClosed: the client has disconnected.
    """
    ws.input_buffer.clear()
    if not ws.connected:
        raise ConnectionClosed(ws.close_reason, ws.close_message)


def call_when_closed(ws: Server, on_close: Callable[[], object]) -> None:
    """Call `on_close` from simple-websocket's thread when the connection ends, or now if it has ended."""
    sock: Any = ws.sock
    if isinstance(sock, BoundedSocket):
        sock.on_close = on_close
    if not ws.connected:
        on_close()


def close(ws: Server, code: int) -> None:
    """Close a WebSocket that may be closed already."""
    try:
        ws.close(code)
    except (ConnectionClosed, OSError):
        return  # it is closed already


def _linger(ws: Server) -> None:
    # If unread data is left, the kernel sends a reset, which can destroy the last message and the close code. So what
    # the client still sends is read and discarded until it has received the close frame, and closes as well.
    until_s = time.monotonic() + LINGER_S
    while ws.thread.is_alive() and time.monotonic() < until_s:
        ws.input_buffer.clear()
        time.sleep(0.02)
