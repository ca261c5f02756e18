"""Arduino IoT Cloud: the Things of an account, and the values of their properties.

API v2 as in arduino/iot-client-py at 67961f5c (tag v3.0.0): the token by client credentials with the audience below,
`GET /iot/v2/things?show_properties=true`, `PUT /iot/v2/things/{id}/properties/{pid}/publish`. In an organization the token
request needs `X-Organization` as well (node-red-contrib-arduino-iot-cloud, PR 58). Free plans permit one request a second,
paid ones 10 (arduino/iot-client-py, issue 99).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import orjson

from connectors.base import Context, Token
from connectors.errors import BrokenResponse, CredentialsError, VendorError
from connectors.http import Api
from connectors.oauth import FORM, TokenCache, parse_token, text_field, token_request
from connectors.parsing import as_dicts, as_text
from connectors.rate_limit import RateLimiter
from connectors.response_decisions import Decision, Response, Retry, default_decision
from connectors.retry import RetryLimits
from harvester.rooms.rooms_file import ArduinoAccount

NAME = "Arduino"
TOKEN_PATH = "/iot/v1/clients/token"  # noqa: S105  # the path of the token endpoint, not a secret
PUBLISH = "PUT /iot/v2/things/{id}/properties/{pid}/publish"
AUDIENCE = "https://api2.arduino.cc/iot"
"""Whatever the address of the API: it names the API, and is not requested."""
THINGS_PATH = "/iot/v2/things"

TOKEN_LIFE = timedelta(minutes=5)
"""Used if the answer has no `expires_in`."""

RETRY_LIMITS = RetryLimits(first_seconds=1.0, cap_seconds=30.0, total_seconds=120.0, attempts=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A property of a Thing. `value`: the last one."""

    id: str
    name: str
    type: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A Thing with its properties, by the names of their variables."""

    id: str
    name: str
    properties: Mapping[str, Property]


class ArduinoClient:
    """Safe for all threads."""

    def __init__(self, account: ArduinoAccount, base_url: str, context: Context) -> None:
        self._organization = {"X-Organization": account.organization} if account.organization else {}
        self._limiter = RateLimiter(context, calls=account.requests_per_second, per=1.0, share=1.0)
        self._context = context
        self._api = Api(
            NAME,
            base_url,
            context,
            classify=self._classify,
            auth=_ArduinoToken(account, base_url, context, self._organization),
            limits=RETRY_LIMITS,
        )

    def things(self) -> list[Thing]:
        """Every Thing of the account. Raises BrokenResponse unless the answer is a list."""
        call = f"GET {THINGS_PATH}"
        body = self._api.get(
            call,
            THINGS_PATH,
            params={"show_properties": "true"},
            headers=self._organization,
            limiter=self._limiter,
        )
        if not isinstance(body, list):
            raise BrokenResponse(f"{NAME}: {call}: a response that is not a list")
        return [thing for row in as_dicts(body) if (thing := _thing(row)) is not None]

    def publish(self, thing: Thing, target: Property, value: Any) -> None:
        """Set the value of one property."""
        self._api.send(
            "PUT",
            PUBLISH,
            f"{THINGS_PATH}/{quote(thing.id, safe='')}/properties/{quote(target.id, safe='')}/publish",
            data=orjson.dumps({"value": value}),
            headers={"Content-Type": "application/json", **self._organization},
            limiter=self._limiter,
        )

    def _classify(self, response: Response) -> Decision:
        if response.status in {200, 201, 202, 204}:
            # A published value is answered without a body, which may be labelled as JSON.
            is_published = response.call.endswith(PUBLISH)
            return None if is_published or response.broken is None else _retry(response)
        if response.status == 401:
            error = CredentialsError(f"{response.call}: a new token is refused as well (401)")
            return Retry(error=error, renew=True)
        if response.status == 403:
            return CredentialsError(
                f"{response.call}: refused (403): check iot_organization_id and what the API key may do"
            )
        return default_decision(response, self._context.now())


def _retry(response: Response) -> Retry:
    error = VendorError(f"{response.call}: {response.broken}", status=response.status)
    return Retry(error=error)


class _ArduinoToken(TokenCache):
    """One token for all requests, kept in memory."""

    def __init__(
        self,
        account: ArduinoAccount,
        base_url: str,
        context: Context,
        organization: Mapping[str, str],
    ) -> None:
        super().__init__(context, early_seconds=30.0)
        self._account = account
        self._now = context.now
        self._organization = organization
        self._api = Api(NAME, base_url, context, classify=self._classify, limits=RETRY_LIMITS)

    def obtain(self, rejected: str | None) -> Token:  # noqa: ARG002  # each token is a new one
        body = self._api.request(
            "POST",
            f"POST {TOKEN_PATH}",
            TOKEN_PATH,
            data=token_request(
                "client_credentials",
                client_id=self._account.client_id,
                client_secret=self._account.client_secret,
                audience=AUDIENCE,
            ),
            headers={**FORM, **self._organization},
        )
        return parse_token(body, self._now(), default_life=TOKEN_LIFE)

    def _classify(self, response: Response) -> Decision:
        if response.ok:
            if text_field(response.body, "access_token"):
                return None
            return BrokenResponse(f"{response.call}: a response without a token", status=response.status)
        if response.status in {400, 401, 403}:
            return CredentialsError(
                f"{response.call}: refused ({response.status}): check the client id and secret, and in an organization its id"
            )
        return default_decision(response, self._now())


def _thing(row: Mapping[str, Any]) -> Thing | None:
    thing_id, name = as_text(row.get("id")), as_text(row.get("name"))
    if thing_id is None or name is None:
        return None
    properties = {}
    for each in as_dicts(row.get("properties")):
        property_id = as_text(each.get("id"))
        variable = as_text(each.get("variable_name")) or as_text(each.get("name"))
        if property_id is not None and variable is not None:
            properties[variable.lower()] = Property(
                id=property_id,
                name=variable,
                type=as_text(each.get("type")) or "",
                value=each.get("last_value"),
            )
    return Thing(id=thing_id, name=name, properties=properties)
