"""Tests the simulated Arduino IoT Cloud."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

from harvester.rooms.thing_updater import PROPERTY_NAMES
from harvester.simulator.arduino.app import AUDIENCE, CLIENT_ID, CLIENT_SECRET, Arduino, ArduinoOptions
from harvester.simulator.clock import SimulatedClock
from harvester.simulator.google_meet.rooms.invented_events import invent_rooms
from tests.unit.simulator.clients import NOW, Answer, ManualClock, organisation, send_request


@dataclass
class Client:
    options: ArduinoOptions = field(default_factory=ArduinoOptions)
    clock: ManualClock = field(default_factory=ManualClock)
    organization: str = ""

    def __post_init__(self) -> None:
        clock = SimulatedClock(NOW, monotonic=self.clock)
        self.cloud = Arduino(organisation(), clock, invent_rooms(7, 6), self.options)
        self.bearer = self.token().body.get("access_token", "")

    def token(self, **changed: str) -> Answer:
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "audience": AUDIENCE,
            **changed,
        }
        return self.send("POST", "/v1/clients/token", urlencode(form).encode())

    def send(self, method: str, path: str, body: bytes = b"", query: str = "") -> Answer:
        headers = {"x-organization": self.organization} if self.organization else {}
        bearer = {"authorization": f"Bearer {getattr(self, 'bearer', '')}"}
        return send_request(
            self.cloud, f"/arduino/iot{path}", method=method, query=query, body=body, **headers, **bearer
        )

    def things(self) -> list[dict[str, Any]]:
        self.clock.seconds += 1.5
        answer = self.send("GET", "/v2/things", query="show_properties=true")
        assert answer.status == 200, answer.content
        found: list[dict[str, Any]] = answer.body
        return found

    def publish(self, thing: dict[str, Any], name: str, value: object) -> Answer:
        self.clock.seconds += 1.5
        [each] = [row for row in thing["properties"] if row["name"] == name]
        path = f"/v2/things/{thing['id']}/properties/{each['id']}/publish"
        return self.send("PUT", path, json.dumps({"value": value}).encode())

    def control(self, **changes: object) -> Any:
        body = json.dumps(changes).encode()
        return send_request(self.cloud, "/_simulator/arduino", method="POST", body=body).body


def test_the_things_have_different_sets_of_properties() -> None:
    things = {thing["name"]: [row["name"] for row in thing["properties"]] for thing in Client().things()}
    assert [len(names) for names in things.values()] == [13, 9, 5, 12, 13, 1]
    assert "curevmsg" in things["Aurora"]
    assert "curevmtg" in things["Birch"]
    assert "Fjord" not in things


def test_a_published_value_is_the_last_value() -> None:
    client = Client()
    assert client.publish(client.things()[0], "curevmsg", "Stand-up").content == b""
    assert client.publish(client.things()[0], "busynow", True).status == 200
    assert client.publish(client.things()[0], "busynow", "yes").status == 400
    values = {row["name"]: row["last_value"] for row in client.things()[0]["properties"]}
    assert values["curevmsg"] == "Stand-up"
    assert values["busynow"] is True
    published = [row for row in client.control()["requests"] if row.get("thing")]
    assert [(row["property"], row["value"], row["unchanged"]) for row in published] == [
        ("curevmsg", "Stand-up", False),
        ("busynow", True, False),
    ]


def test_a_second_request_in_a_second_is_too_many() -> None:
    client = Client()
    client.things()
    answer = client.send("GET", "/v2/things")
    assert (answer.status, answer.headers["retry-after"]) == (429, "1")
    client.clock.seconds += 1
    assert client.send("GET", "/v2/things").status == 200


@pytest.mark.parametrize(
    ("changed", "status"), [({"client_secret": "wrong"}, 401), ({"audience": "other"}, 400)]
)
def test_a_wrong_client_gets_no_token(changed: dict[str, str], status: int) -> None:
    assert Client().token(**changed).status == status


def test_a_token_expires() -> None:
    client = Client()
    client.clock.seconds += 300
    assert client.send("GET", "/v2/things").status == 401
    client.bearer = client.token().body["access_token"]
    assert len(client.things()) == 6
    client.control(expire=True)
    client.clock.seconds += 2
    assert client.send("GET", "/v2/things").status == 401


def test_the_organization_is_needed_on_the_token_and_on_the_call() -> None:
    options = ArduinoOptions(organization="org-1")
    assert len(Client(options, organization="org-1").things()) == 6
    client = Client(options)
    assert client.send("GET", "/v2/things").status == 403
    client.organization = "org-1"
    assert client.send("GET", "/v2/things").status == 403


def test_changes_behind_a_programs_back() -> None:
    client = Client()
    client.control(set={"Aurora": {"curevmsg": "meddled"}}, remove={"Aurora": ["nextevid"]}, fail=1)
    client.clock.seconds += 2
    assert client.send("GET", "/v2/things").status == 503
    values = {row["name"]: row["last_value"] for row in client.things()[0]["properties"]}
    assert values["curevmsg"] == "meddled"
    assert "nextevid" not in values


def test_complete_things_leave_the_updater_nothing_to_warn_about() -> None:
    rooms = [room.name for room in invent_rooms(7, 6)]
    things = Client(ArduinoOptions(complete=True)).things()
    assert [thing["name"] for thing in things] == rooms
    for thing in things:
        assert {each["name"] for each in thing["properties"]} == set(PROPERTY_NAMES)
