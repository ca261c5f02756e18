"""A request to the simulated Meetecho, and its checks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from harvester.simulator.meetecho.error_responses import Refusal

_SENT_BY_REQUESTS = frozenset({"host", "user-agent", "accept-encoding", "connection"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request to Meetecho. Header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").partition(" ")[2]


@dataclass(slots=True)
class Strictness:
    """Counts by their fault the requests that the datatracker's client would not have sent."""

    unlike: Counter[str] = field(default_factory=Counter)

    def refuse(self, fault: str, status: int = 400) -> Refusal:
        self.unlike[fault] += 1
        return Refusal(status, fault)

    def check(self, asked: Question, keys: Collection[str] | None, *, token: bool) -> Any:
        """The body. `keys`: what it must hold, None for no body at all."""
        headers = asked.headers
        wanted = {"accept"} | ({"authorization"} if token else set())
        body = {"content-type", "content-length"}
        others = headers.keys() - _SENT_BY_REQUESTS - wanted - body
        if others:
            raise self.refuse(f"header {min(others)}")
        if headers.get("accept") != "application/json":
            raise self.refuse("header accept", 406)
        if asked.query:
            raise self.refuse("query")
        if token and not headers.get("authorization", "").startswith("bearer "):
            raise self.refuse("no bearer", 401)
        if keys is None:
            # A POST without a body has its length in a header all the same.
            if asked.content or "content-type" in headers or headers.get("content-length", "0") != "0":
                raise self.refuse("a body")
            return None
        return self._body(asked, keys)

    def _body(self, asked: Question, keys: Collection[str]) -> Any:
        if asked.headers.get("content-type") != "application/json":
            raise self.refuse("content type", 415)
        try:
            told = json.loads(asked.content)
        except ValueError:
            raise self.refuse("no JSON") from None
        if not isinstance(told, dict) or told.keys() != set(keys):
            raise self.refuse("keys of the body")
        return told
