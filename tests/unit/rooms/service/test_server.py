"""harvester/rooms/service/server.py: addresses that cannot be used, and connections that answer at once."""

from __future__ import annotations

import socket

import pytest

from connectors.errors import ConfigurationError
from harvester.rooms.service.live_changes import LiveChanges
from harvester.rooms.service.server import _listen, serving


async def nothing(_scope: object, _receive: object, _send: object) -> None:
    """An application that is never asked."""


def test_connections_send_each_part_of_an_answer_at_once() -> None:
    """Otherwise the body waits until the client confirms the headers: asyncio sets TCP_NODELAY for sockets of this protocol."""
    with _listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_used_port_is_an_error_that_names_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with (
            pytest.raises(ConfigurationError, match=f"port {port}"),
            serving(nothing, LiveChanges(), host="127.0.0.1", port=port),
        ):
            pass
