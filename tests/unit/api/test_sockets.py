"""The layer between simple-websocket and the network."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from api.http.problems import Problem
from api.http.sockets import BoundedSocket, Sockets, set_timeout

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
