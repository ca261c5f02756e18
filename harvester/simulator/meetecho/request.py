"""A request to the simulated Meetecho, and the check that it is one that the datatracker's client would send."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harvester.simulator.meetecho.error_responses import ErrorResponse

_SENT_BY_REQUESTS = frozenset({"host", "user-agent", "accept-encoding", "connection"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to Meetecho. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").partition(" ")[2]


@dataclass(slots=True)
class RequestChecker:
    """Counts, by fault, the requests that the datatracker's client would not have sent."""

    unexpected: Counter[str] = field(default_factory=Counter)

    def error(self, fault: str, status: int = 400) -> ErrorResponse:
        self.unexpected[fault] += 1
        return ErrorResponse(status, fault)

    def check(self, request: Request, keys: Mapping[str, type] | None, *, token: bool) -> Any:
        """Check the request and return its body.

        `keys` are the keys that the body must have, with the types of their values; None for no body.
        """
        headers = request.headers
        wanted = {"accept"} | ({"authorization"} if token else set())
        body = {"content-type", "content-length"}
        others = headers.keys() - _SENT_BY_REQUESTS - wanted - body
        if others:
            raise self.error(f"header {min(others)}")
        if headers.get("accept") != "application/json":
            raise self.error("header accept", 406)
        if request.query:
            raise self.error("query")
        if token and not headers.get("authorization", "").startswith("bearer "):
            raise self.error("no bearer", 401)
        if keys is None:
            # A POST without a body still has a Content-Length header.
            if request.content or "content-type" in headers or headers.get("content-length", "0") != "0":
                raise self.error("a body")
            return None
        return self._body(request, keys)

    def check_values(self, value: Any, keys: Mapping[str, type]) -> None:
        """Check that a value is an object with these keys and types."""
        if not isinstance(value, dict) or value.keys() != keys.keys():
            raise self.error("keys of the body")
        for name, kind in keys.items():
            if type(value[name]) is not kind:
                raise self.error(f"type of {name}")

    def _body(self, request: Request, keys: Mapping[str, type]) -> Any:
        if request.headers.get("content-type") != "application/json":
            raise self.error("content type", 415)
        try:
            body = json.loads(request.content)
        except ValueError:
            raise self.error("no JSON") from None
        self.check_values(body, keys)
        return body
