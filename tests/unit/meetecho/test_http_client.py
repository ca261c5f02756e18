"""Requests to Meetecho equal those of the datatracker's client, and only read."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import requests
from requests import PreparedRequest

from connectors.errors import ConfigurationError
from connectors.meetecho import Meetecho
from connectors.models import MeetingRef
from tests.unit.fake_context import FakeContext
from tests.unit.meetecho.fake_api import DAY, MEETECHO, Account, data, settings

Build = Callable[..., Meetecho]


def sent(account: Account, path: str) -> list[PreparedRequest]:
    return [call.request for call in account.http.calls if call.request.url == f"{MEETECHO}/{path}"]


def datatracker_request(
    method: str, path: str, token: str | None = None, body: object = None
) -> PreparedRequest:
    """As `MeetechoAPI._request` in `ietf/utils/meetecho.py` makes it."""
    headers = {"Accept": "application/json"} | ({"Authorization": f"bearer {token}"} if token else {})
    return requests.Session().prepare_request(
        requests.Request(method, f"{MEETECHO}/{path}", headers=headers, json=body)
    )


def same(request: PreparedRequest, wanted: PreparedRequest) -> bool:
    own = dict(request.headers) | {"User-Agent": wanted.headers["User-Agent"]}
    return (request.method, request.url, request.body, own) == (
        wanted.method,
        wanted.url,
        wanted.body,
        dict(wanted.headers),
    )


def test_requests_equal_those_of_the_datatrackers_own_client(meetecho: Build, account: Account) -> None:
    asked = data("tokens_request")
    account.refused["/tokens"] = [(200, {}, json.dumps(data("tokens_response")))]
    account.refused["/fetchRooms"] = [(200, {}, '{"rooms": {}}')]
    connector = meetecho(MEETECHO_GROUPS=",".join(asked["wgs"]), MEETECHO_CLIENT_SECRET=asked["secret"])
    list(connector.meetings(DAY))
    (request,) = sent(account, "auth/ietfservice/tokens")
    assert same(request, datatracker_request("POST", "auth/ietfservice/tokens", body=asked))
    assert "Authorization" not in request.headers
    rooms = sent(account, "meeting/interim/fetchRooms")
    wanted = [
        datatracker_request("GET", "meeting/interim/fetchRooms", token)
        for token in data("tokens_response")["tokens"].values()
    ]
    assert all(same(*pair) for pair in zip(rooms, wanted, strict=True))
    assert [request.body for request in rooms] == [None, None, None]


def test_only_reading_calls_are_made(meetecho: Build, account: Account) -> None:
    account.session()
    connector = meetecho()
    for ref in connector.meetings(DAY):
        assert isinstance(ref, MeetingRef)
        connector.fetch(ref)
    list(connector.check())
    asked = {(call.request.method, str(call.request.url)) for call in account.http.calls}
    at_meetecho = {(method, url.removeprefix(MEETECHO)) for method, url in asked if url.startswith(MEETECHO)}
    assert at_meetecho == {("POST", "/auth/ietfservice/tokens"), ("GET", "/meeting/interim/fetchRooms")}
    assert {method for method, url in asked if not url.startswith(MEETECHO)} == {"GET"}


def test_a_trailing_slash_of_the_base_url_changes_nothing(meetecho: Build, account: Account) -> None:
    list(meetecho(MEETECHO_API_URL=f"{MEETECHO}/").meetings(DAY))
    assert sent(account, "meeting/interim/fetchRooms")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"MEETECHO_GROUPS": ""}, "MEETECHO_GROUPS"),
        ({"MEETECHO_GROUPS": "ac/ro"}, "MEETECHO_GROUPS"),
        ({"MEETECHO_CLIENT_SECRET": ""}, "MEETECHO_CLIENT_SECRET"),
        ({"MEETECHO_CLIENT_ID": ""}, "MEETECHO_CLIENT_ID"),
        ({"given": {"groups": ("beta",)}}, "beta"),
    ],
)
def test_invalid_settings_are_named(changes: dict[str, object], named: str, context: FakeContext) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Meetecho(settings(**changes), context)  # type: ignore[arg-type]  # the values are those of a keyword
