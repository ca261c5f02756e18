"""Tests the log of requests, planned faults and observers."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from harvester.simulator.faults import TRANSPORT
from harvester.simulator.meetecho.planned_faults import Exchange
from tests.unit.simulator.clients import Answer, send_request
from tests.unit.simulator.meetecho_client import JSON, MeetechoClient, meetecho_client
from tests.unit.simulator.test_faults import Transport

CREATE = "POST meeting/interim/createRoom"
FETCH = "GET meeting/interim/fetchRooms"
WISH = {
    "room_id": 31_001, "description": "interim", "start_time": "2026-12-01 10:00:00", "duration": 130, "extrainfo": "x",
}  # fmt: skip


class Bench:
    """The simulated Meetecho on a connection that can break."""

    def __init__(self, *faults: dict[str, Any]) -> None:
        self.client: MeetechoClient = meetecho_client()
        self.transport = Transport()
        self.bearer = self.client.bearer("hushwg")
        self.client.change(faults=list(faults))
        self._served = self.client.served
        self.client.served = self  # type: ignore[assignment]  # the client needs an ASGI application only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._served({**scope, "extensions": {TRANSPORT: self.transport}}, receive, send)

    def create(self) -> Answer | None:
        """Return the answer, None if the connection broke."""
        try:
            return self.client.post("meeting/interim/createRoom", WISH, **self.bearer)
        except IndexError:
            return None

    def rooms(self) -> int:
        return len(self._served.rooms.rooms.of("hushwg"))

    def log(self, call: str) -> list[tuple[bool, int | None]]:
        rows = self.client.state()["requests"]
        return [(row["carried_out"], row["status"]) for row in rows if row["call"] == call]


@pytest.mark.parametrize(
    ("kind", "status", "created"),
    [
        ("lost_request", None, 0),
        ("lost_reply", None, 1),
        ("error", 500, 0),
        ("error_after", 502, 1),
        ("page", 200, 0),
        ("absent", 404, 0),
        ("expired", 401, 0),
        ("late", 200, 1),
    ],
)
def test_a_planned_fault_damages_one_answer(kind: str, status: int | None, created: int) -> None:
    bench = Bench({"call": CREATE, "kind": kind})
    answer = bench.create()
    assert (answer.status if answer else None) == status
    assert bench.rooms() == created
    assert bench.log(CREATE) == [(bool(created), status)]
    assert bench.transport.ends == ([] if answer else ["abort"])
    second = bench.create()
    assert second is not None
    assert second.status == 200
    assert bench.rooms() == created + 1


def test_a_page_is_no_json() -> None:
    answer = Bench({"call": CREATE, "kind": "page"}).create()
    assert answer is not None
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.content.startswith(b"<!DOCTYPE html>")


def test_a_planned_fault_skips_repeats_and_is_for_one_group_or_session() -> None:
    bench = Bench(
        {"call": CREATE, "kind": "error", "skip": 1, "times": 2},
        {"call": FETCH, "kind": "error", "about": "zquilt", "times": -1},
    )
    statuses = [answer.status for _ in range(4) if (answer := bench.create()) is not None]
    assert statuses == [200, 500, 500, 200]
    tokens = bench.client.tokens().body["tokens"]
    assert [bench.client.fetch(tokens["zquilt"]).status for _ in range(3)] == [500] * 3
    assert bench.client.fetch(tokens["oakloom"]).status == 200


def test_planned_faults_count_all_requests_even_those_that_another_one_damages() -> None:
    bench = Bench(*({"call": CREATE, "kind": "error", "skip": position} for position in (0, 1, 3)))
    statuses = [answer.status for _ in range(5) if (answer := bench.create()) is not None]
    assert statuses == [500, 500, 200, 500, 200]


def test_the_log_names_group_session_and_body_and_contains_no_token() -> None:
    bench = Bench()
    made = bench.create()
    assert made is not None
    [(uuid, room)] = made.body["rooms"].items()
    bench.client.post("materials", {"session": "31001", "id": 5}, method="DELETE", **bench.bearer)
    bench.client.fetch(bench.bearer["authorization"].partition(" ")[2])
    deletion = {"authorization": f"bearer {room['deletion_token']}"}
    for _ in range(2):
        bench.client.post("meeting/interim/deleteRoom", **deletion)
    state = bench.client.state()
    rows = [(row["call"], row["about"], row["body"], row["writes"]) for row in state["requests"]]
    gone = ("POST meeting/interim/deleteRoom", "hushwg", {"uuid": uuid, "room_id": 31_001}, True)
    assert rows == [
        ("POST auth/ietfservice/tokens", "", None, False),
        (CREATE, "hushwg", WISH, True),
        ("DELETE materials", "31001", {"session": "31001", "id": 5}, True),
        (FETCH, "hushwg", None, False),
        gone,
        gone,
    ]
    for secret in (bench.bearer["authorization"], deletion["authorization"], "invented-meetecho-secret"):
        assert secret.removeprefix("bearer ") not in str(state)


def test_requests_for_lists_and_files_of_decks_are_logged() -> None:
    bench = Bench()
    session = str(bench._served.account.sessions[0].id)
    for path in (f"/api/meeting/session/{session}/materials", "/meeting/1/materials/a-00"):
        send_request(bench, path, **JSON)
    rows = [(row["call"], row["about"], row["status"]) for row in bench.client.state()["requests"][1:]]
    assert rows == [
        ("GET session materials", session, 200),
        ("GET deck", "/meeting/1/materials/a-00", 404),
    ]


def test_observers_are_called_before_and_after_each_request() -> None:
    bench = Bench()
    seen: list[tuple[str, str, int]] = []

    def observe(exchange: Exchange, moment: str) -> None:
        seen.append((exchange.call, moment, bench.rooms()))

    bench._served.exchanges.observers.append(observe)
    bench.create()
    assert seen == [(CREATE, "before", 0), (CREATE, "after", 1)]
