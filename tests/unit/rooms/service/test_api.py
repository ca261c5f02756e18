"""harvester/rooms/service/api.py, over HTTP: no event is created or deleted that should not be."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from connectors.errors import Unreachable
from tests.unit.rooms.fake_calendars import at, event
from tests.unit.rooms.service.running_service import OTHER_SECRET, TOKEN, Service, Switch

STATE = {"room_name": "Blue", "client_id": "panels"}


def test_the_state_of_a_room_has_the_next_two_meetings(service: Service) -> None:
    service.calendars.set("blue", event("later", 14, 15))
    service.calendars.set("blue", event("last", 16, 17))
    service.read()
    found = service.ask("GET", "meetings", params=STATE)
    assert found.status_code == 200
    assert found.headers["Cache-Control"] == "no-store"
    body = found.json()
    assert (body["room"], body["busy"], body["text"]) == ("Blue", False, "Free until 13:00")
    assert [meeting["title"] for meeting in body["upcoming"]] == ["Lunch <b>", "later"]


@pytest.mark.parametrize(
    ("secret", "parameters", "status"),
    [
        ("", STATE, 401),
        ("wrong", STATE, 401),
        (OTHER_SECRET, STATE, 401),
        ("invented-secret-of-the-panels", {**STATE, "client_id": "none"}, 401),
        ("invented-secret-of-the-panels", {"room_name": "Blue"}, 400),
        ("invented-secret-of-the-panels", {"client_id": "panels"}, 400),
        ("invented-secret-of-the-panels", {**STATE, "room_name": "none"}, 404),
    ],
)
def test_missing_and_wrong_values_are_refused(
    service: Service, secret: str, parameters: dict[str, str], status: int
) -> None:
    for method, where in (("GET", "params"), ("POST", "json"), ("DELETE", "json")):
        path = "meetings" if method != "DELETE" else "meetings/lunch"
        options: Any = {where: parameters}
        found = service.ask(method, path, secret=secret, **options)
        if method == "DELETE" and status in {400, 404} and "client_id" in parameters:
            assert found.status_code in {403, 404}
        else:
            assert found.status_code == status
        assert set(found.json()) == {"error"}
    assert service.count("insert") == service.count("delete") == 0


def test_a_booking_is_created_and_cancelled_by_its_client(service: Service) -> None:
    booked = service.book(duration_mins=30)
    assert booked.status_code == 201
    assert (booked.json()["start"], booked.json()["end"]) == ("2026-11-30T10:00:00Z", "2026-11-30T10:30:00Z")
    number = booked.json()["id"]
    body = service.ask("GET", "meetings", params=STATE).json()
    assert body["busy"] is True
    stolen = service.ask("DELETE", f"meetings/{number}", secret=OTHER_SECRET, json={"client_id": "other"})
    assert stolen.status_code == 403
    assert service.ask("DELETE", f"meeting/{number}", json={"client_id": "panels"}).status_code == 200
    assert service.ask("DELETE", f"meetings/{number}", json=STATE).status_code == 404
    assert service.ask("GET", "meetings", params=STATE).json()["busy"] is False


def test_a_meeting_of_a_person_cannot_be_deleted(service: Service) -> None:
    assert service.ask("DELETE", "meetings/lunch", json=STATE).status_code == 403
    assert service.count("delete") == 0


def test_a_busy_room_and_a_short_gap_are_conflicts(service: Service) -> None:
    service.calendars.set("blue", event("soon", 10.5, 11))
    refused = service.book()
    assert refused.status_code == 409
    assert refused.json()["free_minutes"] == 30
    assert service.book(fit=True).json()["end"] == "2026-11-30T10:30:00Z"
    assert service.book(duration_mins=15).status_code == 409


def test_of_two_bookings_at_once_exactly_one_is_created(service: Service) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lambda _: service.book(duration_mins=15).status_code, range(8)))
    assert statuses == [201] + [409] * 7
    assert service.count("insert") == 1


@pytest.mark.parametrize("minutes", [0, -15, 14, 481, 10**30, 1.5, "30", None, True, [30]])
def test_an_odd_duration_is_refused(service: Service, minutes: object) -> None:
    assert service.book(duration_mins=minutes).status_code == 400
    assert service.count("insert") == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 5000, 400),
        (b'{"a": "' + b"x" * 20_000 + b'"}', 413),
    ],
)
def test_an_odd_body_is_refused(service: Service, body: bytes, status: int) -> None:
    assert service.ask("POST", "meetings", data=body).status_code == status
    assert service.ask("POST", "start_watching", data=body).status_code == status


def test_a_body_without_an_end_is_refused(service: Service) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b" " * 1000

    # The service may close the connection before everything is sent.
    with suppress(requests.ConnectionError):
        assert service.ask("POST", "meetings", data=endless()).status_code == 413


def test_endless_headers_are_refused(service: Service) -> None:
    parts = urlsplit(service.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000)
        assert b"200 OK" not in connection.recv(1000)


def test_a_calendar_that_cannot_be_read_is_503_without_details(service: Service) -> None:
    service.calendars.refused["changes"] = Unreachable("internal detail")
    found = service.book()
    assert found.status_code == 503
    assert "internal" not in found.text


def test_without_booking_nothing_is_created_or_deleted(switch: Switch) -> None:
    service = switch.start(booking=False)
    assert service.book().status_code == 403
    assert service.ask("DELETE", "meetings/lunch", json=STATE).status_code == 403
    assert service.count("insert") == service.count("delete") == 0


def test_a_client_with_too_many_requests_is_slowed_down(service: Service) -> None:
    statuses = [service.ask("GET", "meetings", params=STATE).status_code for _ in range(30)]
    assert statuses == [200] * 20 + [429] * 10
    service.clock.seconds += 1
    assert service.ask("GET", "meetings", params=STATE).status_code == 200


def test_guessing_is_slowed_down_by_address(service: Service) -> None:
    statuses = {service.ask("GET", "meetings", secret=str(n), params=STATE).status_code for n in range(110)}
    assert statuses == {401, 429}
    late = service.ask("GET", "meetings", params=STATE)
    assert late.status_code == 429
    assert late.headers["Retry-After"] == "1"


def test_start_watching_reads_the_calendar(service: Service) -> None:
    found = service.ask("POST", "start_watching", json=STATE)
    assert (found.status_code, found.json()) == (200, {"room": "Blue", "push": True})
    assert service.read_now == ["Blue"]


@pytest.mark.parametrize(
    ("headers", "status", "read"),
    [
        ({"X-Goog-Channel-ID": "c1", "X-Goog-Channel-Token": TOKEN}, 204, ["Blue"]),
        (
            {"X-Goog-Channel-ID": "c1", "X-Goog-Channel-Token": TOKEN, "X-Goog-Resource-State": "sync"},
            204,
            [],
        ),
        ({"X-Goog-Channel-ID": "c1", "X-Goog-Channel-Token": "forged"}, 404, []),
        ({"X-Goog-Channel-ID": "c1"}, 404, []),
        ({"X-Goog-Channel-ID": "c2", "X-Goog-Channel-Token": TOKEN}, 404, []),
        ({}, 404, []),
    ],
)
def test_only_a_message_with_the_channels_token_is_a_reason_to_read(
    service: Service, headers: dict[str, str], status: int, read: list[str]
) -> None:
    found = requests.post(service.url + "webhook", headers=headers, timeout=30)
    assert found.status_code == status
    assert service.read_now == read


def test_health_figures_and_description(service: Service) -> None:
    assert requests.get(service.url + "healthz", timeout=30).json() == {"rooms": 2, "unread": 0}
    service.clock.time = at(11)
    assert requests.get(service.url + "healthz", timeout=30).status_code == 503
    figures = requests.get(service.url + "metrics", timeout=30).text
    assert 'harvester_room_data_age_seconds{room="Blue"} 3600.0' in figures
    description = requests.get(service.url + "openapi.json", timeout=30).json()
    assert set(description["paths"]) == {
        "/meetings",
        "/meetings/{id}",
        "/start_watching",
        "/healthz",
    }


def test_unknown_paths_and_methods_are_json_errors(service: Service) -> None:
    assert service.ask("GET", "none").json() == {"error": "there is no such page"}
    assert service.ask("PATCH", "meetings").status_code == 405
