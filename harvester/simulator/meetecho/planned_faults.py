"""What a caller asked of rooms and decks: the log of requests, planned faults, and observers.

A planned fault damages the answer to a chosen request, so that a program can be tested at every point. An
observer is called before a request is carried out and again before it is answered.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from starlette.types import Scope, Send

from harvester.simulator.clock import SimulatedClock
from harvester.simulator.faults import TRANSPORT, reset

Kind = Literal["lost_request", "lost_reply", "error", "error_after", "page", "absent", "expired", "late"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Moment = Literal["before", "after"]

_HTML = "text/html; charset=utf-8"
_LOG_LENGTH = 100_000
_PAGE = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body>Back soon</body></html>"
_ANSWERS: Mapping[str, tuple[int, bytes]] = {
    "error": (500, b"<html><body>Internal error</body></html>"),
    "error_after": (502, b"<html><body>502 Bad Gateway</body></html>"),
    "page": (200, _PAGE),
    "absent": (404, b""),
    "expired": (401, b""),
}
_CARRIED_OUT = frozenset({"lost_reply", "error_after", "late"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    kind: str
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request.

    call: method and path, without what `about` contains: `POST materials`, `GET session materials`, `GET deck`.
    about: the group of a room, the session of decks, the path of a file.
    body: what was sent; never a token.
    """

    call: str
    about: str = ""
    body: Any = None
    writes: bool = False


@dataclass(slots=True, kw_only=True)
class PlannedFault:
    """Damages `times` requests for `call`, after the first `skip`; a negative number has no end.

    lost_request: the connection breaks before the request is carried out. lost_reply: after it.
    error, error_after: a 500 before it is carried out, a 502 after it.
    page: a 200 with a page, not carried out. absent: 404. expired: 401.
    late: carried out and answered `seconds` later.
    """

    call: str
    kind: Kind
    about: str = ""
    skip: int = 0
    times: int = 1
    seconds: float = 0.0
    counted: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}")

    def hits(self, exchange: Exchange) -> bool:
        """Count the request if it is a chosen one. Returns whether it is to be damaged."""
        if exchange.call != self.call or self.about not in ("", exchange.about):
            return False
        position, self.counted = self.counted, self.counted + 1
        return position >= self.skip and (self.times < 0 or position < self.skip + self.times)


@dataclass(slots=True)
class Exchanges:
    """Answers requests, keeps a log of them, and applies planned faults.

    log: a row per request, with the status of its answer; None if the connection was broken.
    observers: called with each request, before it is carried out and after. Before, they may add faults.
    """

    clock: SimulatedClock
    faults: list[PlannedFault] = field(default_factory=list)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_LOG_LENGTH))
    observers: list[Callable[[Exchange, Moment], None]] = field(default_factory=list)

    async def answer(self, exchange: Exchange, carry_out: Callable[[], Reply], scope: Scope) -> Reply | None:
        """Return the reply, None if the connection was broken."""
        self._notify(exchange, "before")
        fault = next(iter([fault for fault in self.faults if fault.hits(exchange)]), None)
        carried_out = fault is None or fault.kind in _CARRIED_OUT
        reply = carry_out() if carried_out else None
        if fault is not None and fault.kind in _ANSWERS:
            status, content = _ANSWERS[fault.kind]
            reply = Reply(status=status, kind=_HTML, content=content)
        lost = fault is not None and fault.kind in {"lost_request", "lost_reply"}
        self._record(exchange, carried_out, None if lost or reply is None else reply.status)
        self._notify(exchange, "after")
        if lost:
            await _break(scope)
            return None
        if fault is not None and fault.kind == "late":
            await asyncio.sleep(fault.seconds)
        return reply

    def _notify(self, exchange: Exchange, moment: Moment) -> None:
        for observer in self.observers:
            observer(exchange, moment)

    def _record(self, exchange: Exchange, carried_out: bool, status: int | None) -> None:
        self.log.append(
            {
                "at": self.clock.now().isoformat(),
                "call": exchange.call,
                "about": exchange.about,
                "body": exchange.body,
                "writes": exchange.writes,
                "carried_out": carried_out,
                "status": status,
            }
        )


async def _break(scope: Scope) -> None:
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]
    reset(transport)
    await asyncio.sleep(0.001)  # let the server notice that the client is gone


async def send_reply(send: Send, reply: Reply, date: bytes, chunk_bytes: int) -> None:
    body = reply.content
    headers = [
        (b"content-type", reply.kind.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"date", date),
    ]
    headers += [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    for start in range(0, max(1, len(body)), chunk_bytes):
        chunk, rest = body[start : start + chunk_bytes], start + chunk_bytes < len(body)
        await send({"type": "http.response.body", "body": chunk, "more_body": rest})


def without_tokens(content: bytes) -> Any:
    """Return a request's body for the log; None if it has none, is not JSON or contains a secret."""
    try:
        body = json.loads(content)
    except ValueError:
        return None
    return None if isinstance(body, dict) and "secret" in body else body
