"""Meetecho's rules: what it takes from whom, and the shapes that its answers have."""

from __future__ import annotations

import pytest

from harvester.simulator.meetecho.plans import CONFIGURED
from tests.unit.simulator.client import ask
from tests.unit.simulator.groups import JSON, Groups, groups

ROOMS = "/meetecho/api/v1/meeting/interim/fetchRooms"


@pytest.fixture(scope="module")
def shared() -> Groups:
    return groups()


@pytest.fixture
def fresh() -> Groups:
    return groups()


def test_one_call_has_a_token_for_each_group(shared: Groups) -> None:
    tokens = shared.tokens("zquilt", "nobodys", "oakloom").body["tokens"]
    assert tokens.keys() == {"zquilt", "oakloom"}
    assert len(set(tokens.values())) == 2


def test_another_secret_is_refused_and_the_refusal_holds_what_nobody_should_show(shared: Groups) -> None:
    answer = shared.tokens(secret="guessed")
    assert answer.status == 401
    assert b"guessed" in answer.content


def test_a_token_shows_the_rooms_of_its_group_alone(shared: Groups) -> None:
    tokens = shared.tokens().body["tokens"]
    ours = {room.uuid for room in shared.served.account.rooms if room.group == "tealcup"}
    assert shared.fetch(tokens["tealcup"]).body["rooms"].keys() == ours


def test_a_token_dies_after_an_hour(fresh: Groups) -> None:
    token = fresh.tokens().body["tokens"]["zquilt"]
    fresh.clock.seconds += 3599
    assert fresh.fetch(token).status == 200
    fresh.clock.seconds += 1
    assert fresh.fetch(token).status == 401


def test_the_group_is_told_nowhere_above_the_rooms_or_in_each_by_turns(fresh: Groups) -> None:
    token = fresh.tokens().body["tokens"]["zquilt"]
    seen = set()
    for _ in range(3):
        told = fresh.fetch(token).body
        within = {room.get("group") for room in told["rooms"].values()}
        seen.add((told.get("group"), *within))
    assert seen == {(None, None), ("zquilt", None), (None, "zquilt")}


def test_keys_that_nobody_knows_are_at_every_level(fresh: Groups) -> None:
    token = fresh.tokens().body["tokens"]["tealcup"]
    answers = [fresh.fetch(token).body for _ in range(3)]
    rooms = [room for told in answers for room in told["rooms"].values()]
    assert any(told.keys() - {"rooms", "group"} for told in answers)
    assert any(room.keys() - {"room", "url", "deletion_token", "group"} for room in rooms)
    assert any(room["room"].keys() - {"id", "start_time", "duration", "description"} for room in rooms)


def test_a_group_without_rooms_says_so_in_four_ways(fresh: Groups) -> None:
    token = fresh.tokens().body["tokens"][CONFIGURED[-1]]
    said = [fresh.fetch(token).body for _ in range(4)]
    assert all(told in said for told in ({"rooms": {}}, {"rooms": []}, {}, []))


def test_a_refused_group_has_a_token_and_no_rooms_and_stops_no_other() -> None:
    refusing = groups(refused=("zquilt",), unknown=("brambl",))
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
def test_what_the_datatracker_would_not_send_is_refused_and_counted(
    fresh: Groups, headers: dict[str, str], fault: str
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
    fresh: Groups, method: str, path: str, query: str, body: bytes
) -> None:
    token = fresh.tokens().body["tokens"]["zquilt"]
    sent = {**JSON, "authorization": f"bearer {token}"}
    assert ask(fresh.served, path, method=method, query=query, body=body, **sent).status >= 400
    assert sum(fresh.served.traffic()["unlike"].values()) == 1


def test_tokens_are_not_given_for_other_bodies(fresh: Groups) -> None:
    whole = {"client": "a", "secret": "b", "wgs": ["zquilt"]}
    for body in ({**whole, "more": 1}, {"client": "a", "wgs": []}, {**whole, "wgs": "zquilt"}, [whole]):
        assert fresh.post("auth/ietfservice/tokens", body).status == 400
    assert fresh.post("auth/ietfservice/tokens", whole, authorization="bearer x").status == 400
    assert sum(fresh.served.traffic()["unlike"].values()) == 5


def test_a_harvest_that_reads_is_counted_as_one_that_writes_nothing(fresh: Groups) -> None:
    fresh.rooms()
    told = fresh.served.traffic()
    assert (told["writes"], told["unlike"]) == (0, {})
    assert told["calls"]["GET meeting/interim/fetchRooms"] == len(CONFIGURED)


def test_the_calls_that_write_answer_and_are_counted(fresh: Groups) -> None:
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


def test_rooms_of_every_awkward_sort_are_listed(shared: Groups) -> None:
    account = shared.served.account
    listed = shared.rooms()
    groups_of = {session.id: session.group for session in account.sessions}
    assert listed.keys() == {room.uuid for room in account.rooms}
    strangers = [
        uuid for uuid, (group, told) in listed.items() if groups_of.get(told["room"]["id"], group) != group
    ]
    assert strangers  # their numbers are Meetecho's own, and sessions of other groups have the same
    shown = {uuid for uuid in strangers for s in account.sessions if uuid in s.instructions}
    assert shown
    assert shown != set(strangers)
    ids = [told["room"]["id"] for _, told in listed.values()]
    assert any(ids.count(number) > 1 and number in groups_of for number in ids)
    assert any(not told["room"]["description"] for _, told in listed.values())
    gone = [s for s in account.sessions if "short=" in s.instructions and s.id not in ids]
    assert any(not any(uuid in s.instructions for uuid in listed) for s in gone)
