"""harvester/rooms/arduino_client.py: requests and answers of Arduino IoT Cloud."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
import responses

from connectors.errors import BrokenResponse, CredentialsError
from harvester.rooms.arduino_client import ArduinoClient, Property, Thing
from harvester.rooms.rooms_file import ArduinoAccount
from tests.unit.fake_context import FakeContext

BASE = "https://arduino.example"
TOKEN = f"{BASE}/iot/v1/clients/token"
THINGS = f"{BASE}/iot/v2/things"
ACCOUNT = ArduinoAccount(client_id="iot", client_secret="invented", organization="org-1")
BLUE = Thing(
    id="t1",
    name="blue",
    properties={"busynow": Property(id="p1", name="busynow", type="STATUS", value=False)},
)


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def client(context: FakeContext, account: ArduinoAccount = ACCOUNT) -> ArduinoClient:
    return ArduinoClient(account, BASE, context)


def test_the_token_request_names_client_audience_and_organization(
    http: responses.RequestsMock, context: FakeContext
) -> None:
    http.post(TOKEN, json={"access_token": "t", "expires_in": 300})
    http.get(THINGS, json=[])
    assert client(context).things() == []
    form = parse_qs(http.calls[0].request.body.decode())
    assert form == {
        "grant_type": ["client_credentials"],
        "client_id": ["iot"],
        "client_secret": ["invented"],
        "audience": ["https://api2.arduino.cc/iot"],
    }
    assert [call.request.headers["X-Organization"] for call in http.calls] == ["org-1", "org-1"]
    assert http.calls[1].request.headers["Authorization"] == "Bearer t"


def test_one_listing_has_every_thing_with_its_values(
    http: responses.RequestsMock, context: FakeContext
) -> None:
    http.post(TOKEN, json={"access_token": "t", "expires_in": 300})
    row = {"id": "p1", "name": "Busy", "variable_name": "busyNow", "type": "STATUS", "last_value": True}
    http.get(THINGS, json=[{"id": "t1", "name": "blue", "properties": [row, {}]}, {"name": "none"}])
    expected = Property(id="p1", name="busyNow", type="STATUS", value=True)
    assert client(context).things() == [Thing(id="t1", name="blue", properties={"busynow": expected})]
    assert "show_properties=true" in str(http.calls[-1].request.url)


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_one_token_serves_many_writes_at_one_a_second(
    kind: str, http: responses.RequestsMock, context: FakeContext
) -> None:
    http.post(TOKEN, json={"access_token": "t", "expires_in": 300})
    http.put(f"{THINGS}/t1/properties/p1/publish", status=200, content_type=kind)
    arduino = client(context)
    start = context.elapsed()
    for value in (True, False, True):
        arduino.publish(BLUE, BLUE.properties["busynow"], value)
    assert len(http.calls) == 4
    assert http.calls[-1].request.body == b'{"value":true}'
    assert context.elapsed() - start >= 2.0


def test_too_many_requests_wait_as_long_as_arduino_says(
    http: responses.RequestsMock, context: FakeContext
) -> None:
    http.post(TOKEN, json={"access_token": "t", "expires_in": 300})
    http.get(THINGS, status=429, headers={"Retry-After": "7"}, body="You have reached maximum request limit.")
    http.get(THINGS, json=[])
    client(context).things()
    assert context.elapsed() >= 7


def test_an_expired_token_is_renewed_once(http: responses.RequestsMock, context: FakeContext) -> None:
    http.post(TOKEN, json={"access_token": "t1", "expires_in": 300})
    http.get(THINGS, status=401, json={})
    http.post(TOKEN, json={"access_token": "t2", "expires_in": 300})
    http.get(THINGS, json=[])
    client(context).things()
    assert http.calls[-1].request.headers["Authorization"] == "Bearer t2"


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_are_named_and_not_printed(
    http: responses.RequestsMock, context: FakeContext, status: int
) -> None:
    http.post(TOKEN, status=status, json={})
    with pytest.raises(CredentialsError) as refused:
        client(context).things()
    assert "client id and secret" in str(refused.value)
    assert "invented" not in str(refused.value)


def test_an_answer_that_is_no_list_is_an_error(http: responses.RequestsMock, context: FakeContext) -> None:
    http.post(TOKEN, json={"access_token": "t", "expires_in": 300})
    http.get(THINGS, json={"things": []})
    with pytest.raises(BrokenResponse, match="not a list"):
        client(context).things()
