"""A proxy that injects faults, for tests of harvests over broken connections.

It speaks plain HTTP/1.1 with keep-alive, reads one request at a time from each connection, and passes an answer on when
it is complete. So it can lose exactly one answer that the server has sent.
"""

from __future__ import annotations

import hashlib
import re
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from random import Random
from types import TracebackType
from urllib.parse import urlsplit

IN_A_ROW = 3
"""How often in a row the same request may go wrong: who asks again gets an answer in the end."""

STUCK_SECONDS = 60.0
"""How long a peer may leave bytes unread before it counts as gone."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection:[ \t]*close", re.IGNORECASE)
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: %d\r\nContent-Length: 5\r\n\r\nbusy\n"


class Fault(StrEnum):
    """The kinds of fault. The first three may also hit a new connection."""

    latency = "the answer comes late"
    reset = "RST instead of asking the server"
    black_hole = "no answer until the client gives up"
    cut = "RST after the server has answered"
    half_a_body = "the headers, half a body and the end"
    slow_drip = "the answer in small pieces"
    busy = "503 with Retry-After"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How likely each fault befalls a new connection, and the answer to a request. Seconds are the machine's.

    `hole_seconds`: when a black hole ends by itself, with RST. `retry_after`: the value of that header, nominally;
    `speed` divides it, as it divides the harvester's own waits for simulated vendors; `clock` measures it.
    """

    seed: int = 1
    connections: Mapping[Fault, float] = field(default_factory=dict)
    answers: Mapping[Fault, float] = field(default_factory=dict)
    latency_seconds: float = 0.2
    drip_seconds: float = 0.3
    hole_seconds: float = 10.0
    retry_after: int = 2
    speed: float = 1.0
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer as it came. `whole`: nothing is missing at its end."""

    head: bytes
    body: bytes
    whole: bool = True

    @property
    def raw(self) -> bytes:
        return self.head + self.body

    @property
    def key(self) -> bytes:
        """The same for a request that is made again."""
        return hashlib.sha256(self.head.partition(b"\r\n")[0] + b"\0" + self.body).digest()


@dataclass(slots=True)
class _Cut:
    """Which answers are always lost: every `every`-th one, or only the `nth`, of the requests that `matches` accepts."""

    matches: Callable[[bytes], bool]
    every: int | None
    nth: int | None
    seen: int = 0

    def now(self, request: Message) -> bool:
        if not self.matches(request.raw[:200]):
            return False
        self.seen += 1
        return self.seen == self.nth or (self.every is not None and self.seen % self.every == 0)


class Proxy:
    """In front of the server at `target` (`http://host:port`). A context manager; when it is left, every connection is
    closed and every thread has ended.

    `counts`: the faults so far. `early`: requests that came again before the `Retry-After` given to them had passed.
    """

    def __init__(self, target: str, plan: Plan | None = None) -> None:
        parts = urlsplit(target)
        assert parts.hostname is not None
        self.counts: Counter[Fault] = Counter()
        self.requests = 0
        self.early = 0
        self._target = parts.hostname, parts.port or 80
        self._plan = plan or Plan()
        self._dice = Random(self._plan.seed)
        self._lock = threading.Lock()
        self._row: Counter[bytes] = Counter()
        self._not_before: dict[bytes, float] = {}
        self._cuts: list[_Cut] = []
        self._threads: set[threading.Thread] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def in_front_of(self, url: str) -> str:
        """The same URL through this proxy."""
        return self.url + url.removeprefix(f"http://{self._target[0]}:{self._target[1]}")

    def cut_after(
        self, matches: Callable[[bytes], bool], *, every: int | None = None, nth: int | None = None
    ) -> None:
        """Applied but not acknowledged: let such a request through, read the server's whole answer, and cut the
        connection instead of passing it on. `matches` sees the request's first 200 bytes."""
        with self._lock:
            self._cuts.append(_Cut(matches, every, nth))

    def __enter__(self) -> Proxy:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        # Readable from the end on: every wait looks at it too.
        self._ended, self._end = socket.socketpair()
        self._start(self._accept)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end.close()
        while True:
            with self._lock:
                threads = tuple(self._threads)
            if not threads:
                break
            for thread in threads:
                thread.join()
        self._listener.close()
        self._ended.close()

    def _start(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name="proxy", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _accept(self) -> None:
        while self._ready([self._listener]):
            connection, _ = self._listener.accept()
            self._start(partial(self._serve, connection))

    def _ready(
        self, connections: Sequence[socket.socket], seconds: float | None = None
    ) -> list[socket.socket]:
        """The sockets that can be read; none at the time-out or when the proxy ends."""
        found, _, _ = select.select([*connections, self._ended], [], [], seconds)
        return [] if self._ended in found else found

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            fault = self._drawn(self._plan.connections)
            if fault is not None and not self._survives(fault, connection):
                return
            try:
                with socket.create_connection(self._target, timeout=STUCK_SECONDS) as server:
                    ends = _Wire(connection, self._ready), _Wire(server, self._ready)
                    while self._exchange(*ends):
                        pass
            except OSError:
                _reset(connection)

    def _exchange(self, client: _Wire, server: _Wire) -> bool:
        """Pass on one request and its answer. Returns whether the connection may be used for another."""
        if not client.buffered and self._ready([client.socket, server.socket]) != [client.socket]:
            return False  # one of the two has hung up, or all this is over
        request = client.message()
        if request is None or not request.whole:
            return False
        fault = self._told(request)
        if fault is Fault.busy:
            client.socket.sendall(_BUSY % self._plan.retry_after)
            return True
        if fault is not None and not self._survives(fault, client.socket):
            return False
        server.socket.sendall(request.raw)
        answer = server.message(bodiless=request.head.startswith(b"HEAD "))
        if answer is None or self._cut_now(request, fault):
            _reset(client.socket)
            return False
        return self._deliver(answer, fault, client) and not _CLOSES.search(request.head)

    def _told(self, request: Message) -> Fault | None:
        """Choose the fault for this request, count it, and record how long the caller has to wait."""
        key, now = request.key, self._plan.clock()
        with self._lock:
            self.requests += 1
            if now < self._not_before.pop(key, now):
                self.early += 1
        fault = self._drawn(self._plan.answers) if self._row[key] < IN_A_ROW else None
        with self._lock:
            if fault is None:
                self._row.pop(key, None)
            else:
                self._row[key] += 1
            if fault is Fault.busy:
                self._not_before[key] = self._plan.clock() + self._plan.retry_after / self._plan.speed
        return fault

    def _drawn(self, odds: Mapping[Fault, float]) -> Fault | None:
        if not odds:
            return None
        with self._lock:
            dice = self._dice.random()
            for fault, part in odds.items():
                dice -= part
                if dice < 0:
                    self.counts[fault] += 1
                    return fault
        return None

    def _survives(self, fault: Fault, connection: socket.socket) -> bool:
        """Inject a fault before the request is passed on. Returns whether the connection can still be used."""
        if fault is Fault.latency:
            self._rest(self._plan.latency_seconds)
        elif fault is Fault.black_hole:
            # Wait for the end of the connection only: data that arrives meanwhile stays unread.
            hung_up = select.poll()
            hung_up.register(connection, select.POLLRDHUP)
            hung_up.register(self._ended, select.POLLIN)
            hung_up.poll(self._plan.hole_seconds * 1000)
        if fault in {Fault.black_hole, Fault.reset}:
            _reset(connection)
            return False
        return True

    def _rest(self, seconds: float) -> None:
        self._ready([], seconds)

    def _cut_now(self, request: Message, fault: Fault | None) -> bool:
        with self._lock:
            planned = [cut.now(request) for cut in self._cuts]
            if any(planned):
                self.counts[Fault.cut] += 1
        return any(planned) or fault is Fault.cut

    def _deliver(self, answer: Message, fault: Fault | None, client: _Wire) -> bool:
        """Send the answer. Returns whether the client has all of it and may send another request."""
        if fault is Fault.half_a_body:
            client.socket.sendall(answer.head + answer.body[: len(answer.body) // 2])
            return False
        if fault is Fault.slow_drip:
            self._drip(answer.raw, client.socket)
        else:
            client.socket.sendall(answer.raw)
        return answer.whole and not _CLOSES.search(answer.head)

    def _drip(self, raw: bytes, connection: socket.socket) -> None:
        size = max(1, len(raw) // 10)
        for start in range(0, len(raw), size):
            connection.sendall(raw[start : start + size])
            self._rest(self._plan.drip_seconds / 10)


class _Wire:
    """One end of a connection, with the bytes that have arrived and were not read yet."""

    def __init__(
        self, connection: socket.socket, ready: Callable[[Sequence[socket.socket]], list[socket.socket]]
    ) -> None:
        self.socket = connection
        self.buffered = b""
        self._ready = ready
        connection.settimeout(STUCK_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def message(self, *, bodiless: bool = False) -> Message | None:
        """The next message, as much of it as comes; `None` when nothing does. `bodiless`: the answer to a HEAD."""
        head = self._until(b"\r\n\r\n")
        if not head:
            return None
        if not head.endswith(b"\r\n\r\n"):
            return Message(head, b"", whole=False)
        if _CHUNKED.search(head):
            body, whole = self._chunks()
            return Message(head, body, whole)
        length = _LENGTH.search(head)
        if bodiless or length is None:
            return Message(head, b"")
        body = self._exactly(int(length[1]))
        return Message(head, body, whole=len(body) == int(length[1]))

    def _chunks(self) -> tuple[bytes, bool]:
        body = b""
        while True:
            line = self._until(b"\r\n")
            body += line
            if not line.endswith(b"\r\n"):
                return body, False
            size = int(line.partition(b";")[0], 16)
            chunk = self._exactly(size + 2)  # and its newline; no trailers: neither server sends any
            body += chunk
            if len(chunk) < size + 2:
                return body, False
            if not size:
                return body, True

    def _until(self, end: bytes) -> bytes:
        while end not in self.buffered:
            if not self._more():
                taken, self.buffered = self.buffered, b""
                return taken
        taken, _, self.buffered = self.buffered.partition(end)
        return taken + end

    def _exactly(self, size: int) -> bytes:
        parts = [self.buffered]
        missing = size - len(self.buffered)
        self.buffered = b""
        while missing > 0 and self._more():
            parts.append(self.buffered)
            missing -= len(self.buffered)
            self.buffered = b""
        whole = b"".join(parts)
        self.buffered = whole[size:]
        return whole[:size]

    def _more(self) -> bool:
        """Wait for more bytes; False at the end of the connection, or of the proxy."""
        if not self._ready([self.socket]):
            return False
        try:
            came = self.socket.recv(1 << 18)
        except ConnectionError:
            return False
        self.buffered += came
        return bool(came)


def _reset(connection: socket.socket) -> None:
    """Close it with RST instead of FIN, as a firewall does."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
