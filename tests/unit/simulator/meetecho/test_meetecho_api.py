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
    own_rooms = {room.uuid for room in shared.served.account.rooms if room.group == "tealcup"}
    assert shared.fetch(tokens["tealcup"]).body["rooms"].keys() == own_rooms


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
    desired = {
        "room_id": 18, "description": "interim", "start_time": "2026-12-01 10:00:00", "duration": 130, "extrainfo": "",
    }  # fmt: skip
    made = fresh.post("meeting/interim/createRoom", desired, **bearer)
    [(uuid, room)] = made.body["rooms"].items()
    assert room["room"] == {
        "id": 18, "start_time": desired["start_time"], "duration": 130, "description": "interim",
    }  # fmt: skip
    assert fresh.rooms()[uuid][0] == "hushwg"
    deck = {"session": "18", "title": "A", "id": 1, "url": "https://example.org/1", "rev": "00", "order": 0}
    fresh.served.materials.reachable.add(deck["url"])
    assert fresh.post("materials", deck, **bearer).status == 202
    assert fresh.post("materials", {"session": "18", "decks": []}, method="PUT", **bearer).status == 202
    assert fresh.post("materials", {"session": "18", "id": 1}, method="DELETE", **bearer).status == 202
    gone = fresh.post("meeting/interim/deleteRoom", authorization=f"bearer {room['deletion_token']}")
    assert (gone.status, gone.body) == (200, {})
    assert uuid not in fresh.rooms()
    assert fresh.served.traffic()["writes"] == 5


WISH = {
    "room_id": 31_001, "description": "interim", "start_time": "2026-12-01 10:00:00", "duration": 130, "extrainfo": "",
}  # fmt: skip


def test_a_second_room_with_the_same_id_is_created(fresh: MeetechoClient) -> None:
    bearer = fresh.bearer("hushwg")
    made = [fresh.post("meeting/interim/createRoom", WISH, **bearer) for _ in range(2)]
    assert [len(answer.body["rooms"]) for answer in made] == [1, 1]
    assert len([room for group, room in fresh.rooms().values() if group == "hushwg"]) == 2


def test_a_second_room_can_be_refused() -> None:
    refusing = meetecho_client(one_room=True)
    bearer = refusing.bearer("hushwg")
    assert [refusing.post("meeting/interim/createRoom", WISH, **bearer).status for _ in range(2)] == [
        200,
        409,
    ]
    assert len(refusing.state()["rooms"]["hushwg"]) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("room_id", "31001"),
        ("room_id", True),
        ("duration", 59.5),
        ("duration", 0),
        ("start_time", "2026-12-01T10:00:00Z"),
        ("start_time", "2026-12-1 10:00:00"),
        ("extrainfo", None),
    ],
)
def test_a_room_with_a_value_of_another_form_is_refused(
    fresh: MeetechoClient, name: str, value: object
) -> None:
    before = fresh.state()["rooms"]
    answer = fresh.post("meeting/interim/createRoom", {**WISH, name: value}, **fresh.bearer("hushwg"))
    assert answer.status == 400
    assert fresh.state()["rooms"] == before
    assert sum(fresh.served.traffic()["unlike"].values()) == 1


def test_a_deletion_token_works_once(fresh: MeetechoClient) -> None:
    made = fresh.post("meeting/interim/createRoom", WISH, **fresh.bearer("hushwg"))
    [room] = made.body["rooms"].values()
    bearer = {"authorization": f"bearer {room['deletion_token']}"}
    statuses = [fresh.post("meeting/interim/deleteRoom", **bearer).status for _ in range(2)]
    assert statuses == [200, 404]
    unknown = fresh.post("meeting/interim/deleteRoom", authorization="bearer delete-nothing")
    assert unknown.status == 403
    assert "hushwg" not in fresh.state()["rooms"]


def test_a_group_token_does_not_delete_a_room(fresh: MeetechoClient) -> None:
    before = fresh.state()["rooms"]
    assert fresh.post("meeting/interim/deleteRoom", **fresh.bearer("zquilt")).status == 403
    assert fresh.state()["rooms"] == before


def deck(client: MeetechoClient, number: int, order: int) -> dict[str, object]:
    """Return a deck with a URL that answers."""
    url = f"https://example.org/decks/{number}-00"
    client.served.materials.reachable.add(url)
    return {"id": number, "title": f"Deck {number}", "url": url, "rev": "00", "order": order}


def test_each_call_leaves_the_decks_that_the_datatracker_expects(fresh: MeetechoClient) -> None:
    group = fresh.served.account.sessions[0].group
    session = str(fresh.served.account.sessions[0].id)
    bearer = fresh.bearer(group)

    def send(method: str, **body: object) -> list[tuple[int, int]]:
        answer = fresh.post("materials", {"session": session, **body}, method=method, **bearer)
        assert (answer.status, answer.content) == (202, b"")
        return [(shown["order"], shown["id"]) for shown in fresh.state()["decks"][session]]

    assert send("POST", **deck(fresh, 1, 1)) == [(1, 1)]
    assert send("POST", **deck(fresh, 2, 2)) == [(1, 1), (2, 2)]
    assert send("POST", **deck(fresh, 3, 1)) == [(1, 3), (2, 1), (3, 2)]
    assert send("DELETE", id=1) == [(1, 3), (3, 2)]
    decks = [deck(fresh, number, order) for order, number in enumerate((2, 3, 4), start=1)]
    assert send("PUT", decks=decks) == [(1, 2), (2, 3), (3, 4)]
    assert send("POST", **deck(fresh, 4, 4)) == [(1, 2), (2, 3), (3, 4), (4, 4)]
    assert send("PUT", decks=decks) == [(1, 2), (2, 3), (3, 4)]
    assert fresh.served.traffic()["unlike"] == {}


def test_a_deck_with_a_dead_url_is_refused_and_changes_nothing(fresh: MeetechoClient) -> None:
    bearer = fresh.bearer("hushwg")
    good, dead = deck(fresh, 1, 1), {**deck(fresh, 2, 2), "url": "https://example.org/decks/nowhere"}
    assert fresh.post("materials", {"session": "77", "decks": [good]}, method="PUT", **bearer).status == 202
    assert fresh.post("materials", {"session": "77", **dead}, **bearer).status == 400
    answer = fresh.post("materials", {"session": "77", "decks": [good, dead]}, method="PUT", **bearer)
    assert answer.status == 400
    assert fresh.state()["decks"] == {"77": [good]}


def test_the_decks_of_another_groups_session_are_refused(fresh: MeetechoClient) -> None:
    session = next(s for s in fresh.served.account.sessions if s.group == "zquilt")
    body = {"session": str(session.id), "decks": []}
    assert fresh.post("materials", body, method="PUT", **fresh.bearer("oakloom")).status == 403
    assert fresh.post("materials", body, method="PUT", **fresh.bearer("zquilt")).status == 202
    foreign = {"session": "4711", "decks": []}
    assert fresh.post("materials", foreign, method="PUT", **fresh.bearer("zquilt")).status == 202
    assert fresh.post("materials", foreign, method="PUT", **fresh.bearer("oakloom")).status == 403


@pytest.mark.parametrize("changed", [{"id": "1"}, {"rev": None}, {"order": "1"}, {"more": 1}])
def test_a_deck_of_another_form_is_refused(fresh: MeetechoClient, changed: dict[str, object]) -> None:
    bearer = fresh.bearer("hushwg")
    row = {**deck(fresh, 1, 1), **changed}
    assert fresh.post("materials", {"session": "77", **row}, **bearer).status == 400
    assert fresh.post("materials", {"session": "77", "decks": [row]}, method="PUT", **bearer).status == 400
    assert fresh.post("materials", {"session": 77, "decks": []}, method="PUT", **bearer).status == 400
    assert sum(fresh.served.traffic()["unlike"].values()) == 3


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
