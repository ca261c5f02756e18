"""Planned faults of requests for rooms, and the log of these requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from harvester.simulator.google_meet.error_responses import ErrorResponse

FaultKind = Literal["error", "error_after", "lost_request", "lost_reply", "quota", "too_many"]


class LostConnection(Exception):
    """The connection breaks without an answer."""


@dataclass(slots=True, kw_only=True)
class PlannedFault:
    """Damages the answers to some requests.

    call: part of the name of the call, as in `traffic`, like `POST calendar calendars/{id}/events`; empty for any.
    room: its name, empty for any. times: how often, -1 for always. skip: how many such requests to answer first.
    """

    kind: FaultKind
    call: str = ""
    room: str = ""
    times: int = 1
    skip: int = 0

    def take(self, call: str, room: str) -> bool:
        """Return whether the fault applies to this request, and count it."""
        if not self.times or (self.call and self.call != call) or (self.room and self.room != room):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1 if self.times > 0 else 0
        return True


@dataclass(slots=True)
class RoomRequests:
    """`log` has a row for each request: its call, room, instant (milliseconds) and outcome."""

    faults: list[PlannedFault] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, call: str, room: str, instant: int, carry_out: Callable[[], Any]) -> Any:
        """Return what `carry_out` returns, unless a planned fault prevents it.

        Raises ErrorResponse or LostConnection, after the request has been carried out for `error_after` and
        `lost_reply`.
        """
        row: dict[str, Any] = {"call": call, "room": room, "instant": instant, "outcome": "ok"}
        self.log.append(row)
        kind = next((fault.kind for fault in self.faults if fault.take(call, room)), None)
        try:
            if kind is not None and kind not in {"error_after", "lost_reply"}:
                raise _damage(kind)
            answer = carry_out()
            if kind is not None:
                raise _damage(kind)
        except ErrorResponse as error:
            row["outcome"] = error.status
            raise
        except LostConnection:
            row["outcome"] = "lost"
            raise
        return answer


def _damage(kind: FaultKind) -> Exception:
    if kind in {"lost_request", "lost_reply"}:
        return LostConnection()
    if kind == "quota":
        return ErrorResponse(403, "Rate Limit Exceeded", reason="rateLimitExceeded", domain="usageLimits")
    if kind == "too_many":
        error = ErrorResponse(429, "Rate Limit Exceeded", reason="rateLimitExceeded", domain="usageLimits")
        error.headers["Retry-After"] = "1"
        return error
    return ErrorResponse(503, "Backend Error", reason="backendError")
