"""The layer between simple-websocket and the network."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from api.app import ANSWER_STALL_S, create_app
from api.http.problems import Problem
from api.http.sockets import BoundedSocket, Sockets, cut_when_stalled, set_timeout
from api.settings import Settings

HANDSHAKE = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end and the peer's."""
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes."""
    data = bytearray()
    while len(data) < size:
        data += sock.recv(size - len(data))
    return bytes(data)


def test_messages_are_sent_whole_and_not_interleaved(pair: tuple[socket.socket, socket.socket]) -> None:
    patient = BoundedSocket(pair[0], timeout_s=20)
    size = 600_000  # much more than the kernel takes at once
    senders = [threading.Thread(target=patient.send, args=(bytes([n]) * size,)) for n in range(4)]
    for sender in senders:
        sender.start()
    messages = [receive(pair[1], size) for _ in senders]
    for sender in senders:
        sender.join()
    assert sorted(message[0] for message in messages) == [0, 1, 2, 3]
    assert all(len(set(message)) == 1 for message in messages)
    patient.close()


def test_peer_that_reads_nothing_is_cut(pair: tuple[socket.socket, socket.socket]) -> None:
    patient = BoundedSocket(pair[0], timeout_s=0.05)
    with pytest.raises(TimeoutError):
        patient.send(b"x" * 10_000_000)
    while pair[1].recv(65536):  # what was accepted, then the end
        continue
    patient.close()


def test_nothing_is_read_while_the_inbox_is_full(pair: tuple[socket.socket, socket.socket]) -> None:
    patient = BoundedSocket(pair[0], timeout_s=1, inbox_limit=1)
    pair[0].setblocking(True)
    inbox = [b"1", b"2"]
    patient.inbox = inbox
    pair[1].sendall(b"3")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(patient.recv(10)))
    reader.start()
    reader.join(timeout=0.1)
    assert reader.is_alive()
    inbox.pop()
    reader.join(timeout=5)
    assert read == [b"3"]
    patient.close()


def test_close_wakes_a_blocked_sender(pair: tuple[socket.socket, socket.socket]) -> None:
    patient = BoundedSocket(pair[0], timeout_s=1)
    told: list[bool] = []
    patient.on_close = lambda: told.append(True)
    patient.close()
    assert told == [True]


def test_sockets_are_limited_and_compression_is_not_offered() -> None:
    counted: list[tuple[str, int]] = []
    sockets = Sockets(1, lambda kind, change: counted.append((kind, change)))
    request = Request(EnvironBuilder(headers=HANDSHAKE | {"Sec-WebSocket-Extensions": "x"}).get_environ())
    sockets.admit(request, 1.0)
    assert "Sec-WebSocket-Extensions" not in request.headers

    class Ws:
        sock = None
        connected = True
        input_buffer: list[bytes] = []  # noqa: RUF012  # as simple-websocket's
        thread = threading.Thread()  # ended

    with sockets.opened("jobs", Ws(), lambda: None):
        assert sockets.count("jobs") == 1
        with pytest.raises(Problem) as refused:
            sockets.admit(request, 1.0)
        assert refused.value.status == 503
    sockets.admit(request, 1.0)
    assert counted == [("jobs", 1), ("jobs", -1)]


def test_messages_after_close_are_discarded(wait_until: Callable[..., None]) -> None:
    inbox = [b"late"]

    class Ws:
        sock = None
        connected = False
        input_buffer = inbox
        thread = threading.Thread(target=lambda: wait_until(lambda: not inbox))

    Ws.thread.start()
    with Sockets(1, lambda kind, change: None).opened("jobs", Ws()):
        pass
    assert not Ws.thread.is_alive()


@pytest.mark.parametrize("lacks", HANDSHAKE)
def test_invalid_handshake_is_rejected(lacks: str) -> None:
    headers = {name: value for name, value in HANDSHAKE.items() if name != lacks}
    with pytest.raises(Problem) as refused:
        Sockets(1, lambda kind, change: None).admit(Request(EnvironBuilder(headers=headers).get_environ()), 1.0)
    assert refused.value.status == 426
    assert refused.value.headers["Sec-WebSocket-Version"] == "13"


def test_client_that_vanishes_while_sending_times_out(pair: tuple[socket.socket, socket.socket]) -> None:
    environ = EnvironBuilder(environ_base={"gunicorn.socket": pair[0]}).get_environ()
    set_timeout(environ, 0.01)
    with pytest.raises(TimeoutError):
        pair[0].recv(1)
    set_timeout(environ, None)
    assert pair[0].gettimeout() is None


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection: ours, and the peer's."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as theirs:
        ours, _ = server.accept()
        with ours:
            yield ours, theirs


def test_client_that_reads_none_of_its_answer_is_cut(connection: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = connection
    ours.settimeout(20)
    cut_when_stalled({"gunicorn.socket": ours}, 0.5)
    with pytest.raises(TimeoutError) as error:
        ours.sendall(b"x" * 50_000_000)
    assert error.value.errno == errno.ETIMEDOUT  # from the kernel; Python's own has no number


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_request_has_that_limit(
    method: str, connection: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    app = create_app(Settings(data_dir=str(tmp_path)))
    app.test_client().open("/healthz", method=method, environ_overrides={"gunicorn.socket": connection[0]})
    assert connection[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1000 * ANSWER_STALL_S
