"""Tests the decks in the simulated datatracker: the list of a session, and the files."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from harvester.simulator.meetecho.account import GroupSession
from harvester.simulator.meetecho.materials import Deck
from tests.unit.simulator.clients import Answer, send_request
from tests.unit.simulator.meetecho_client import MeetechoClient, meetecho_client

HOST = "127.0.0.1:8777"
TWO = [
    {"id": 1, "title": "Uno", "name": "slides-1", "rev": "00"},
    {"id": 2, "title": "Dos", "name": "slides-2", "rev": "03"},
]


@pytest.fixture(scope="module")
def shared() -> MeetechoClient:
    return meetecho_client()


@pytest.fixture
def fresh() -> MeetechoClient:
    return meetecho_client()


def get(client: MeetechoClient, path: str, method: str = "GET") -> Answer:
    return send_request(client.served, path, method=method, host=HOST)


def materials(client: MeetechoClient, session: GroupSession) -> Any:
    answer = get(client, f"/api/meeting/session/{session.id}/materials")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    return answer.body


def test_the_list_has_the_shape_that_the_datatracker_documents(shared: MeetechoClient) -> None:
    for session in shared.served.account.sessions:
        body = materials(shared, session)
        assert body.keys() == {"url", "slides", "minutes"}
        assert body["slides"].keys() == {"decks", "actions"}
        decks = body["slides"]["decks"]
        assert all(deck.keys() == {"id", "title", "rev", "url", "ext", "order"} for deck in decks)
        assert all(str(deck["rev"]) in deck["url"] for deck in decks)
        first = session.id % 2
        assert [deck["order"] for deck in decks] == list(range(first, first + len(decks)))


def test_there_are_sessions_without_decks_with_many_and_with_a_lost_one(shared: MeetechoClient) -> None:
    sessions = shared.served.account.sessions
    lists = [materials(shared, session)["slides"]["decks"] for session in sessions]
    ids = [deck["id"] for decks in lists for deck in decks]
    assert len(set(ids)) == len(ids)
    assert {len(decks) for decks in lists} >= {0, 1, 2, 3, 4}
    lost = [[deck["rev"] is None for deck in decks] for decks in lists]
    assert {sum(revisions) for revisions in lost} == {0, 1}


def test_every_file_answers_except_that_of_a_lost_deck(shared: MeetechoClient) -> None:
    for session in shared.served.account.sessions[:20]:
        for deck in materials(shared, session)["slides"]["decks"]:
            parts = urlsplit(deck["url"])
            assert parts.netloc == HOST
            answer = get(shared, parts.path)
            assert answer.status == (404 if deck["rev"] is None else 200)
            assert shared.served.materials.answers(deck["url"], f"http://{HOST}") is (answer.status == 200)


def test_unknown_sessions_other_methods_and_other_paths_are_refused(shared: MeetechoClient) -> None:
    session = shared.served.account.sessions[0].id
    assert get(shared, "/api/meeting/session/4711/materials").status == 404
    assert get(shared, f"/api/meeting/session/{session}/materials", "POST").status == 405
    assert get(shared, f"/api/meeting/session/{session}").status == 404
    assert get(shared, "/meeting/1/materials/nothing-00").status == 404
    assert get(shared, "/meeting/1/materials/nothing-00", "DELETE").status == 405


def test_changed_decks_are_listed_and_files_of_old_revisions_remain(fresh: MeetechoClient) -> None:
    session = next(s for s in fresh.served.account.sessions if len(fresh.served.materials.decks(s.id)) == 3)
    old = [urlsplit(deck["url"]).path for deck in materials(fresh, session)["slides"]["decks"]]
    assert fresh.change(materials={str(session.id): TWO}).status == 200
    decks = materials(fresh, session)["slides"]["decks"]
    assert [(deck["id"], deck["title"], deck["rev"]) for deck in decks] == [
        (1, "Uno", "00"),
        (2, "Dos", "03"),
    ]
    assert all(get(fresh, path).status == 200 for path in old)


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_file_can_fail(fresh: MeetechoClient, status: int) -> None:
    session = fresh.served.account.sessions[0]
    fresh.change(materials={str(session.id): TWO})
    path = fresh.served.materials.path(session.id, Deck(id=1, title="Uno", name="slides-1", rev="00"))
    assert get(fresh, path, "HEAD").status == 200
    fresh.change(files={path: status})
    answer = get(fresh, path)
    assert answer.status == status
    assert answer.headers.get("location", "").startswith("/accounts/login/" if status == 302 else "")
    assert not fresh.served.materials.answers(f"http://{HOST}{path}", f"http://{HOST}")


def test_urls_elsewhere_answer_only_if_they_were_declared_reachable(fresh: MeetechoClient) -> None:
    served = fresh.served.materials
    served.reachable.add("https://example.org/a")
    served.publish("/meeting/1/materials/a-00")
    assert served.answers("https://example.org/a", f"http://{HOST}")
    assert served.answers(f"http://{HOST}/meeting/1/materials/a-00", f"http://{HOST}")
    assert not served.answers("https://example.org/b", f"http://{HOST}")
    assert not served.answers("http://other.example/meeting/1/materials/a-00", f"http://{HOST}")
