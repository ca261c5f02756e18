"""Compares the simulated Meetecho's and datatracker's answers with recorded ones, which are not in this
repository.

They are read from the folder `meetecho` in the one named by VENDOR_SCHEMAS, by default beside the
checkout. There is no published schema: an answer must have at least the keys of the recorded one, with
values of the same types.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.simulator.meetecho_client import MeetechoClient, meetecho_client

FOLDER = Path(os.environ.get("VENDOR_SCHEMAS") or Path(__file__).parents[3] / "shared" / "vendors" / "data")
RECORDED = FOLDER / "meetecho"
# Recorded with a value but null if unknown, or the other way round.
NULLABLE = {"time", "attendees", "scheduled", "location", "next", "previous"}
# Objects with ids as keys.
KEYED = {"rooms", "tokens"}
_FORMS = (
    (re.compile(r"/api/v1/[a-z]+/[a-z]+/[^/]+/"), "address"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "plain time"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)"), "time"),
    (re.compile(r"(\d+ days?, )?\d+:\d\d:\d\d"), "duration"),
    (re.compile(r"https://meetings\.conf\.meetecho\.com/interim/\?short=[0-9a-f-]{36}"), "url"),
)


def recorded(name: str) -> Any:
    path = RECORDED / f"{name}.json"
    if not path.exists():
        pytest.skip(
            f"NOT CHECKED: the vendors' recorded answers are not in {RECORDED}; name the folder above in VENDOR_SCHEMAS"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def form(text: str) -> str:
    return next((name for pattern, name in _FORMS if pattern.fullmatch(text)), "text")


def differences(recorded_value: Any, served_value: Any, position: str = "", name: str = "") -> list[str]:
    """Yield the keys that the answer lacks, and those with a value of another type or format."""
    if (recorded_value is None or served_value is None) and name in NULLABLE:
        return []
    if type(recorded_value) is not type(served_value):
        return [f"{position}: {type(served_value).__name__}"]
    if isinstance(recorded_value, dict):
        if name in KEYED:
            first = next(iter(recorded_value.values()))
            return [
                d
                for key, value in served_value.items()
                for d in differences(first, value, f"{position}/{key}")
            ]
        missing = [f"{position}: no {key}" for key in recorded_value.keys() - served_value.keys()]
        both = [key for key in recorded_value if key in served_value]
        return missing + [
            d for k in both for d in differences(recorded_value[k], served_value[k], f"{position}/{k}", k)
        ]
    if isinstance(recorded_value, list):
        return [
            d
            for value in served_value
            if recorded_value
            for d in differences(recorded_value[0], value, f"{position}[]")
        ]
    if (
        isinstance(recorded_value, str)
        and form(recorded_value) != form(served_value)
        and form(recorded_value) != "text"
    ):
        return [f"{position}: {served_value!r}"]
    return []


@pytest.fixture(scope="module")
def served() -> MeetechoClient:
    return meetecho_client()


def test_tokens(served: MeetechoClient) -> None:
    parameters = recorded("tokens_request")
    assert parameters.keys() == {"client", "secret", "wgs"}
    assert differences(recorded("tokens_response"), served.tokens("zquilt", "oakloom").body) == []


def test_rooms(served: MeetechoClient) -> None:
    recorded_answer = recorded("fetchRooms_response")
    tokens = served.tokens().body["tokens"]
    for turn in range(3):
        for group in ("zquilt", "oakloom", "tealcup"):
            answer = served.fetch(tokens[group]).body
            assert answer["rooms"], turn
            assert differences(recorded_answer, answer) == []


@pytest.mark.parametrize("name", ["session", "attended", "timeslot"])
def test_listings_of_the_datatracker(served: MeetechoClient, name: str) -> None:
    recorded_answer = recorded(f"dt_v1_meeting_{name}")
    for offset in (0, 20, 40):
        answer = served.get(f"meeting/{name}", offset=offset)
        assert answer.body["objects"]
        assert differences(recorded_answer, answer.body) == []
        assert answer.body["objects"][0].keys() == recorded_answer["objects"][0].keys()


def test_writing_calls() -> None:
    served = meetecho_client(size=20)
    bearer = {"authorization": f"bearer {served.tokens().body['tokens']['zquilt']}"}
    made = served.post("meeting/interim/createRoom", recorded("createRoom_request"), **bearer)
    assert differences(recorded("createRoom_response"), made.body) == []
    [room] = made.body["rooms"].values()
    desired = recorded("createRoom_request")
    assert room["room"]["id"] == desired["room_id"]
    assert all(room["room"][name] == desired[name] for name in ("start_time", "duration", "description"))
    gone = served.post("meeting/interim/deleteRoom", authorization=f"bearer {room['deletion_token']}")
    assert gone.body == recorded("deleteRoom_response")
    for method in ("POST", "PUT", "DELETE"):
        body = recorded(f"materials_{method}_request")
        served.served.materials.reachable |= {
            deck["url"] for deck in body.get("decks", [body]) if "url" in deck
        }
        assert served.post("materials", body, method=method, **bearer).status == 202


def test_the_comparison_finds_a_difference() -> None:
    recorded_value = {"meta": {"limit": 20}, "objects": [{"id": 1, "time": "2024-03-12T18:35:43Z"}]}
    assert differences(recorded_value, {"meta": {"limit": 20}, "objects": [{"id": 7, "time": None}]}) == []
    assert differences(
        recorded_value, {"meta": {"limit": 20}, "objects": [{"time": "2024-03-12 18:35:43"}]}
    ) == [
        "/objects[]: no id",
        "/objects[]/time: '2024-03-12 18:35:43'",
    ]
    assert differences({"rooms": {"a": {"id": 1}}}, {"rooms": {"b": {"id": "1"}}}) == ["/rooms/b/id: str"]
