"""Serves an application on a port, beside the program's main thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from harvester.port_error import port_error
from harvester.rooms.service.live_changes import LiveChanges

GRACE_SECONDS = 3
MAX_CONNECTIONS = 1000
MAX_HEADER_BYTES = 16_384


@contextmanager
def serving(app: ASGIApp, changes: LiveChanges, *, host: str, port: int) -> Iterator[str]:
    """The base URL. Raises ConfigurationError if the address cannot be used. Port 0 takes any free one."""
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_graceful_shutdown=GRACE_SECONDS,
        http="h11",
        ws="none",
        lifespan="off",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listener])), name="rooms-http", daemon=True
    )
    thread.start()
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listener.getsockname()[1]}/"
    finally:
        changes.close()
        server.should_exit = True
        thread.join(GRACE_SECONDS + 2)
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except (OSError, UnicodeError) as error:
        raise port_error(host, port, error) from None
    # asyncio sets TCP_NODELAY if the socket says that it is TCP; otherwise each body waits for a confirmation.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)  # from now on connections wait until the server has started
    except (OSError, OverflowError) as error:
        listener.close()
        raise port_error(host, port, error) from None
    return listener
