"""The tests' WebSocket client receives what a server sends in one piece with its handshake."""

from __future__ import annotations

import socket
import threading

import pytest
from simple_websocket import ConnectionClosed
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, TextMessage

from tests.websocket_client import Client


def test_messages_and_close_that_arrive_with_the_handshake_are_received() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as connection:
                protocol = WSConnection(ConnectionType.SERVER)
                protocol.receive_data(connection.recv(4096))
                next(protocol.events())
                events = (AcceptConnection(), TextMessage("first"), TextMessage("second"), CloseConnection(1000))
                connection.sendall(b"".join(map(protocol.send, events)))
                connection.recv(4096)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        client = Client(f"ws://127.0.0.1:{server.getsockname()[1]}/")
        assert [client.receive(timeout=20), client.receive(timeout=20)] == ["first", "second"]
        with pytest.raises(ConnectionClosed):
            client.receive(timeout=20)
        client.thread.join(20)
        thread.join(20)
