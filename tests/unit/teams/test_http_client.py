from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import BrokenResponse
from connectors.rate_limit import RateLimiter
from connectors.teams.endpoints import CALL_RECORD, CALL_RECORDS
from connectors.teams.http_client import HalvingLimiter, TeamsClient
from tests.unit.fake_context import FakeContext
from tests.unit.teams.fake_api import (
    API,
    RECORD,
    RECORDS,
    SESSIONS,
    Tenant,
    data,
    page,
    session_row,
)

FILTER = "startDateTime ge 2026-11-20T00:00:00Z"
FIRST = f"{API}{RECORDS}?$filter=startDateTime%20ge%202026-11-20T00:00:00Z"
NEXT = f"{FIRST}&$skiptoken=abc"


def listed(client: TeamsClient) -> list[Any]:
    return [row["id"] for rows in client.pages(CALL_RECORDS, filter=FILTER) for row in rows]


def test_parameters_have_a_dollar_and_no_plus(client: TeamsClient, tenant: Tenant) -> None:
    tenant.on(RECORDS, page())
    listed(client)
    url = str(tenant.http.calls[-1].request.url)
    assert url.endswith("?$filter=startDateTime%20ge%202026-11-20T00%3A00%3A00Z")


def test_new_members_of_enumerations_are_asked_for(client: TeamsClient, tenant: Tenant) -> None:
    tenant.on(RECORDS, page())
    listed(client)
    assert tenant.http.calls[-1].request.headers["Prefer"] == "include-unknown-enum-members"


def test_the_link_to_the_next_page_is_followed_as_it_is(client: TeamsClient, tenant: Tenant) -> None:
    opaque = f"{API}{RECORDS}?$skiptoken=a%2Bb/=&odd="
    tenant.on(RECORDS, page({"id": "1"}, link=opaque))
    tenant.on(RECORDS, page({"id": "2"}), skiptoken="a+b/=")
    assert listed(client) == ["1", "2"]
    assert tenant.http.calls[-1].request.url == opaque


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/v1.0/communications/callRecords?$skiptoken=abc",
        "http://graph.example/v1.0/communications/callRecords?$skiptoken=abc",
        f"{API}/users?$skiptoken=abc",
        f"{API}/$metadata#communications/callRecords?$skiptoken=abc",
        f"{API}{RECORDS}?$filter=startDateTime%20ge%202026-11-21T00:00:00Z&$skiptoken=abc",
        "https://[graph.example/v1.0",
        "/v1.0/communications/callRecords",
        "abc",
    ],
)
def test_a_link_to_another_place_is_refused(client: TeamsClient, tenant: Tenant, link: str) -> None:
    tenant.on(RECORDS, page({"id": "1"}, link=link))
    with pytest.raises(BrokenResponse, match="the link to the next page") as refused:
        listed(client)
    assert "abc" not in str(refused.value)
    assert len(tenant.asked) == 1


@pytest.mark.parametrize("link", [7, True, ["x"], {}])
def test_a_link_that_is_no_text_is_refused(client: TeamsClient, tenant: Tenant, link: Any) -> None:
    tenant.on(RECORDS, {"value": [], "@odata.nextLink": link})
    with pytest.raises(BrokenResponse):
        listed(client)


def test_a_link_that_comes_back_ends_the_listing(client: TeamsClient, tenant: Tenant) -> None:
    tenant.on(RECORDS, page({"id": "1"}, link=NEXT))
    with pytest.raises(BrokenResponse, match="twice"):
        listed(client)


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": {}}, {"value": [1]}, []])
def test_a_page_without_rows_is_broken(client: TeamsClient, tenant: Tenant, body: Any) -> None:
    tenant.on(RECORDS, body)
    with pytest.raises(BrokenResponse):
        listed(client)


def test_an_empty_page_with_a_link_goes_on(client: TeamsClient, tenant: Tenant) -> None:
    tenant.on(RECORDS, page(link=NEXT))
    tenant.on(RECORDS, page({"id": "1"}), skiptoken="abc")
    assert listed(client) == ["1"]


def test_a_response_that_is_no_object_is_broken(client: TeamsClient, tenant: Tenant) -> None:
    tenant.on(f"{RECORDS}/{RECORD}", [])
    with pytest.raises(BrokenResponse, match="not a JSON object"):
        client.get(CALL_RECORD, RECORD)


def test_sessions_come_with_their_segments_on_every_page(client: TeamsClient, tenant: Tenant) -> None:
    tenant.on(SESSIONS, page(session_row(0), link=f"{API}{SESSIONS}?$expand=segments&$skiptoken=2"))
    tenant.on(SESSIONS, page(session_row(1)), skiptoken="2")
    found = client.sessions(RECORD)
    assert found == [session_row(0), session_row(1)]
    assert [query["$expand"] for query in tenant.asked_for(SESSIONS)] == ["segments", "segments"]


def test_sessions_lack_what_their_segments_repeat_unless_the_whole_is_wanted(
    client: TeamsClient, tenant: Tenant
) -> None:
    tenant.on(SESSIONS, page(session_row(1)))
    (found,) = client.sessions(RECORD, whole=False)
    assert found["caller"] == session_row(1)["caller"]
    (segment, *_) = found["segments"]
    assert not {"caller", "callee"} & segment.keys()
    assert not {"callerDevice", "calleeDevice"} & segment["media"][0].keys()
    assert segment["media"][0]["callerNetwork"] == session_row(1)["segments"][0]["media"][0]["callerNetwork"]


def test_a_key_in_parentheses_is_the_same_listing(client: TeamsClient, tenant: Tenant) -> None:
    path = f"{RECORDS}('{RECORD}')/sessions"
    tenant.on(SESSIONS, page(session_row(0), link=f"{API}{path}?$expand=segments&$skiptoken=2"))
    tenant.on(path, page(session_row(1)))
    assert len(client.sessions(RECORD)) == 2


def test_a_link_that_has_lost_the_segments_is_refused(client: TeamsClient, tenant: Tenant) -> None:
    bare = {key: value for key, value in session_row(1).items() if key != "segments"}
    tenant.on(SESSIONS, page(session_row(0), link=f"{API}{SESSIONS}?$skiptoken=2"))
    tenant.on(SESSIONS, page(bare), skiptoken="2")
    with pytest.raises(BrokenResponse, match="has lost the segments"):
        client.sessions(RECORD)


def test_segments_page_on_their_own_link(client: TeamsClient, tenant: Tenant) -> None:
    whole = session_row(0)
    path = f"{SESSIONS}/{whole['id']}/segments"
    first, second = whole["segments"]
    third = {**second, "id": "third"}
    row = {**whole, "segments": [first], "segments@odata.nextLink": f"{API}{path}?$skiptoken=1"}
    tenant.on(SESSIONS, page(row))
    tenant.on(path, page(second, link=f"{API}{path}?$skiptoken=2"), skiptoken="1")
    tenant.on(path, page(third), skiptoken="2")
    assert client.sessions(RECORD) == [{**whole, "segments": [first, second, third]}]


def test_segments_of_another_session_are_refused(client: TeamsClient, tenant: Tenant) -> None:
    link = f"{API}{SESSIONS}/another/segments?$skiptoken=1"
    tenant.on(SESSIONS, page({**session_row(0), "segments@odata.nextLink": link}))
    with pytest.raises(BrokenResponse, match="another listing"):
        client.sessions(RECORD)


def test_listings_and_other_calls_have_a_rate_each(
    client: TeamsClient, tenant: Tenant, context: FakeContext
) -> None:
    tenant.on(RECORDS, page())
    tenant.on(SESSIONS, data("sessions"))
    for _ in range(5):
        listed(client)
    lists = context.seconds
    for _ in range(5):
        client.sessions(RECORD)
    assert lists == pytest.approx(4 / (0.7 * 0.97))
    assert context.seconds - lists == pytest.approx(4 / (4 * 0.97))


def test_a_429_halves_the_rate_and_waits_as_asked(
    client: TeamsClient, tenant: Tenant, context: FakeContext
) -> None:
    tenant.then(SESSIONS, (429, {}), (200, data("sessions")), headers={"Retry-After": "30"})
    client.sessions(RECORD)
    assert 30 <= context.seconds <= 32
    began = context.seconds
    client.sessions(RECORD)
    assert context.seconds - began == pytest.approx(2 / (4 * 0.97), rel=0.05)


def test_requests_that_are_refused_together_lower_the_rate_once(context: FakeContext) -> None:
    limiter = RateLimiter(context, calls=10)
    full = limiter.per_second
    halving = HalvingLimiter(limiter)
    halving.pause(5)
    halving.pause(7)
    assert limiter.per_second == pytest.approx(full * 0.49)
