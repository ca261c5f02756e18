"""Tests the push channels of the simulated rooms."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harvester.simulator.google_meet.rooms.calendar import RoomCalendar
from tests.unit.simulator.rooms_client import RoomsClient, events_path, reason, rooms_client

SECONDS = 10.0


class Receiver(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/webhook"

    def states(self) -> list[str]:
        return [message["X-Goog-Resource-State"] for message in self.messages]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Receiver)
        self.server.messages.append(dict(self.headers))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        del args


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture
def client() -> RoomsClient:
    return rooms_client(rooms=3)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def watch(client: RoomsClient, calendar: RoomCalendar, address: str, **more: object) -> dict[str, str]:
    body = {"id": "channel-1", "type": "web_hook", "address": address, "token": "secret", **more}
    answer = client.send("POST", f"{events_path(calendar)}/watch", body)
    assert answer.status == 200, answer.content
    found: dict[str, str] = answer.body
    return found


def put(client: RoomsClient) -> None:
    client.change(put=[{"room": "Aurora", "start": "2026-11-20T13:00:00Z", "end": "2026-11-20T14:00:00Z"}])


def test_a_change_is_delivered_with_growing_numbers(client: RoomsClient, receiver: Receiver) -> None:
    calendar = client.calendars[0]
    channel = watch(client, calendar, receiver.url)
    wait_for(lambda: receiver.states() == ["sync"])
    put(client)
    wait_for(lambda: receiver.states() == ["sync", "exists"])
    for message in receiver.messages:
        assert message["X-Goog-Channel-ID"] == "channel-1"
        assert message["X-Goog-Channel-Token"] == "secret"
        assert message["X-Goog-Resource-ID"] == channel["resourceId"]
    numbers = [int(message["X-Goog-Message-Number"]) for message in receiver.messages]
    assert numbers[0] == 1 < numbers[1]
    assert channel["expiration"] == str(1_795_176_000_200 + 604_800_000)


def test_a_stopped_channel_is_silent(client: RoomsClient, receiver: Receiver) -> None:
    channel = watch(client, client.calendars[0], receiver.url)
    wait_for(lambda: len(receiver.messages) == 1)
    wrong = {"id": channel["id"], "resourceId": "another"}
    assert client.send("POST", "/channels/stop", wrong).status == 404
    assert client.send("POST", "/channels/stop", channel).status == 204
    assert client.send("POST", "/channels/stop", channel).status == 404
    put(client)
    assert client.google.google.rooms.channels.log[-1]["state"] == "sync"


def test_an_expired_channel_is_silent(client: RoomsClient, receiver: Receiver) -> None:
    watch(client, client.calendars[0], receiver.url, params={"ttl": "60"})
    client.google.clock.seconds += 61
    put(client)
    channels = client.google.google.rooms.channels
    assert [row["state"] for row in channels.log] == ["sync"]
    assert channels.rows() == []


def test_a_channel_id_is_unique_in_the_project(client: RoomsClient, receiver: Receiver) -> None:
    watch(client, client.calendars[0], receiver.url)
    body = {"id": "channel-1", "type": "web_hook", "address": receiver.url}
    answer = client.send("POST", f"{events_path(client.calendars[1])}/watch", body)
    assert reason(answer) == (400, "channelIdNotUnique")


@pytest.mark.parametrize(
    "changed",
    [{"address": "http://example.org/webhook"}, {"id": "x" * 65}, {"type": "smoke"}, {"token": "x" * 257}],
)
def test_a_malformed_channel_is_refused(changed: dict[str, str], client: RoomsClient) -> None:
    body = {"id": "c", "type": "web_hook", "address": "https://example.org/webhook", **changed}
    assert client.send("POST", f"{events_path(client.calendars[0])}/watch", body).status == 400


def test_messages_come_twice_late_out_of_order_or_not_at_all(client: RoomsClient, receiver: Receiver) -> None:
    watch(client, client.calendars[0], receiver.url)
    wait_for(lambda: len(receiver.messages) == 1)
    client.change(delivery={"twice": True})
    put(client)
    wait_for(lambda: len(receiver.messages) == 3)
    assert receiver.messages[1] == receiver.messages[2]
    client.change(delivery={"twice": False, "reverse": True})
    put(client)
    put(client)
    wait_for(lambda: len(receiver.messages) == 5)
    late, later = (int(message["X-Goog-Message-Number"]) for message in receiver.messages[3:])
    assert late > later
    client.change(delivery={"reverse": False, "drop": 1})
    put(client)
    assert client.google.google.rooms.channels.log[-1]["outcome"] == "dropped"
