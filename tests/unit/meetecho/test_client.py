"""What is sent to Meetecho is what the datatracker's own client sends, and only what reads."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import requests
from requests import PreparedRequest

from connectors.errors import ConfigurationError, CredentialsError
from connectors.meetecho import Meetecho
from connectors.models import MeetingRef, SkippedPartition
from tests.unit.fake_context import FakeContext
from tests.unit.meetecho.fake_api import DAY, MEETECHO, Account, data, settings

Build = Callable[..., Meetecho]


def sent(account: Account, path: str) -> list[PreparedRequest]:
    return [call.request for call in account.http.calls if call.request.url == f"{MEETECHO}/{path}"]


def theirs(method: str, path: str, token: str | None = None, body: object = None) -> PreparedRequest:
    """As `MeetechoAPI._request` in `ietf/utils/meetecho.py` makes it."""
    headers = {"Accept": "application/json"} | ({"Authorization": f"bearer {token}"} if token else {})
    return requests.Session().prepare_request(
        requests.Request(method, f"{MEETECHO}/{path}", headers=headers, json=body)
    )


def same(ours: PreparedRequest, wanted: PreparedRequest) -> bool:
    own = dict(ours.headers) | {"User-Agent": wanted.headers["User-Agent"]}
    return (ours.method, ours.url, ours.body, own) == (
        wanted.method,
        wanted.url,
        wanted.body,
        dict(wanted.headers),
    )


def test_tokens_of_all_groups_are_asked_for_in_one_call_as_the_datatrackers_client_does(
    meetecho: Build, account: Account
) -> None:
    asked = data("tokens_request")
    account.refused["/tokens"] = [(200, {}, json.dumps(data("tokens_response")))]
    account.refused["/fetchRooms"] = [(200, {}, '{"rooms": {}}')]
    connector = meetecho(MEETECHO_GROUPS=",".join(asked["wgs"]), MEETECHO_CLIENT_SECRET=asked["secret"])
    list(connector.meetings(DAY))
    (request,) = sent(account, "auth/ietfservice/tokens")
    assert same(request, theirs("POST", "auth/ietfservice/tokens", body=asked))
    assert "Authorization" not in request.headers
    rooms = sent(account, "meeting/interim/fetchRooms")
    wanted = [
        theirs("GET", "meeting/interim/fetchRooms", token)
        for token in data("tokens_response")["tokens"].values()
    ]
    assert all(same(*pair) for pair in zip(rooms, wanted, strict=True))
    assert [request.body for request in rooms] == [None, None, None]


def test_only_these_calls_are_made(meetecho: Build, account: Account) -> None:
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


def test_a_slash_at_the_end_of_the_base_url_changes_nothing(meetecho: Build, account: Account) -> None:
    list(meetecho(MEETECHO_API_URL=f"{MEETECHO}/").meetings(DAY))
    assert sent(account, "meeting/interim/fetchRooms")


def test_tokens_are_kept_for_other_runs_and_had_anew_when_refused(
    meetecho: Build, account: Account, context: FakeContext
) -> None:
    list(meetecho().meetings(DAY))
    list(meetecho().meetings(DAY))
    assert account.tokens_had == 1
    account.bearers = {}  # Meetecho forgot them
    assert not [one for one in meetecho().meetings(DAY) if isinstance(one, SkippedPartition)]
    assert account.tokens_had == 2
    assert context.tokens.writes == 2


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_group_for_which_all_are_refused_stops_no_other(
    status: int, meetecho: Build, account: Account
) -> None:
    account.rooms["beta"] = {}
    account.add("group/group", 8, acronym="beta")
    good = '{"tokens": {"beta": "t"}}'
    account.refused["/tokens"] = [(status, {}, "marked"), (status, {}, "marked"), (200, {}, good)]
    account.bearers["beta"] = "bearer t"
    found = list(meetecho(MEETECHO_GROUPS="acro,beta").meetings(DAY))
    assert [one.partition for one in found if isinstance(one, SkippedPartition)] == ["group acro"]


def test_a_group_that_is_new_and_refused_stops_none_that_has_a_token(
    meetecho: Build, account: Account
) -> None:
    list(meetecho().meetings(DAY))
    account.refused["/tokens"] = [(403, {}, "marked-body")]
    found = list(meetecho(MEETECHO_GROUPS="acro,beta").meetings(DAY))
    assert [one.partition for one in found if isinstance(one, SkippedPartition)] == ["group beta"]


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_are_refused_end_the_run(status: int, meetecho: Build, account: Account) -> None:
    account.refused["/tokens"] = [(status, {}, "marked-body")]
    with pytest.raises(CredentialsError, match="MEETECHO_CLIENT_SECRET") as refused:
        list(meetecho(MEETECHO_GROUPS="acro,beta").meetings(DAY))
    assert "marked" not in str(refused.value)


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
def test_settings_that_cannot_be_meant_are_named(
    changes: dict[str, object], named: str, context: FakeContext
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Meetecho(settings(**changes), context)  # type: ignore[arg-type]
