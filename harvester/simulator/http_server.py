"""The HTTP server under the simulator: a bound socket, and a uvicorn that says when it listens."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from harvester.port_error import port_error
from harvester.simulator.faults import TRANSPORT

HOST = "127.0.0.1"


class _Protocol(H11Protocol):
    """HTTP protocol that passes the connection to the application, so that the application can break it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        application: Any = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"] = {TRANSPORT: self.transport}
            await application(scope, receive, send)

        self.app = with_transport


class Server(uvicorn.Server):
    """Sets an event once it listens, and ends on SIGHUP as on SIGTERM."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            before = signal.getsignal(signal.SIGHUP)
            is_handled = threading.current_thread() is threading.main_thread() and before != signal.SIG_IGN
            if is_handled:
                signal.signal(signal.SIGHUP, self.handle_exit)
            try:
                yield
            finally:
                if is_handled:
                    signal.signal(signal.SIGHUP, before)


def create_server(app: ASGIApp) -> Server:
    return Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
            backlog=2048,
        )
    )


def listen(port: int) -> tuple[socket.socket, str]:
    """Return a bound socket, and the base URL of what it will serve. Raises ConfigurationError if the port is taken."""
    # asyncio turns off Nagle's algorithm only if the protocol is named, and an answer is two writes.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise port_error(HOST, port, error) from None
    return listener, f"http://{HOST}:{listener.getsockname()[1]}"
