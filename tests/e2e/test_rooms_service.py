"""`harvester rooms serve` against simulated rooms: bookings, push, and what is refused."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from harvester.simulator.google_meet.rooms.calendar import RoomCalendar
from tests.e2e.harness import Harvester
from tests.e2e.rooms_bench import Bench, free_port, http, rooms_bench, wait_for

PANEL, OTHER = "panelSecretNobodyHas", "otherSecretNobodyHas"
PUBLIC = "https://rooms.example.org"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""A Sunday, when some rooms are free all day."""


@dataclass(frozen=True)
class Service:
    bench: Bench
    url: str

    def send(
        self, method: str, path: str, body: Any = None, *, secret: str = PANEL, client: str = "panel"
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        content = None if body is None else json.dumps({"client_id": client, **body}).encode()
        time.sleep(0.1)  # within the 10 requests a second that a client may send
        return http(self.url + path, method, content, **headers)

    def book(self, room: str, **more: Any) -> tuple[int, Any]:
        words = {name: more.pop(name) for name in ("secret", "client") if name in more}
        return self.send("POST", "/meetings", {"room_name": room, "duration_mins": 30, **more}, **words)

    def state(self, room: str) -> dict[str, Any]:
        status, body = self.send("GET", f"/meetings?room_name={quote(room)}&client_id=panel")
        assert status == 200, body
        found: dict[str, Any] = body
        return found

    def inserted(self) -> int:
        """How many events were inserted in all calendars."""
        return sum(row["call"].startswith("POST calendar calendars/{id}/events") for row in self.log)

    @property
    def log(self) -> list[dict[str, Any]]:
        return [row for row in self.bench.rooms.requests.log if row["call"].endswith("/events")]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with rooms_bench(folder, rooms=15, now=NOON) as bench:
        discovered = Harvester(folder, bench.settings)("rooms", "discover").stdout.decode()
        config = folder / "rooms.toml"
        config.write_text(
            discovered
            + f'\n[[rooms.client]]\nid = "panel"\nsecret = "{PANEL}"\n\n[[rooms.client]]\nid = "other"\nsecret = "{OTHER}"\n'
        )
        config.chmod(0o600)
        port = free_port()
        bench.rooms.control.change({"delivery": {"forward": f"http://127.0.0.1:{port}"}})
        served = replace(bench, options=replace(bench.options, rooms=config))
        with served.running("serve", "--booking", "--push", PUBLIC, "--port", str(port)):
            service = Service(served, f"http://127.0.0.1:{port}")
            wait_for(lambda: is_ready(service))
            yield service
        assert served.rooms.channels.rows() == []  # stopped at Google
        log = (folder / "stderr.log").read_text()
        assert not [word for word in (PANEL, OTHER, "Salary review", "Merger") if word in log]


def is_ready(service: Service) -> bool:
    try:
        return http(service.url + "/healthz")[0] == 200 and len(service.bench.rooms.channels.rows()) == 15
    except OSError:
        return False


def free_rooms(service: Service) -> list[str]:
    """The rooms that are free for two hours."""
    until = (service.bench.now() + timedelta(hours=2)).isoformat()
    truth = service.bench.truth(service.bench.now())
    return [
        room for room, state in truth.items() if not state["busy"] and (state["free_until"] or "9") > until
    ]


def test_the_states_are_the_truth(service: Service) -> None:
    for room, truth in service.bench.truth(service.bench.now()).items():
        state = service.state(room)
        assert (state["busy"], state["text"], state["busy_until"]) == (
            truth["busy"], truth["text"], truth["busy_until"],
        )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({"secret": ""}, 401),
        ({"secret": "wrong"}, 401),
        ({"secret": OTHER}, 401),
        ({"client": "nobody"}, 401),
        ({"room": "Nowhere"}, 404),
        ({"duration_mins": 5}, 400),
        ({"duration_mins": "thirty"}, 400),
        ({"duration_mins": 10**9}, 400),
        ({"fit": "yes"}, 400),
    ],
)
def test_a_refused_booking_inserts_nothing(words: dict[str, Any], status: int, service: Service) -> None:
    before = service.inserted()
    changed = {"room": free_rooms(service)[0], **words}
    assert service.book(changed.pop("room"), **changed)[0] == status
    assert service.inserted() == before


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b"x" * 100_000, b"[" * 50_000])
def test_a_malformed_body_inserts_nothing(body: bytes, service: Service) -> None:
    before = service.inserted()
    time.sleep(0.1)
    status, answer = http(f"{service.url}/meetings", "POST", body, Authorization=f"Bearer {PANEL}")
    assert status in {400, 413}
    assert "error" in answer
    assert service.inserted() == before


def test_a_busy_room_is_not_booked_and_a_gap_only_if_it_fits(service: Service) -> None:
    truth = service.bench.truth(service.bench.now())
    busy = next(room for room, state in truth.items() if state["busy"])
    assert service.book(busy)[0] == 409
    room = free_rooms(service)[-1]
    start = service.bench.now() + timedelta(minutes=40)
    service.bench.rooms.control.put(
        room=room, summary="Soon", start=start.isoformat(), end=(start + timedelta(hours=1)).isoformat()
    )
    wait_for(lambda: (service.state(room)["next"] or {}).get("title") == "Soon")
    status, answer = service.book(room, duration_mins=120)
    assert status == 409
    assert 25 <= answer["free_minutes"] <= 55
    status, booked = service.book(room, duration_mins=120, fit=True)
    assert status == 201, booked
    [event] = [
        event
        for event in service.bench.rooms.store.named(room).events()
        if event.created > service.bench.simulator.organisation.now and event.summary != "Soon"
    ]
    assert event.interval("UTC")[1] <= start.timestamp() * 1000


def test_of_many_bookings_at_once_one_succeeds(service: Service) -> None:
    room = free_rooms(service)[0]
    before = {event.id for event in service.bench.rooms.store.named(room).events()}
    clients = [("panel", PANEL), ("other", OTHER)] * 4
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda who: service.book(room, client=who[0], secret=who[1]), clients))
    assert sorted(status for status, _ in answers) == [201] + [409] * 7
    events = service.bench.rooms.store.named(room).events()
    added = [event for event in events if event.id not in before and event.status != "cancelled"]
    assert len(added) == 1


def status_of(calendar: RoomCalendar, event_id: str) -> str:
    event = calendar.find(event_id)
    assert event is not None
    return event.status


def test_only_the_clients_own_bookings_can_be_deleted(service: Service) -> None:
    room = free_rooms(service)[1]
    status, booked = service.book(room)
    assert status == 201, booked
    calendar = service.bench.rooms.store.named(room)
    someone = next(
        event for event in calendar.events() if event.status != "cancelled" and event.id != booked["id"]
    )
    assert service.send("DELETE", f"/meetings/{booked['id']}", {}, secret=OTHER, client="other")[0] == 403
    assert service.send("DELETE", f"/meetings/{booked['id']}", {}, secret="wrong")[0] == 401
    assert service.send("DELETE", f"/meetings/{someone.id}", {"room_name": room})[0] == 403
    assert status_of(calendar, booked["id"]) == "confirmed"
    assert calendar.find(someone.id) == someone
    assert service.send("DELETE", f"/meetings/{booked['id']}", {})[0] == 200
    assert status_of(calendar, booked["id"]) == "cancelled"
    assert service.send("DELETE", f"/meetings/{booked['id']}", {})[0] == 404


def test_a_lost_reply_books_once(service: Service) -> None:
    room = free_rooms(service)[2]
    call = "POST calendar calendars/{id}/events"
    for kind in ("lost_reply", "error_after"):
        service.bench.rooms.control.change({"faults": [{"kind": kind, "call": call, "room": room}]})
        before = service.inserted()
        status, booked = service.book(room, duration_mins=15)
        assert status == 201, booked
        assert service.inserted() - before == 1
        assert service.send("DELETE", f"/meetings/{booked['id']}", {})[0] == 200


def test_a_change_is_pushed_at_once(service: Service) -> None:
    """The calendars are read once a minute: without push, few of these would show within seconds."""
    late = []
    room = free_rooms(service)[3]
    for number in range(6):
        start = service.bench.now()
        began = time.monotonic()
        event = service.bench.rooms.control.put(
            room=room,
            id="pushed12345",
            summary=f"Pushed {number}",
            start=start.isoformat(),
            end=(start + timedelta(hours=1)).isoformat(),
        )
        wait_for(lambda: service.state(room)["text"] == event.summary, 30)  # noqa: B023  # waits within the loop
        late.append(time.monotonic() - began)
    assert sorted(late)[3] < 20


def test_a_forged_message_reads_nothing(service: Service) -> None:
    [channel, *_] = service.bench.rooms.channels.rows()
    before = len(service.log)
    for headers in (
        {},
        {"X-Goog-Channel-ID": channel["id"]},
        {"X-Goog-Channel-ID": channel["id"], "X-Goog-Channel-Token": "guessed"},
    ):
        for _ in range(20):
            sent = {**headers, "X-Goog-Resource-State": "exists"}
            assert http(f"{service.url}/webhook", "POST", b"", **sent)[0] == 404
    assert len(service.log) - before < 20  # those of every minute


FLOOD = 4_000
"""Requests, sent without waiting for the answers: as many in a second as the service can read."""


def flood(url: str, requests: Sequence[bytes]) -> list[int]:
    """Send requests over one connection. Returns the statuses of the answers."""
    host, port = urlsplit(url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        sending = threading.Thread(target=connection.sendall, args=(b"".join(requests),))
        sending.start()
        answers = connection.makefile("rb")
        found = []
        for _ in requests:
            found.append(int(answers.readline().split()[1]))
            length = 0
            while line := answers.readline().strip().lower():
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            answers.read(length)
        sending.join()
    return found


def as_bytes(method: str, path: str, body: Any = None, secret: str = OTHER) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def test_a_flood_of_one_client_changes_nothing_and_stops_nobody_else(service: Service) -> None:
    """A thousand requests a second and more: readings, bookings of one room, deletions, wrong secrets."""
    room, kept = free_rooms(service)[-2:]
    status, booking = service.book(kept)
    assert status == 201, booking
    client = {"client_id": "other"}
    mixed = [
        as_bytes("GET", f"/meetings?room_name={quote(room)}&client_id=other"),
        as_bytes("POST", "/meetings", {**client, "room_name": room, "duration_mins": 15}),
        as_bytes("DELETE", f"/meetings/{booking['id']}", client),
        as_bytes("POST", "/meetings", {**client, "room_name": room}, secret="guessed-secret"),
    ]
    before = {event.id for event in service.bench.rooms.store.named(room).events()}
    inserted, ended = service.inserted(), threading.Event()
    shares = [[mixed[n % len(mixed)] for n in range(FLOOD // 8)] for _ in range(8)]
    meanwhile: list[int] = []

    def ask_as_another() -> None:
        while not ended.is_set():
            path = f"/meetings?room_name={quote(room)}&client_id=panel"
            meanwhile.append(http(service.url + path, Authorization=f"Bearer {PANEL}")[0])
            time.sleep(0.15)

    began = time.monotonic()
    with ThreadPoolExecutor(9) as pool:
        asking = pool.submit(ask_as_another)
        statuses = [
            each for found in pool.map(lambda share: flood(service.url, share), shares) for each in found
        ]
        seconds = time.monotonic() - began
        ended.set()
        asking.result()
    accepted = Counter(status for status in statuses if status not in {401, 429})
    assert len(statuses) == FLOOD
    assert accepted.total() <= 10 * seconds + 21  # ten a second, and two seconds' worth at once
    assert {429} <= set(statuses) <= {200, 201, 401, 403, 409, 429}
    assert set(meanwhile) == {200}
    events = service.bench.rooms.store.named(room).events()
    added = [event for event in events if event.id not in before and event.status != "cancelled"]
    assert len(added) == accepted[201] <= 1
    assert service.inserted() - inserted == accepted[201]
    assert status_of(service.bench.rooms.store.named(kept), booking["id"]) == "confirmed"
    logging.getLogger(__name__).info("%.0f requests a second", FLOOD / seconds)
    time.sleep(2)  # until the client may ask again


@pytest.mark.long
def test_an_expiring_channel_is_renewed_before_its_end(tmp_path: Path) -> None:
    """Channels that live ten minutes, 60 times as fast."""
    with rooms_bench(tmp_path, rooms=3, speed=60.0, now=NOON) as bench:
        channels = bench.rooms.channels
        channels.delivery.ttl = 600
        with bench.running("serve", "--push", PUBLIC, "--port", str(free_port())):
            wait_for(lambda: sum(row["state"] == "sync" for row in channels.log) >= 9)
            assert {row["room"] for row in channels.rows()} == {"Aurora", "Birch", "Cedar"}
            opened = [row for row in channels.log if row["state"] == "sync"]
            assert len({row["channel"] for row in opened}) == len(opened)
            for room in ("Aurora", "Birch", "Cedar"):
                instants = [row["instant"] for row in opened if row["room"] == room]
                gaps = [later - earlier for earlier, later in pairwise(instants)]
                assert len(gaps) >= 1
                assert max(gaps) < 600_000
        assert channels.rows() == []


def test_booking_without_a_secret_is_refused_at_the_start(tmp_path: Path) -> None:
    with rooms_bench(tmp_path, rooms=2) as bench:
        ended = bench("serve", "--booking", "--port", "0")
        assert ended.returncode == 78
        assert b"secret" in ended.stderr
