"""`harvester rooms` over calendars in memory: what is printed, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from connectors.errors import CredentialsError, HarvestError, Unreachable
from connectors.google_meet.errors import Forbidden
from connectors.google_meet.room_calendar_api import CalendarReading, RoomResource
from harvester.cli import cli, rooms_bookings, rooms_options
from harvester.rooms.open_calendars import RoomsAccount
from harvester.sinks.elastic import templates
from tests.unit.fake_context import FakeContext
from tests.unit.rooms.fake_calendars import FakeCalendars, at, event

ROOMS = """
[[rooms.room]]
name = "Blue"
calendar = "blue"
capacity = 6
[[rooms.room]]
name = "Red"
calendar = "red"
capacity = 2
[[rooms.room]]
name = "Hall"
calendar = "hall"
"""
Run = Callable[..., Result]


class Calendars(FakeCalendars):
    """`unreadable`: the error of a calendar."""

    def __init__(self) -> None:
        super().__init__()
        self.unreadable: dict[str, HarvestError] = {}

    def read(self, calendar: str, since: Any) -> CalendarReading:
        if calendar in self.unreadable:
            raise self.unreadable[calendar]
        return super().read(calendar, since)

    def resources(self) -> list[RoomResource]:
        return [
            RoomResource(name='Bl"ue', calendar="blue@x", capacity=6, building="HQ\x1b", floor="2"),
            RoomResource(name='Bl"ue', calendar="other@x"),
        ]


@pytest.fixture
def calendars() -> Calendars:
    found = Calendars()
    found.set("blue", replace(event("talk", 9.5, 11), title="Talk", organizer="Ada", tentative=True))
    found.set("red", event("later", 10.5, 12))
    return found


@pytest.fixture
def run(calendars: Calendars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """It is 10:00 UTC."""

    @contextmanager
    def opened(_config: Any, _stop: Any, **_more: Any) -> Iterator[RoomsAccount]:
        yield RoomsAccount(
            calendars=calendars,
            conferences=None,  # type: ignore[arg-type]  # only `serve` uses them
            context=FakeContext(at(10)),  # type: ignore[arg-type]  # what the commands use of it
            default_zone=ZoneInfo("Europe/Rome"),
            label="main",
        )

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rooms_options, "open_rooms_account", opened)
    (tmp_path / "rooms.toml").write_text(ROOMS)

    def invoke(*words: str, **environment: str) -> Result:
        env = {"GOOGLE_CREDENTIALS": "{}", "HARVESTER_STATE_DIR": str(tmp_path / "state"), **environment}
        return CliRunner().invoke(cli, ["rooms", *words], env=env, standalone_mode=False)

    return invoke


def test_a_table_has_a_line_for_each_room(run: Run) -> None:
    found = run("status")
    assert found.return_value == 0
    assert [line.split("  ")[0].strip() for line in found.stdout.splitlines()] == [
        "room",
        "Blue",
        "Red",
        "Hall",
    ]
    assert "busy until 12:00, tentative" in found.stdout
    assert "Free until 11:30" in found.stdout
    assert "11:30 later" in found.stdout
    assert "Free all day" in found.stdout


def test_rooms_in_several_zones_are_shown_with_their_zones(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rooms.toml").write_text(ROOMS.replace("capacity = 2", 'timezone = "Asia/Tokyo"'))
    shown = run("status").stdout.splitlines()
    assert shown[0].split() == ["room", "zone", "state", "now", "next"]
    assert "Asia/Tokyo" in shown[2]
    assert "Free until 19:30" in shown[2]


def test_json_is_a_list_with_the_rooms_asked_for(run: Run) -> None:
    found = json.loads(run("status", "red", "BLUE", "--json").stdout)
    assert [(room["room"], room["busy"]) for room in found] == [("Red", False), ("Blue", True)]


def test_another_instant(run: Run) -> None:
    found = json.loads(run("status", "Blue", "--json", "--at", "2026-11-30T09:15+00:00").stdout)
    assert (found[0]["busy"], found[0]["free_until"]) == (False, "2026-11-30T09:30:00Z")


@pytest.mark.parametrize("instant", ["2026-11-30T09:15", "noon", "2026-13-01T00:00Z"])
def test_an_instant_needs_an_offset(run: Run, instant: str) -> None:
    assert "with its offset" in str(run("status", "--at", instant).exception)


def test_titles_can_be_hidden(run: Run) -> None:
    found = run("status", "--titles", "hide")
    assert "Talk" not in found.stdout


def test_titles_are_hidden_if_personal_data_is_dropped(run: Run) -> None:
    found = run("status", "--titles", "show", HARVESTER_PII="drop")
    assert "Talk" not in found.stdout


def test_a_room_that_cannot_be_read_does_not_hide_the_others(run: Run, calendars: Calendars) -> None:
    calendars.unreadable["red"] = Unreachable("no connection")
    found = run("status", "--json")
    assert found.return_value == 75
    assert [room["busy"] for room in json.loads(found.stdout)] == [True, None, False]
    assert "rooms: Red cannot be read: no connection" in found.stderr


def test_if_no_room_can_be_read_the_exit_code_is_that_of_the_error(run: Run, calendars: Calendars) -> None:
    calendars.unreadable = dict.fromkeys(("blue", "red", "hall"), CredentialsError("refused"))
    assert run("status").return_value == 77


def test_free_rooms_are_listed_the_smallest_first(run: Run) -> None:
    found = json.loads(run("find", "--for", "30m", "--json").stdout)
    assert [(room["room"], room["capacity"]) for room in found] == [("Red", 2), ("Hall", None)]
    assert [room["room"] for room in json.loads(run("find", "--for", "31m", "--json").stdout)] == ["Hall"]


def test_free_rooms_are_shown_with_their_zones_if_there_are_several(run: Run, tmp_path: Path) -> None:
    assert run("find").stdout.splitlines()[0].split() == ["room", "seats", "free"]
    (tmp_path / "rooms.toml").write_text(ROOMS.replace("capacity = 2", 'timezone = "Asia/Tokyo"'))
    shown = run("find").stdout.splitlines()
    assert shown[0].split() == ["room", "zone", "seats", "free"]
    assert [line.split()[:2] for line in shown[1:]] == [["Hall", "Europe/Rome"], ["Red", "Asia/Tokyo"]]


def test_a_minute_that_has_begun_counts_as_free(run: Run) -> None:
    """Red is free until 11:30; at 11:00:40 it can still be booked for half an hour."""
    found = run("find", "--at", "2026-11-30T10:00:40+00:00", "--for", "30m", "--json")
    assert "Red" in [room["room"] for room in json.loads(found.stdout)]


def test_free_rooms_now_is_the_default_and_excludes_another_instant(run: Run) -> None:
    assert run("find", "--now", "--json").stdout == run("find", "--json").stdout
    assert "either --now or --at" in str(run("find", "--now", "--at", "2026-11-30T12:00Z").exception)


def test_free_rooms_at_another_instant(run: Run) -> None:
    found = json.loads(run("find", "--at", "2026-11-30T12:00Z", "--seats", "2", "--json").stdout)
    assert [room["room"] for room in found] == ["Red", "Blue"]


def test_rooms_without_known_seats_are_left_out_if_seats_are_asked_for(run: Run) -> None:
    assert run("find", "--for", "30m", "--seats", "2").stdout.splitlines()[1].startswith("Red")
    none = run("find", "--seats", "7")
    assert (none.return_value, none.stdout) == (65, "no free room is known to have 7 seats\n")


@pytest.mark.parametrize("duration", ["30", "0m", "h", "1h 30m", "169h", "-5m"])
def test_an_odd_duration_is_a_usage_error(run: Run, duration: str) -> None:
    assert "write a duration like" in str(run("find", "--for", duration).exception)


def test_the_companys_rooms_are_printed_as_a_file_that_can_be_read(run: Run, tmp_path: Path) -> None:
    found = run("discover")
    assert "\x1b" not in found.stdout
    (tmp_path / "rooms.toml").write_text(found.stdout)
    shown = json.loads(run("status", "--json").stdout)
    assert [room["room"] for room in shown] == ['Bl"ue', 'Bl"ue (blue@x)']


def test_a_room_is_booked_and_cancelled(run: Run, calendars: Calendars) -> None:
    booked = json.loads(run("book", "Red", "--for", "30m", "--json").stdout)
    assert (booked["room"], booked["start"], booked["end"]) == (
        "Red",
        "2026-11-30T10:00:00Z",
        "2026-11-30T10:30:00Z",
    )
    assert run("book", "Red", "--for", "30m").return_value == 75
    assert run("cancel", "Red", booked["id"]).return_value == 0
    assert "there is no such event any more" in run("cancel", "Red", booked["id"]).stderr


def test_a_meeting_of_a_person_is_not_cancelled(run: Run, calendars: Calendars) -> None:
    assert run("cancel", "Blue", "talk").return_value == 77
    assert ("delete", "blue") not in calendars.calls


def test_a_booking_that_does_not_fit_is_refused(run: Run) -> None:
    refused = run("book", "Red", "--for", "1h")
    assert refused.return_value == 75
    assert "free for 30 minutes only" in refused.stderr
    fitting = run("book", "Red", "--for", "1h", "--fit")
    assert (
        "Red is booked from 11:00 to 11:30 (Europe/Rome); to cancel: harvester rooms cancel Red "
        in fitting.stdout
    )


def test_bookings_are_printed_as_documents(run: Run) -> None:
    found = run("bookings", "--destination", "stdout", "--from", "2026-11-30", "--to", "2026-11-30")
    documents = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(each["kind"], each["room"], each.get("topic")) for each in documents] == [
        ("booking", "Blue", "Talk"),
        ("booking", "Red", "later"),
    ]
    assert "2 bookings in 3 rooms" in found.stderr


def test_bookings_of_an_account_are_replaced_and_deleted_under_its_name(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The label of the account may come from a file, and then differs from HARVESTER_ACCOUNT."""
    stored: list[str] = []
    deleted: list[tuple[str, str]] = []

    class Documents:
        def __init__(self, *_: Any) -> None: ...

        def put_bookings(self, bookings: list[dict[str, Any]]) -> int:
            stored.extend(booking["account"] for booking in bookings)
            return 0

        def delete_other_bookings(self, calendar: str, account: str, *_: Any) -> int:
            deleted.append((calendar, account))
            return 0

    monkeypatch.setattr(rooms_bookings, "RoomDocuments", Documents)
    monkeypatch.setattr(templates, "install_missing", lambda _client, _retry: None)
    elasticsearch = {"ES_HOST": "http://127.0.0.1:9", "HARVESTER_ACCOUNT": "another"}
    found = run("bookings", "--from", "2026-11-30", "--to", "2026-11-30", **elasticsearch)
    assert found.return_value == 0
    assert stored == ["main", "main"]
    assert deleted == [("blue", "main"), ("red", "main"), ("hall", "main")]


def test_busy_times_are_no_bookings(run: Run, calendars: Calendars) -> None:
    calendars.unreadable["red"] = Forbidden("no access", status=403)
    found = run("bookings", "--destination", "stdout", "--from", "2026-11-30", "--to", "2026-11-30")
    assert found.return_value == 75
    assert [json.loads(line)["room"] for line in found.stdout.splitlines()] == ["Blue"]
    assert "Red cannot be read: the events may not be read, only busy times" in found.stderr


def test_a_missing_file_or_room_is_named(run: Run) -> None:
    assert "none.toml cannot be read" in str(run("status", "--config", "none.toml").exception)
    assert "there is no room 'Green'; there are Blue, Red, Hall" in str(run("status", "Green").exception)


def test_booking_needs_a_client_with_a_secret(run: Run) -> None:
    assert "[[rooms.client]]" in str(run("serve", "--booking").exception)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "rooms.example.org", "https://user:x@example.org"])
def test_messages_are_sent_to_https_only(run: Run, url: str) -> None:
    assert run("serve", "--push", url).exception is not None


def test_unknown_capacities_are_named_if_seats_are_asked_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rooms.toml").write_text(
        "".join(line for line in ROOMS.splitlines(True) if "capacity" not in line)
    )
    found = run("find", "--seats", "2")
    assert found.return_value == 65
    assert found.stdout == "no room has a capacity in rooms.toml: add capacity to its rooms\n"
    assert found.stderr == "", "it is said once"
