"""The simulated Arduino IoT Cloud as an ASGI application, below `/arduino`, with `/_simulator/arduino`."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from harvester.simulator.arduino.things import Thing, invent_things, property_row, thing_row
from harvester.simulator.clock import SimulatedClock
from harvester.simulator.google_meet.rooms.room import Room
from harvester.simulator.http_bodies import encode_json, read_body
from harvester.simulator.organisation import Organisation
from harvester.simulator.rate_limits import RateLimit

PREFIX = "/arduino"
CONTROL = "/_simulator/arduino"
AUDIENCE = "https://api2.arduino.cc/iot"
CLIENT_ID = "inventedArduinoClient"
CLIENT_SECRET = "inventedArduinoSecretNobodyHas"
TOKEN_SECONDS = 300.0
_TOKEN_PATH = f"{PREFIX}/iot/v1/clients/token"
_API = f"{PREFIX}/iot/v2/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArduinoOptions:
    """organization: the id of the organization that owns the Things, empty for a personal account.
    requests_per_second: 1 on the free plan.
    complete: every room has a Thing with all properties; else some lack them, as real ones do.
    """

    organization: str = ""
    requests_per_second: int = 1
    complete: bool = False


class ErrorResponse(Exception):
    def __init__(self, status: int, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = {} if retry_after is None else {"Retry-After": str(max(1, ceil(retry_after)))}


@dataclass(frozen=True, slots=True)
class _Token:
    issued: float
    organization: str


class Arduino:
    """The Things of the organisation. `log` has every request for Things, without tokens."""

    def __init__(
        self,
        organisation: Organisation,
        clock: SimulatedClock,
        rooms: Sequence[Room],
        options: ArduinoOptions | None = None,
    ) -> None:
        self.options = options or ArduinoOptions()
        names, created = [room.name for room in rooms], clock.now().isoformat()
        self.things = invent_things(organisation.seed, names, created, complete=self.options.complete)
        self.log: list[dict[str, Any]] = []
        self.calls: Counter[str] = Counter()
        self.rate = RateLimit(self.options.requests_per_second, 1.0)
        self._clock = clock
        self._tokens: dict[str, _Token] = {}
        self._failures = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await read_body(receive)
        status, answer, more = 200, None, {}
        try:
            answer = self._answer(scope, path, headers, body)
        except ErrorResponse as error:
            status, answer, more = error.status, {"status": error.status, "detail": str(error)}, error.headers
        content = b"" if answer is None else encode_json(answer)
        sent = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
            (b"date", self._clock.date_header()),
            *((name.lower().encode(), value.encode()) for name, value in more.items()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, scope: Scope, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        method = scope["method"]
        if path == CONTROL:
            return self._control(method, body)
        if path == _TOKEN_PATH and method == "POST":
            self.calls["POST token"] += 1
            return self._token(headers, body)
        if not path.startswith(_API):
            raise ErrorResponse(404, "not found")
        row: dict[str, Any] = {"method": method, "path": path.removeprefix(PREFIX), "status": 200}
        self.log.append(row)
        try:
            return self._answer_api(method, path, scope["query_string"].decode(), headers, body, row)
        except ErrorResponse as error:
            row["status"] = error.status
            raise

    def _token(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        if form.get("grant_type") != "client_credentials" or form.get("audience") != AUDIENCE:
            raise ErrorResponse(400, "invalid grant or audience")
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise ErrorResponse(401, "access denied")
        token = secrets.token_urlsafe(24)
        self._tokens[token] = _Token(self._clock.elapsed(), headers.get("x-organization", ""))
        return {"access_token": token, "expires_in": int(TOKEN_SECONDS), "token_type": "Bearer"}

    def _answer_api(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, row: dict[str, Any]
    ) -> Any:
        parts = path.removeprefix(_API).split("/")
        self._check_token(headers)
        self._check_rate()
        if self._failures:
            self._failures -= 1
            raise ErrorResponse(503, "service unavailable")
        if method == "GET" and parts == ["things"]:
            self.calls["GET things"] += 1
            return self._list(parse_qs(query))
        thing = next((each for each in self.things if len(parts) > 1 and each.id == parts[1]), None)
        if parts[0] != "things" or thing is None:
            raise ErrorResponse(404, "thing not found")
        if method == "GET" and parts[2:] == ["properties"]:
            self.calls["GET things/{id}/properties"] += 1
            return [property_row(thing, each) for each in thing.properties.values()]
        if method == "PUT" and len(parts) == 5 and parts[2] == "properties" and parts[4] == "publish":
            self.calls["PUT things/{id}/properties/{id}/publish"] += 1
            self._publish(thing, parts[3], body, row)
            return None
        raise ErrorResponse(404, "not found")

    def _check_token(self, headers: Mapping[str, str]) -> None:
        kind, _, text = headers.get("authorization", "").partition(" ")
        token = self._tokens.get(text.strip()) if kind.lower() == "bearer" else None
        if token is None or self._clock.elapsed() - token.issued >= TOKEN_SECONDS:
            raise ErrorResponse(401, "invalid access token")
        organization = headers.get("x-organization", "")
        # The Things are visible only with the organization's id on the token and on the call.
        if {organization, token.organization} != {self.options.organization}:
            raise ErrorResponse(403, "not permitted in this organization")

    def _check_rate(self) -> None:
        now = self._clock.elapsed()
        if not self.rate.admit(now):
            raise ErrorResponse(429, "You have reached maximum request limit.", self.rate.wait(now))

    def _list(self, query: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
        properties = query.get("show_properties") == ["true"]
        ids = query.get("ids")
        return [
            thing_row(each, properties=properties) for each in self.things if ids is None or each.id in ids
        ]

    def _publish(self, thing: Thing, property_id: str, body: bytes, row: dict[str, Any]) -> None:
        found = thing.properties.get(property_id)
        if found is None:
            raise ErrorResponse(404, "property not found")
        try:
            value = json.loads(body)["value"]
        except (KeyError, TypeError, ValueError):
            raise ErrorResponse(400, "value is missing") from None
        if not isinstance(value, bool if found.name == "busynow" else str):
            raise ErrorResponse(400, "the value has another type than the property")
        row |= {"thing": thing.name, "property": found.name, "value": value}
        row["unchanged"] = value == found.value
        found.value, found.updated = value, self._clock.now().isoformat()

    def _control(self, method: str, body: bytes) -> dict[str, Any]:
        """Return the values of every Thing and the requests; POST changes something first.

        set: by Thing, values of properties. remove: by Thing, names of properties. fail: how many answers are 503.
        expire: true lets every token expire.
        """
        if method == "POST":
            try:
                self._change(json.loads(body))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ErrorResponse(400, repr(error)) from None
        return {
            "things": {each.name: dict(each.values()) for each in self.things},
            "requests": list(self.log),
        }

    def _change(self, changes: Mapping[str, Any]) -> None:
        things = {each.name: each for each in self.things}
        for name, values in changes.get("set", {}).items():
            for each, value in values.items():
                things[name].named(each).value = value
        for name, names in changes.get("remove", {}).items():
            for each in names:
                del things[name].properties[things[name].named(each).id]
        self._failures = changes.get("fail", self._failures)
        if changes.get("expire"):
            self._tokens.clear()

    def traffic(self) -> dict[str, Any]:
        counts = self.rate.counts()
        return {"classes": {"things": counts}, "refused": counts["refused"], "calls": dict(self.calls)}


def routes(cloud: Arduino) -> Sequence[BaseRoute]:
    return [Route(CONTROL, cloud), Mount(PREFIX, app=cloud)]
