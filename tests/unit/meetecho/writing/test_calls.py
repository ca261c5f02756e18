"""The requests as the datatracker's own client makes them: method, path, headers and body, byte for byte.

The expected values follow the public tests of that client (`ietf/utils/tests_meetecho.py` of ietf-tools/datatracker).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import requests
import responses

from connectors.errors import BrokenResponse, Unreachable, VendorError
from connectors.meetecho.errors import MeetechoRefused
from connectors.meetecho.writing.calls import (
    WriteClient,
    WriteRequest,
    add_deck,
    create_room,
    delete_room,
    is_doubtful,
    remove_deck,
    send_decks,
    status_of,
)
from connectors.meetecho.writing.desired_state import Deck, DesiredRoom
from connectors.response_decisions import Response
from tests.unit.fake_context import FakeContext
from tests.unit.meetecho.fake_api import MEETECHO, SECRET, settings

ROOM = {
    "room": {
        "id": 18,
        "start_time": "2021-09-14 10:00:00",
        "duration": 130,
        "description": "interim-2021-wgname-01",
    },
    "url": "https://meetings.example.org/interim/?short=3d55bce0",
    "deletion_token": "marked-deletion-token",
}
ROOM_18 = DesiredRoom(
    group="acro",
    session_id=18,
    description="interim-2021-wgname-01",
    start=datetime(2021, 9, 14, 10, tzinfo=UTC),
    minutes=130,
    extrainfo="message for staff",
)
DECKS = (
    Deck(id=17, title="A Slide Deck", url="https://example.com/decks/17", rev="00", order=1),
    Deck(id=23, title="Ünother", url="https://example.com/decks/23", rev="03", order=2),
)
REQUESTS = [
    (
        create_room(ROOM_18),
        "POST",
        "/meeting/interim/createRoom",
        b'{"room_id": 18, "description": "interim-2021-wgname-01", "start_time": "2021-09-14 10:00:00", '
        b'"duration": 130, "extrainfo": "message for staff"}',
    ),
    (delete_room("acro"), "POST", "/meeting/interim/deleteRoom", None),
    (
        add_deck("acro", "1234", DECKS[0]),
        "POST",
        "/materials",
        b'{"session": "1234", "title": "A Slide Deck", "id": 17, "url": "https://example.com/decks/17", '
        b'"rev": "00", "order": 1}',
    ),
    (remove_deck("acro", "1234", 17), "DELETE", "/materials", b'{"session": "1234", "id": 17}'),
    (
        send_decks("acro", "1234", DECKS),
        "PUT",
        "/materials",
        b'{"session": "1234", "decks": [{"id": 17, "title": "A Slide Deck", "url": "https://example.com/decks/17", '
        b'"rev": "00", "order": 1}, {"id": 23, "title": "\\u00dcnother", "url": "https://example.com/decks/23", '
        b'"rev": "03", "order": 2}]}',
    ),
]


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(
            f"{MEETECHO}/auth/ietfservice/tokens", json={"tokens": {"acro": "wg-token", "beta": "beta-token"}}
        )
        yield mock


@pytest.fixture
def client(http: responses.RequestsMock, context: FakeContext) -> WriteClient:
    return WriteClient(settings(), MEETECHO, context, ["acro", "beta"])


@pytest.mark.parametrize(("request_", "method", "path", "body"), REQUESTS)
def test_each_request_is_sent_byte_for_byte_as_the_datatracker_sends_it(
    client: WriteClient,
    http: responses.RequestsMock,
    request_: WriteRequest,
    method: str,
    path: str,
    body: bytes | None,
) -> None:
    http.add(method, MEETECHO + path, status=202)
    if path.endswith("deleteRoom"):
        client.delete(request_, "delete-this-meeting-please")
    else:
        client.send(request_)
    sent = http.calls[-1].request
    theirs = requests.Request(
        method,
        MEETECHO + path,
        headers={"Accept": "application/json", "Authorization": sent.headers["Authorization"]},
        json=request_.body,
    ).prepare()
    assert (sent.method, sent.url, sent.body) == (theirs.method, theirs.url, theirs.body)
    assert sent.body == body
    for name in ("Accept", "Content-Type"):
        assert sent.headers.get(name) == theirs.headers.get(name)
    token = "delete-this-meeting-please" if path.endswith("deleteRoom") else "wg-token"
    assert sent.headers["Authorization"] == f"bearer {token}"


def test_all_groups_get_their_tokens_in_one_call(client: WriteClient, http: responses.RequestsMock) -> None:
    http.get(f"{MEETECHO}/meeting/interim/fetchRooms", json={"rooms": {}})
    client.fetch_rooms("acro")
    client.fetch_rooms("beta")
    first = http.calls[0].request
    assert first.body == (
        b'{"client": "datatracker", "secret": "%s", "wgs": ["acro", "beta"]}' % SECRET.encode()
    )
    assert "Authorization" not in first.headers
    assert len(http.calls) == 3


@pytest.mark.parametrize(
    "start",
    [
        datetime(2021, 9, 14, 7, tzinfo=ZoneInfo("America/Halifax")),
        datetime(2021, 9, 14, 13, tzinfo=ZoneInfo("Europe/Kiev")),
        datetime(2021, 9, 14, 5, tzinfo=ZoneInfo("Pacific/Easter")),
        datetime(2021, 9, 14, 15, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_the_same_instant_in_any_zone_is_sent_in_utc(start: datetime) -> None:
    desired = DesiredRoom(group="acro", session_id=1, description="x", start=start, minutes=1)
    assert (create_room(desired).body or {})["start_time"] == "2021-09-14 10:00:00"


def test_a_dry_run_shows_the_request_without_its_token() -> None:
    assert create_room(ROOM_18).describe() == (
        "POST /meeting/interim/createRoom\nAccept: application/json\nAuthorization: bearer ***\n"
        "Content-Type: application/json\n"
        '{"room_id": 18, "description": "interim-2021-wgname-01", "start_time": "2021-09-14 10:00:00", '
        '"duration": 130, "extrainfo": "message for staff"}'
    )
    assert delete_room("acro").describe().splitlines()[-1] == "Authorization: bearer ***"


def test_fetched_rooms_come_with_their_deletion_tokens(
    client: WriteClient, http: responses.RequestsMock
) -> None:
    http.get(f"{MEETECHO}/meeting/interim/fetchRooms", json={"rooms": {"u-1": ROOM, "u-2": {"room": {}}}})
    rooms, tokens = client.fetch_rooms("acro")
    assert [room.uuid for room in rooms] == ["u-1", "u-2"]
    assert tokens == {"u-1": "marked-deletion-token"}
    assert "marked" not in repr(rooms)


@pytest.mark.parametrize("empty", [{"rooms": {}}, {"rooms": []}, [], {}])
def test_a_group_without_rooms_has_no_tokens(
    client: WriteClient, http: responses.RequestsMock, empty: object
) -> None:
    http.get(f"{MEETECHO}/meeting/interim/fetchRooms", json=empty)
    assert client.fetch_rooms("acro") == ([], {})


@pytest.mark.parametrize("rooms", [{}, {"a": ROOM, "b": ROOM}])
def test_a_creation_is_answered_with_exactly_one_room(client: WriteClient, rooms: object) -> None:
    response = Response(call="POST createRoom", status=200, headers={}, body={"rooms": rooms})
    with pytest.raises(BrokenResponse, match="instead of one"):
        client.created_room(response, "acro")


@pytest.mark.parametrize("status", [500, 502, 408])
def test_a_request_with_an_unknown_outcome_is_sent_once(
    client: WriteClient, http: responses.RequestsMock, status: int
) -> None:
    call = http.post(f"{MEETECHO}/meeting/interim/createRoom", status=status)
    with pytest.raises(VendorError) as raised:
        client.send(create_room(ROOM_18))
    assert call.call_count == 1
    assert is_doubtful(raised.value)


def test_a_time_out_is_not_followed_by_a_second_creation(
    client: WriteClient, http: responses.RequestsMock
) -> None:
    call = http.post(f"{MEETECHO}/meeting/interim/createRoom", body=requests.ReadTimeout())
    with pytest.raises(Unreachable, match="after 1 try:") as raised:
        client.send(create_room(ROOM_18))
    assert call.call_count == 1
    assert is_doubtful(raised.value)


def test_a_429_is_waited_for_since_nothing_was_done(
    client: WriteClient, http: responses.RequestsMock, context: FakeContext
) -> None:
    url = f"{MEETECHO}/meeting/interim/createRoom"
    http.post(url, status=429, headers={"Retry-After": "7"})
    http.post(url, json={"rooms": {"u-1": ROOM}})
    assert client.created_room(client.send(create_room(ROOM_18)), "acro").uuid == "u-1"
    assert context.elapsed() >= 7


def test_the_whole_list_is_sent_again_after_an_error(
    client: WriteClient, http: responses.RequestsMock
) -> None:
    http.put(f"{MEETECHO}/materials", status=503)
    http.put(f"{MEETECHO}/materials", status=202)
    assert client.send(send_decks("acro", "1234", DECKS)).status == 202


def test_an_expired_token_is_renewed_once(
    client: WriteClient, http: responses.RequestsMock, context: FakeContext
) -> None:
    http.get(f"{MEETECHO}/meeting/interim/fetchRooms", json={"rooms": {}})
    client.fetch_rooms("acro")
    context.seconds += 120
    created = http.post(f"{MEETECHO}/meeting/interim/createRoom", status=401)
    http.replace(
        responses.POST,
        f"{MEETECHO}/auth/ietfservice/tokens",
        json={"tokens": {"acro": "new-token", "beta": "b"}},
    )
    with pytest.raises(MeetechoRefused):
        client.send(create_room(ROOM_18))
    assert [call.request.headers["Authorization"] for call in created.calls] == [
        "bearer wg-token",
        "bearer new-token",
    ]


PAGE = "<!DOCTYPE html><html><body>Log in to the network</body></html>"


@pytest.mark.parametrize(
    "request_", [create_room(ROOM_18), delete_room("acro"), add_deck("acro", "1", DECKS[0])]
)
def test_a_page_instead_of_an_answer_leaves_the_outcome_unknown(
    client: WriteClient, http: responses.RequestsMock, request_: WriteRequest
) -> None:
    call = http.add(
        request_.method, MEETECHO + request_.path, body=PAGE, content_type="text/html; charset=utf-8"
    )
    with pytest.raises(BrokenResponse, match="text/html") as raised:
        client.send(request_)
    assert call.call_count == 1
    assert is_doubtful(raised.value)
    assert status_of(raised.value) is None


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [(202, "", "text/html"), (202, "Accepted", "text/html"), (200, "", "text/html"), (200, "OK", "text/plain"), (200, "{}", "text/html")],
)  # fmt: skip
def test_any_other_body_of_a_success_is_ignored(
    client: WriteClient, http: responses.RequestsMock, status: int, body: str, content_type: str
) -> None:
    http.put(f"{MEETECHO}/materials", status=status, body=body, content_type=content_type)
    assert client.send(send_decks("acro", "1234", DECKS)).status == status


def test_the_status_of_an_error_is_that_of_meetechos_answer() -> None:
    assert status_of(MeetechoRefused("refused", status=404)) == 404
    assert status_of(VendorError("failed", status=502)) == 502
    assert status_of(Unreachable("no connection")) is None


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_refusal_names_its_status_and_is_not_doubtful(
    client: WriteClient, http: responses.RequestsMock, status: int
) -> None:
    http.post(re.compile(".*createRoom"), status=status)
    with pytest.raises(MeetechoRefused, match=str(status)) as raised:
        client.send(create_room(ROOM_18))
    assert not is_doubtful(raised.value)
