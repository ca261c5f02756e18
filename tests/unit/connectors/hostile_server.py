"""A server on loopback that sends the bytes of a test."""

from __future__ import annotations

import contextlib
import gzip
import re
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import create_server, socket

Answer = Callable[[socket], None]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@contextmanager
def serve(answer: Answer) -> Iterator[str]:
    """The URL of a server that answers every connection's first request with `answer`, and then closes it."""
    listener = create_server(("127.0.0.1", 0), backlog=50)
    stopped = threading.Event()

    def handle(connection: socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(30)
            if _reads_request(connection):
                answer(connection)

    def accept() -> None:
        while not stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stopped.set()
        with contextlib.suppress(OSError), socket() as waker:
            waker.connect(listener.getsockname())  # ends the last accept
        listener.close()
        thread.join(5)


def _reads_request(connection: socket) -> bool:
    """Whether there is one: the connection that ends the last accept sends nothing.

    Its body is read, too: closing a connection with unread data resets it, and the client may lose the answer.
    """
    received = b""
    while not _is_complete(received):
        part = connection.recv(65_536)
        if not part:
            return False
        received += part
    return True


def _is_complete(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


def send(content: bytes) -> Answer:
    return lambda connection: connection.sendall(content)


def gzip_bomb(megabytes: int = 2048) -> bytes:
    """A response that grows about a thousandfold when it is decompressed."""
    body = gzip.compress(b" " * 2**20) * megabytes
    return HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def nested_gzip_bomb() -> bytes:
    """The same, packed twice."""
    body = gzip.compress(gzip_bomb().partition(b"\r\n\r\n")[2])
    return HEAD + b"Content-Encoding: gzip, gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def deflate_bomb() -> bytes:
    """64 MB too many in one stream, packed with another method."""
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(b" " * 2**20) for _ in range(128)) + packer.flush()
    return HEAD + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def endless(part: bytes, head: bytes = b"", pause: float = 0.0) -> Answer:
    """`head`, and then `part` again and again."""

    def answer(connection: socket) -> None:
        connection.sendall(head)
        waiting = threading.Event()
        while True:
            connection.sendall(part)
            if pause:
                waiting.wait(pause)

    return answer
