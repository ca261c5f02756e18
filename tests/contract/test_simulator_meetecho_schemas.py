"""The simulated Meetecho's and datatracker's answers beside recorded ones, which this repository does not contain.

They are looked for in the folder `meetecho` of the one named by VENDOR_SCHEMAS, else beside the checkout. There is no
published description: an answer has at least the keys of the recorded one, and values of the same types.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.simulator.meetecho_client import Groups, groups

FOLDER = Path(os.environ.get("VENDOR_SCHEMAS") or Path(__file__).parents[3] / "shared" / "vendors" / "data")
RECORDED = FOLDER / "meetecho"
# Recorded with a value, and null where it is not known; and the other way round.
NULLABLE = {"time", "attendees", "scheduled", "location", "next", "previous"}
# Objects whose keys are no names.
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


def differences(theirs: Any, ours: Any, place: str = "", name: str = "") -> list[str]:
    """Where ours lacks a key, or has a value of another type or in another form."""
    if (theirs is None or ours is None) and name in NULLABLE:
        return []
    if type(theirs) is not type(ours):
        return [f"{place}: {type(ours).__name__}"]
    if isinstance(theirs, dict):
        if name in KEYED:
            first = next(iter(theirs.values()))
            return [d for key, value in ours.items() for d in differences(first, value, f"{place}/{key}")]
        missing = [f"{place}: no {key}" for key in theirs.keys() - ours.keys()]
        both = [key for key in theirs if key in ours]
        return missing + [d for k in both for d in differences(theirs[k], ours[k], f"{place}/{k}", k)]
    if isinstance(theirs, list):
        return [d for value in ours if theirs for d in differences(theirs[0], value, f"{place}[]")]
    if isinstance(theirs, str) and form(theirs) != form(ours) and form(theirs) != "text":
        return [f"{place}: {ours!r}"]
    return []


@pytest.fixture(scope="module")
def served() -> Groups:
    return groups()


def test_tokens(served: Groups) -> None:
    asked = recorded("tokens_request")
    assert asked.keys() == {"client", "secret", "wgs"}
    assert differences(recorded("tokens_response"), served.tokens("zquilt", "oakloom").body) == []


def test_rooms(served: Groups) -> None:
    told = recorded("fetchRooms_response")
    tokens = served.tokens().body["tokens"]
    for turn in range(3):
        for group in ("zquilt", "oakloom", "tealcup"):
            answer = served.fetch(tokens[group]).body
            assert answer["rooms"], turn
            assert differences(told, answer) == []


@pytest.mark.parametrize("name", ["session", "attended", "timeslot"])
def test_listings_of_the_datatracker(served: Groups, name: str) -> None:
    told = recorded(f"dt_v1_meeting_{name}")
    for offset in (0, 20, 40):
        answer = served.get(f"meeting/{name}", offset=offset)
        assert answer.body["objects"]
        assert differences(told, answer.body) == []
        assert answer.body["objects"][0].keys() == told["objects"][0].keys()


def test_the_calls_that_write() -> None:
    served = groups(size=20)
    bearer = {"authorization": f"bearer {served.tokens().body['tokens']['zquilt']}"}
    made = served.post("meeting/interim/createRoom", recorded("createRoom_request"), **bearer)
    assert differences(recorded("createRoom_response"), made.body) == []
    [room] = made.body["rooms"].values()
    wish = recorded("createRoom_request")
    assert room["room"]["id"] == wish["room_id"]
    assert all(room["room"][name] == wish[name] for name in ("start_time", "duration", "description"))
    gone = served.post("meeting/interim/deleteRoom", authorization=f"bearer {room['deletion_token']}")
    assert gone.body == recorded("deleteRoom_response")
    for method in ("POST", "PUT", "DELETE"):
        body = recorded(f"materials_{method}_request")
        assert served.post("materials", body, method=method, **bearer).status == 202


def test_a_difference_is_seen() -> None:
    theirs = {"meta": {"limit": 20}, "objects": [{"id": 1, "time": "2024-03-12T18:35:43Z"}]}
    assert differences(theirs, {"meta": {"limit": 20}, "objects": [{"id": 7, "time": None}]}) == []
    assert differences(theirs, {"meta": {"limit": 20}, "objects": [{"time": "2024-03-12 18:35:43"}]}) == [
        "/objects[]: no id",
        "/objects[]/time: '2024-03-12 18:35:43'",
    ]
    assert differences({"rooms": {"a": {"id": 1}}}, {"rooms": {"b": {"id": "1"}}}) == ["/rooms/b/id: str"]
