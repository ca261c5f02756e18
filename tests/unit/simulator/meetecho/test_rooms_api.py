"""Tests the simulated Meetecho API: which requests it accepts, and the forms of its answers."""

from __future__ import annotations

import pytest

from harvester.simulator.meetecho.schedule import CONFIGURED
from tests.unit.simulator.clients import send_request
from tests.unit.simulator.meetecho_client import JSON, MeetechoClient, meetecho_client

ROOMS = "/meetecho/api/v1/meeting/interim/fetchRooms"


@pytest.fixture(scope="module")
def shared() -> MeetechoClient:
    return meetecho_client()


@pytest.fixture
def fresh() -> MeetechoClient:
    return meetecho_client()


def test_one_call_returns_a_token_per_group(shared: MeetechoClient) -> None:
    tokens = shared.tokens("zquilt", "nobodys", "oakloom").body["tokens"]
    assert tokens.keys() == {"zquilt", "oakloom"}
    assert len(set(tokens.values())) == 2


def test_a_wrong_secret_is_refused_with_an_error_that_contains_it(
    shared: MeetechoClient,
) -> None:
    answer = shared.tokens(secret="guessed")
    assert answer.status == 401
    assert b"guessed" in answer.content


def test_a_token_shows_only_the_rooms_of_its_group(shared: MeetechoClient) -> None:
    tokens = shared.tokens().body["tokens"]
    ours = {room.uuid for room in shared.served.account.rooms if room.group == "tealcup"}
    assert shared.fetch(tokens["tealcup"]).body["rooms"].keys() == ours


def test_a_token_expires_after_an_hour(fresh: MeetechoClient) -> None:
    token = fresh.tokens().body["tokens"]["zquilt"]
    fresh.clock.seconds += 3599
    assert fresh.fetch(token).status == 200
    fresh.clock.seconds += 1
    assert fresh.fetch(token).status == 401


def test_the_group_is_in_turn_missing_above_the_rooms_or_in_each_room(fresh: MeetechoClient) -> None:
    token = fresh.tokens().body["tokens"]["zquilt"]
    seen = set()
    for _ in range(3):
        body = fresh.fetch(token).body
        within = {room.get("group") for room in body["rooms"].values()}
        seen.add((body.get("group"), *within))
    assert seen == {(None, None), ("zquilt", None), (None, "zquilt")}


def test_unknown_keys_occur_at_every_level(fresh: MeetechoClient) -> None:
    token = fresh.tokens().body["tokens"]["tealcup"]
    answers = [fresh.fetch(token).body for _ in range(3)]
    rooms = [room for body in answers for room in body["rooms"].values()]
    assert any(body.keys() - {"rooms", "group"} for body in answers)
    assert any(room.keys() - {"room", "url", "deletion_token", "group"} for room in rooms)
    assert any(room["room"].keys() - {"id", "start_time", "duration", "description"} for room in rooms)


def test_a_group_without_rooms_gets_one_of_four_answers(fresh: MeetechoClient) -> None:
    token = fresh.tokens().body["tokens"][CONFIGURED[-1]]
    bodies = [fresh.fetch(token).body for _ in range(4)]
    assert all(body in bodies for body in ({"rooms": {}}, {"rooms": []}, {}, []))


def test_a_refused_group_gets_a_token_and_no_rooms_and_affects_no_other() -> None:
    refusing = meetecho_client(refused=("zquilt",), unknown=("brambl",))
    tokens = refusing.tokens().body["tokens"]
    assert set(CONFIGURED) - tokens.keys() == {"brambl"}
    assert refusing.fetch(tokens["zquilt"]).status == 403
    assert refusing.fetch(tokens["oakloom"]).status == 200


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({"accept": "*/*"}, "header accept"),
        ({"authorization": "Bearer {token}"}, "no bearer"),
        ({"content-type": "application/json"}, "a body"),
        ({"content-length": "2"}, "a body"),
        ({"x-api-key": "something"}, "header x-api-key"),
        ({"cookie": "a=b"}, "header cookie"),
    ],
)
def test_requests_that_the_datatracker_does_not_send_are_refused_and_counted(
    fresh: MeetechoClient, headers: dict[str, str], fault: str
) -> None:
    token = fresh.tokens().body["tokens"]["zquilt"]
    changed = {name: value.format(token=token) for name, value in headers.items()}
    assert fresh.fetch(token, **changed).status >= 400
    assert fresh.served.traffic()["unlike"] == {fault: 1}


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", ROOMS + "/", "", b""),
        ("POST", ROOMS, "", b""),
        ("GET", ROOMS, "group=zquilt", b""),
        ("GET", ROOMS, "", b"{}"),
        ("GET", "/meetecho/api/v1/meeting/interim/rooms", "", b""),
    ],
)
def test_other_paths_methods_queries_and_bodies_are_refused(
    fresh: MeetechoClient, method: str, path: str, query: str, body: bytes
) -> None:
    token = fresh.tokens().body["tokens"]["zquilt"]
    sent = {**JSON, "authorization": f"bearer {token}"}
    assert send_request(fresh.served, path, method=method, query=query, body=body, **sent).status >= 400
    assert sum(fresh.served.traffic()["unlike"].values()) == 1


def test_a_token_request_with_another_body_is_refused(fresh: MeetechoClient) -> None:
    whole = {"client": "a", "secret": "b", "wgs": ["zquilt"]}
    for body in ({**whole, "more": 1}, {"client": "a", "wgs": []}, {**whole, "wgs": "zquilt"}, [whole]):
        assert fresh.post("auth/ietfservice/tokens", body).status == 400
    assert fresh.post("auth/ietfservice/tokens", whole, authorization="bearer x").status == 400
    assert sum(fresh.served.traffic()["unlike"].values()) == 5


def test_reading_is_counted_as_no_writes(fresh: MeetechoClient) -> None:
    fresh.rooms()
    traffic = fresh.served.traffic()
    assert (traffic["writes"], traffic["unlike"]) == (0, {})
    assert traffic["calls"]["GET meeting/interim/fetchRooms"] == len(CONFIGURED)


def test_writing_calls_are_answered_and_counted(fresh: MeetechoClient) -> None:
    bearer = {"authorization": f"bearer {fresh.tokens().body['tokens']['hushwg']}"}
    wish = {
        "room_id": 18, "description": "interim", "start_time": "2026-12-01 10:00:00", "duration": 130, "extrainfo": "",
    }  # fmt: skip
    made = fresh.post("meeting/interim/createRoom", wish, **bearer)
    [(uuid, room)] = made.body["rooms"].items()
    assert room["room"] == {
        "id": 18, "start_time": wish["start_time"], "duration": 130, "description": "interim",
    }  # fmt: skip
    assert fresh.rooms()[uuid][0] == "hushwg"
    deck = {"session": "18", "title": "A", "id": 1, "url": "https://example.org/1", "rev": "00", "order": 0}
    assert fresh.post("materials", deck, **bearer).status == 202
    assert fresh.post("materials", {"session": "18", "decks": []}, method="PUT", **bearer).status == 202
    assert fresh.post("materials", {"session": "18", "id": 1}, method="DELETE", **bearer).status == 202
    gone = fresh.post("meeting/interim/deleteRoom", authorization=f"bearer {room['deletion_token']}")
    assert (gone.status, gone.body) == (200, {})
    assert uuid not in fresh.rooms()
    assert fresh.served.traffic()["writes"] == 5


def test_every_kind_of_odd_room_is_listed(shared: MeetechoClient) -> None:
    account = shared.served.account
    listed = shared.rooms()
    groups_of = {session.id: session.group for session in account.sessions}
    assert listed.keys() == {room.uuid for room in account.rooms}
    strangers = [
        uuid for uuid, (group, room) in listed.items() if groups_of.get(room["room"]["id"], group) != group
    ]
    assert strangers  # their numbers are Meetecho's own, and some equal other groups' sessions
    shown = {uuid for uuid in strangers for s in account.sessions if uuid in s.instructions}
    assert shown
    assert shown != set(strangers)
    ids = [room["room"]["id"] for _, room in listed.values()]
    assert any(ids.count(number) > 1 and number in groups_of for number in ids)
    assert any(not room["room"]["description"] for _, room in listed.values())
    gone = [s for s in account.sessions if "short=" in s.instructions and s.id not in ids]
    assert any(not any(uuid in s.instructions for uuid in listed) for s in gone)
