"""A server that records its requests and answers as a test sets it up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


@dataclass
class Receiver:
    status: int = 200
    location: str = ""
    """Where it redirects to, if anywhere."""
    gate: threading.Event = field(default_factory=threading.Event)
    """No request is answered before it is set."""
    url: str = ""
    received: list[tuple[str, bytes]] = field(default_factory=list)
    """Paths and bodies."""

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.received]


@contextmanager
def receiving(receiver: Receiver) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version: ClassVar[str] = "HTTP/1.0"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append((self.path, body))
            receiver.gate.wait(60)
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_args: object) -> None:
            """Ignore it: the sender may be gone."""

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/ping/0f1e2d3c-marked-uuid"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield receiver
        receiver.gate.set()
        server.shutdown()
        thread.join()


@contextmanager
def absent_url() -> Iterator[str]:
    """A URL at which nothing answers: its port is taken, and nothing listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/ping/0f1e2d3c-marked-uuid"
