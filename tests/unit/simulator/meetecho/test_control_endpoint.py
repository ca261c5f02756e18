"""Tests the complete state of rooms and decks, and changes behind the harvester's back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.simulator.clients import send_request
from tests.unit.simulator.meetecho_client import MeetechoClient, meetecho_client

DECK = {"id": 1, "title": "Uno", "url": "https://example.org/1-00", "rev": "00", "order": 2}
ROOM = {
    "group": "hushwg", "room_id": 31_001, "description": "Orphan", "start_time": "2026-12-01 10:00:00", "duration": 45,
}  # fmt: skip


@pytest.fixture
def fresh() -> MeetechoClient:
    return meetecho_client()


def test_the_state_has_every_listed_room_and_the_requests(fresh: MeetechoClient) -> None:
    listed = fresh.rooms()
    state = fresh.state()
    rows = {row["uuid"]: (group, row) for group, rows in state["rooms"].items() for row in rows}
    assert rows.keys() == listed.keys()
    for uuid, (group, room) in listed.items():
        row = rows[uuid][1]
        assert (rows[uuid][0], row["url"]) == (group, room["url"])
        assert (row["room_id"], row["start_time"]) == (room["room"]["id"], room["room"]["start_time"])
    assert len(state["requests"]) == 7
    assert not any(row["writes"] for row in state["requests"])
    assert state["decks"] == {}


def test_rooms_and_decks_change_behind_the_harvesters_back(fresh: MeetechoClient) -> None:
    assert fresh.change(create_rooms=[ROOM], decks={"31001": [DECK]}).status == 200
    state = fresh.state()
    [row] = state["rooms"]["hushwg"]
    assert {**row, "group": "hushwg"} == {**ROOM, "extrainfo": "", "uuid": row["uuid"], "url": row["url"]}
    assert state["decks"] == {"31001": [DECK]}
    assert fresh.change(delete_rooms=[row["uuid"]], decks={"31001": []}).status == 200
    assert "hushwg" not in fresh.state()["rooms"]
    assert fresh.state()["requests"] == []


def test_the_tokens_of_a_group_expire(fresh: MeetechoClient) -> None:
    tokens = fresh.tokens().body["tokens"]
    fresh.change(expire=["zquilt"])
    assert [fresh.fetch(tokens[group]).status for group in ("zquilt", "oakloom")] == [401, 200]
    assert fresh.fetch(fresh.tokens().body["tokens"]["zquilt"]).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        [],
        {"create_rooms": [{}]},
        {"delete_rooms": ["nothing"]},
        {"decks": {"1": [{"id": 1}]}},
        {"faults": [{"call": "POST materials", "kind": "odd"}]},
        {"materials": {"x": []}},
    ],
)
def test_a_change_of_another_form_is_refused(fresh: MeetechoClient, changes: Any) -> None:
    body = json.dumps(changes).encode()
    assert send_request(fresh.served, "/_simulator/meetecho", method="POST", body=body).status == 400


def test_no_other_paths_exist(fresh: MeetechoClient) -> None:
    assert send_request(fresh.served, "/_simulator/webex").status == 404
    assert fresh.state()["requests"] == []
