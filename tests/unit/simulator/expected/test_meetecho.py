"""Compares the expected documents of the working groups with a plain reading of the simulator's answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import orjson
import pytest

from harvester.simulator.expected import Document, documents
from harvester.simulator.expected.document_fields import session_key
from harvester.simulator.expected.meetecho import ExpectedMeetecho
from harvester.simulator.meetecho.account import CANCELED, Account
from harvester.simulator.meetecho.options import MeetechoOptions
from harvester.simulator.meetecho.schedule import CONFIGURED
from harvester.simulator.organisation import DAY, MINUTE, QUIET, Case, Organisation
from tests.unit.simulator.clients import NOW, organisation
from tests.unit.simulator.meetecho_client import MeetechoClient, meetecho_client, pk

FIRST = NOW.replace(hour=0) - timedelta(days=8)


@cache
def expected_documents(*, upcoming: bool = False, **options: Any) -> dict[str, Document]:
    """Return the documents by id, as JSON values."""
    made = ExpectedMeetecho(
        organisation(), options=MeetechoOptions(**options), account="main", upcoming=upcoming
    )
    meetecho_stamp = [
        orjson.loads(orjson.dumps(document, option=orjson.OPT_UTC_Z)) for document in made.documents()
    ]
    found = {document["document_id"]: document for document in meetecho_stamp}
    assert len(found) == len(meetecho_stamp)
    return found


def expected_meetings(found: dict[str, Document]) -> dict[str, Document]:
    return {d["uuid"]: d for d in found.values() if d["kind"] == "meeting"}


@pytest.fixture(scope="module")
def served() -> MeetechoClient:
    return meetecho_client()


class Plain:
    """Read everything that is served and join it by the documented rules."""

    def __init__(self, served: MeetechoClient, *, rooms: bool) -> None:
        self._served = served
        self._rooms = served.rooms() if rooms else {}
        rows = {
            name: {row["id"]: row for row in served.rows(f"meeting/{name}")}
            for name in ("session", "meeting", "schedtimesessassignment", "timeslot", "schedulingevent")
        }
        self._groups = {row["id"]: row["acronym"] for row in served.rows("group/group")}
        self._rows = rows
        self._attended: dict[int, list[dict[str, Any]]] = {}
        for session in rows["session"]:
            self._attended[session] = served.rows("meeting/attended", session=session)

    def found(self) -> Iterator[tuple[str, dict[str, Any]]]:
        taken = set()
        for number, row in self._rows["session"].items():
            group = self._groups[pk(row["group"])]
            rooms = self._rooms_of(number, group, row["remote_instructions"])
            taken |= {uuid for uuid, _ in rooms}
            status = max(
                (e for e in self._rows["schedulingevent"].values() if pk(e["session"]) == number),
                key=lambda event: datetime.fromisoformat(event["time"]),
            )["status"].split("/")[-2]
            off = status in CANCELED and not self._attended[number]
            plan = self._of_room(rooms[0][1]) if rooms else self._slot(row)
            if group in CONFIGURED and plan is not None and not off:
                described = rooms[0][1]["room"]["description"] if rooms else ""
                ietf_meeting = self._rows["meeting"][pk(row["meeting"])]
                topic = described or row["name"] or ietf_meeting["number"]
                yield str(number), {"plan": plan, "topic": topic, "who": self._attended[number]}
        for uuid, (_, room) in self._rooms.items():
            if uuid not in taken:
                yield uuid, {"plan": self._of_room(room), "topic": room["room"]["description"], "who": None}

    def _rooms_of(self, number: int, group: str, text: str) -> list[tuple[str, dict[str, Any]]]:
        of_group = [(uuid, room) for uuid, (of, room) in self._rooms.items() if of == group]
        return [
            (uuid, room) for uuid, room in of_group if room["room"]["id"] == number or room["url"] in text
        ]

    def _of_room(self, room: dict[str, Any]) -> tuple[datetime, datetime]:
        start = datetime.strptime(room["room"]["start_time"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        return start, start + timedelta(minutes=room["room"]["duration"])

    def _slot(self, row: dict[str, Any]) -> tuple[datetime, datetime] | None:
        schedule = self._rows["meeting"][pk(row["meeting"])]["schedule"]
        for uri in row["assignments"]:
            assignment = self._rows["schedtimesessassignment"][pk(uri)]
            if assignment["schedule"] == schedule:
                slot = self._rows["timeslot"][pk(assignment["timeslot"])]
                start = datetime.fromisoformat(slot["time"]).astimezone(UTC)
                days, _, clock = slot["duration"].rpartition(" day, ")
                hours, minutes, _ = map(int, clock.split(":"))
                return start, start + timedelta(days=int(days or 0), hours=hours, minutes=minutes)
        return None


@pytest.mark.parametrize("credentials", [True, False])
def test_the_documents_are_the_served_rows_joined_by_the_rules(
    served: MeetechoClient, credentials: bool
) -> None:
    wanted = expected_meetings(expected_documents(credentials=credentials))
    sessions = [d for d in expected_documents(credentials=credentials).values() if d["kind"] == "session"]
    seen = {
        uuid: found
        for uuid, found in Plain(served, rooms=credentials).found()
        if FIRST <= found["plan"][0] <= NOW
    }
    assert seen.keys() == wanted.keys()
    for uuid, found in seen.items():
        document = wanted[uuid]
        start, end = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in found["plan"])
        assert (document["scheduled_start_time"], document["scheduled_end_time"]) == (start, end)
        assert document["@timestamp"] == start
        assert document["topic"] == found["topic"]
        ahead = found["plan"][1] > NOW
        assert document["detail"] == ("scheduled" if ahead else "basic" if found["who"] is None else "full")
        assert document.get("state") == ("scheduled" if ahead else None)
        assert document.get("participants") == (None if found["who"] is None else len(found["who"]))
        stays = {d["document_id"].rpartition(":")[2]: d for d in sessions if d["meeting"] == uuid}
        records = {session_key(str(row["id"])): row for row in found["who"] or ()}
        assert stays.keys() == records.keys()
        for name, stay in stays.items():
            row = records[name]
            assert stay["id"] == str(pk(row["person"]))
            joined = row["time"] if row["origin"] == "datatracker" else None
            when = joined and f"{datetime.fromisoformat(joined).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
            assert stay.get("join_time") == when
            assert not stay.keys() & {"leave_time", "duration", "period", "user_type", "email"}


def test_names_are_those_of_the_datatracker(served: MeetechoClient) -> None:
    names = {str(row["id"]): row["name"] for row in served.rows("person/person")}
    sessions = [d for d in expected_documents().values() if d["kind"] == "session"]
    assert {d["user_name"] for d in sessions} == {names[d["id"]] for d in sessions}
    assert all(d["user_name"] == names[d["id"]] for d in sessions)


def test_a_meeting_keeps_its_id_with_and_without_credentials() -> None:
    with_rooms, without = (
        expected_meetings(expected_documents()),
        expected_meetings(expected_documents(credentials=False)),
    )
    assert without.keys() < with_rooms.keys()
    more = [with_rooms[uuid] for uuid in with_rooms.keys() - without.keys()]
    assert {"basic", "full"} == {document["detail"] for document in more}
    differing = [u for u in without if without[u] != with_rooms[u]]
    assert any(without[u]["scheduled_start_time"] != with_rooms[u]["scheduled_start_time"] for u in differing)
    assert any(without[u]["topic"] != with_rooms[u]["topic"] for u in differing)


def test_refused_groups_look_as_without_credentials_and_others_as_with_them() -> None:
    refused = expected_meetings(expected_documents(refused=("zquilt",), unknown=("brambl",)))
    for group in CONFIGURED:
        wanted = expected_meetings(expected_documents(credentials=group not in {"zquilt", "brambl"}))
        assert {u: d for u, d in refused.items() if d["meeting_series_id"] == group} == {
            u: d for u, d in wanted.items() if d["meeting_series_id"] == group
        }


def test_future_sessions_are_included_on_request() -> None:
    ahead = expected_meetings(expected_documents(upcoming=True))
    assert not ahead.keys() & expected_meetings(expected_documents()).keys()
    assert {(d["detail"], d["state"]) for d in ahead.values()} == {("scheduled", "scheduled")}
    assert min(d["@timestamp"] for d in ahead.values()) > "2026-11-21"
    assert any("-" in uuid for uuid in ahead)  # rooms without a session
    assert len(expected_meetings(expected_documents(upcoming=True, credentials=False))) < len(ahead)
    assert all("participants" not in d for d in ahead.values())


@pytest.mark.parametrize(("hour", "minute"), [(0, 0), (0, 20), (3, 0), (12, 0), (23, 30)])
@pytest.mark.parametrize("days", [1, 3, 30])
def test_no_session_starts_or_ends_in_the_quiet_hour_or_starts_before_midnight(
    hour: int, minute: int, days: int
) -> None:
    now = NOW.replace(hour=hour, minute=minute)
    made = Organisation(seed=hour, size=120, days=days, now=now)
    account = Account(made)
    spans = [(s.start, s.start + s.minutes * MINUTE) for s in account.sessions if s.start is not None]
    spans += [(r.start, r.start + r.minutes * MINUTE) for r in account.rooms]
    midnight = (made.now // DAY + 1) * DAY
    for start, end in spans:
        assert not made.now - MINUTE <= end <= made.now + QUIET + MINUTE
        assert not made.now - MINUTE <= start < max(midnight, made.now + QUIET + MINUTE)


def test_late_attendance_is_missing() -> None:
    sessions = {s.meeting.case: s for s in Account(organisation()).sessions if s.meeting is not None}
    found = expected_meetings(expected_documents())
    late, records_pending = sessions[Case.late], sessions[Case.records_pending]
    assert 0 < found[str(late.id)]["participants"] < 6
    empty = found[str(records_pending.id)]
    assert (empty["detail"], empty["participants"], empty["participant_sessions"]) == ("full", 0, 0)
    running = found[str(sessions[Case.live].id)]
    assert (running["detail"], running["state"]) == ("scheduled", "scheduled")


def test_the_documents_of_all_vendors_include_meetecho() -> None:
    found = {d["vendor"] for d in documents(organisation(), vendors=("meetecho",))}
    assert found == {"meetecho"}
    uuids = {d["uuid"] for d in documents(organisation(), vendors=("meetecho",)) if d["kind"] == "meeting"}
    assert uuids == expected_meetings(expected_documents()).keys()
