"""What is agreed with Meetecho, its tokens, and how requests must look: as the datatracker's own client sends them.

Nobody outside knows what Meetecho makes of any other request, how long a token lives or what it says when it refuses.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harvester.simulator.clock import Calendar
from harvester.simulator.organisation import seeded_random

CLIENT_ID = "invented-datatracker"
CLIENT_SECRET = "invented-meetecho-secret"
TOKEN_SECONDS = 3600.0
_SENT_BY_REQUESTS = frozenset({"host", "user-agent", "accept-encoding", "connection"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`credentials`: whether the settings have Meetecho's. `refused`: groups that get a token and are refused with it;
    `unknown`: groups that get none. `hasty`: every so many answers of the datatracker's are a 429 that says to wait no
    time; 0: none."""

    credentials: bool = True
    refused: Sequence[str] = ()
    unknown: Sequence[str] = ()
    hasty: int = 40

    def rooms(self, group: str) -> bool:
        """Whether the rooms of a group can be had."""
        return self.credentials and group not in self.refused and group not in self.unknown


class Refusal(Exception):
    """An answer of Meetecho's that is neither 200 nor 202."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


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


@dataclass(slots=True)
class Tokens:
    """Each is good for one group and an hour; asking again gives others."""

    calendar: Calendar
    terms: Terms
    seed: int
    groups: Collection[str]
    issued: int = 0
    _live: dict[str, tuple[str, float]] = field(default_factory=dict)

    def tokens(self, told: Mapping[str, Any]) -> dict[str, str]:
        """For those of the groups that are known. Refusal: credentials."""
        if (told["client"], told["secret"]) != (CLIENT_ID, CLIENT_SECRET):
            raise Refusal(401, "Invalid client or secret")
        self.issued += 1
        given = {}
        for group in told["wgs"]:
            if group in self.groups and group not in self.terms.unknown:
                words = seeded_random.digest(self.seed, "meetecho token", group, self.issued).hex()
                given[group] = f"wg-{group}-{words}"
                self._live[given[group]] = group, self.calendar.elapsed() + TOKEN_SECONDS
        return given

    def group(self, token: str) -> str:
        """Whose token it is. Refusal: nobody's, one that has died, or a group that is refused."""
        group, until = self._live.get(token, ("", 0.0))
        if self.calendar.elapsed() >= until:
            raise Refusal(401, "Invalid token")
        if group in self.terms.refused:
            raise Refusal(403, "Not allowed")
        return group
