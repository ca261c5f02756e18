"""Compares the expected documents of Webex with a plain reading of the simulator's answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from harvester.simulator import expected
from harvester.simulator.expected import Document
from harvester.simulator.expected.document_fields import session_key, to_datetime
from harvester.simulator.expected.webex import ExpectedWebex, _SessionMatcher
from harvester.simulator.organisation import DAY, HOUR, MINUTE, Case
from harvester.simulator.webex.account import KEPT, Account, Instance, Quirk
from harvester.simulator.webex.attendance import MediaSession
from harvester.simulator.webex.options import WebexOptions
from tests.unit.simulator.clients import WebexClient, organisation, webex_client

UNKNOWN = (None, "1970-01-01T00:00:00.000Z")
STREAMS = {"audio_in": "audioIn", "video_out": "videoOut", "share_in": "shareIn"}
ARRAYS = {"latency_ms": "latency", "packet_loss_pct": "packetLoss", "fps": "frameRate"}
MADE = organisation(size=60)
ACCOUNT = Account(MADE)


@cache
def expected_documents(*, later: timedelta = timedelta(), **options: Any) -> dict[str, Document]:
    """Return the documents by id, as JSON values."""
    documents = ExpectedWebex(MADE, options=WebexOptions(**options), account="main", later=later).documents()
    plain = [orjson.loads(orjson.dumps(document, option=orjson.OPT_UTC_Z)) for document in documents]
    found = {document["document_id"]: document for document in plain}
    assert len(found) == len(plain)
    return found


def instance(wanted: Case | Quirk) -> Instance:
    return next(i for i in ACCOUNT.instances if wanted is i.meeting.case or wanted in i.quirks)


def instance_with_quality(wanted: Case | Quirk) -> Instance:
    """Return an instance with available qualities."""
    fitting = [i for i in ACCOUNT.instances if wanted is i.meeting.case or wanted in i.quirks]
    return next(i for i in fitting if 1 < (MADE.now - i.meeting.start) / HOUR < 24 * 6)


def expected_meeting(wanted: Case | Quirk, **options: Any) -> Document:
    return expected_documents(**options)[f"webex:main:{instance(wanted).id}"]


def expected_sessions(wanted: Case | Quirk, **options: Any) -> list[Document]:
    return [d for d in expected_documents(**options).values() if d.get("meeting") == instance(wanted).id]


@pytest.fixture(scope="module")
def webex() -> WebexClient:
    return webex_client(days=8)


def seconds(text: str) -> str:
    """Normalise the decimals of an instant."""
    return re.sub(r"\.(\d{3})(000)?Z$", lambda found: f".{found[1]}Z", text).replace(".000Z", "Z")


def listed_sessions(items: list[dict[str, Any]]) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Yield kind, participant, join and leave of every session in the answers."""
    for item in {json.dumps(item): item for item in items}.values():
        kind = "waiting_room" if item["state"] == "lobby" else "meeting"
        for session in item.get("devices") or [item]:
            times = [session.get(name) for name in ("joinedTime", "leftTime")]
            yield (kind, item["id"], *(None if t in UNKNOWN else seconds(t) for t in times))
        for room in item.get("breakoutSessionsAttended", ()):
            yield "breakout", item["id"], room["joinedTime"], room["leftTime"]


def test_every_listed_meeting_and_every_session(webex: WebexClient) -> None:
    expected = expected_documents(pro_pack=False)
    documents = [d for d in expected.values() if d["kind"] == "session"]
    since = "2026-11-12T00:00:00Z"
    rows = webex.listed(from_=since)
    assert {row["id"] for row in rows} == {d["uuid"] for d in expected.values() if d["kind"] == "meeting"}
    for row in rows:
        items = webex.items("/meetingParticipants", meetingId=row["id"], max=100)
        found = sorted(map(repr, listed_sessions(items)))
        wanted = sorted(
            repr(
                (
                    d["stay"],
                    d["user_id"],
                    *(seconds(d[n]) if n in d else None for n in ("join_time", "leave_time")),
                )
            )
            for d in documents
            if d["meeting"] == row["id"]
        )
        assert found == wanted
        head = expected[f"webex:main:{row['id']}"]
        assert (head["topic"], head["start_time"]) == (row["title"], row["start"])
        assert head.get("end_time") == row.get("end")
        assert head["state"] == ("ended" if row["state"] == "ended" else "live")
        assert head.get("meeting_code") == row.get("meetingNumber")


def streams(rows: list[dict[str, Any]], stream: str, array: str) -> list[float]:
    parts = [part for row in rows for part in row[stream]]
    return [value for part in parts for value in part.get(array) or () if value >= 0]


@pytest.mark.slow
def test_every_sample_is_in_the_quality_of_its_meeting(webex: WebexClient) -> None:
    seen = 0
    for document in expected_documents().values():
        if document["kind"] != "meeting" or document["detail"] != "full":
            continue
        webex.clock.seconds += 0.1
        rows = webex.qualities(document["uuid"], max=1000).body["items"]
        loads = [part for row in rows for part in row["resources"]]
        joined_by = [value for part in loads for value in part["systemAverageCPU"] if value >= 0]
        if joined_by:
            cpu = document["quality"]["cpu_pct"]
            assert cpu["samples"] == len(joined_by)
            assert cpu["worst"] == max(value for part in loads for value in part["systemMaxCPU"])
        for name, stream in STREAMS.items():
            for measure, array in ARRAYS.items():
                samples = [] if (name, measure) == ("audio_in", "fps") else streams(rows, stream, array)
                measured = document.get("quality", {}).get(name, {}).get(measure)
                assert (measured is None) is (not samples)
                if measured is not None:
                    seen += 1
                    assert measured["samples"] == len(samples)
                    assert measured["mean"] == pytest.approx(sum(samples) / len(samples), abs=0.0051)
                    worst = min(samples) if measure == "fps" else max(samples)
                    assert measured["worst"] == pytest.approx(worst, abs=0.0051)
    assert seen > 100


def test_qualities_with_old_and_new_names_and_every_quirk(webex: WebexClient) -> None:
    def rows(wanted: Case | Quirk) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = webex.qualities(instance_with_quality(wanted).id, max=1000).body[
            "items"
        ]
        return found

    webex.clock.seconds += 600
    old = rows(Quirk.old_names)
    assert all({"meetingId", "joined"} <= row.keys() and "joinTime" not in row for row in old)
    heard = rows(Quirk.heard_frames)
    assert any(part.get("frameRate") == [25.940001] for row in heard for part in row["audioIn"])
    mixed = rows(Case.mixed)
    parts = [part for row in mixed for name in STREAMS.values() for part in row[name]]
    assert any(-1 in part["packetLoss"] for part in parts)
    assert any(value % 1 for part in parts for value in part.get("frameRate") or ())
    assert any(part.get("resolutionHeight", 0) is None for row in mixed for part in row["audioIn"])
    every = [row for wanted in (Case.huge, Case.recurring, Case.plain) for row in rows(wanted)]
    expected_sessions = [row["participantSessionId"] for row in every if "participantSessionId" in row]
    assert len(set(expected_sessions)) < len(expected_sessions)  # in several rows
    assert any(len(row["videoIn"]) == 2 for row in every)
    assert any(row["videoIn"] == [] or row["shareIn"] == [] for row in every)


def test_a_row_without_a_match_is_a_separate_session(webex: WebexClient) -> None:
    webex.clock.seconds += 600
    mixed = instance_with_quality(Case.mixed)
    rows = webex.qualities(mixed.id, max=1000).body["items"]
    keys = {
        f"webex:main:{mixed.id}:{session_key(r['participantId'], r['participantSessionId'])}" for r in rows
    }
    strays = [expected_documents()[name] for name in keys & expected_documents().keys()]
    assert any("email" in stray or "user_name" in stray for stray in strays)
    assert not keys & expected_documents(pro_pack=False).keys()
    listed = {
        item["displayName"]
        for item in webex.items("/meetingParticipants", meetingId=mixed.id, max=100)
        if item.get("displayName")
    }
    assert not listed & {stray.get("user_name") for stray in strays}


def session(start: int, end: int, **more: Any) -> Document:
    """Return a session from minute `start` to minute `end`."""
    first = MADE.now - DAY
    return {
        "stay": "meeting",
        "join_time": to_datetime(first + start * MINUTE),
        "leave_time": to_datetime(first + end * MINUTE),
        **more,
    }


@pytest.mark.parametrize(
    ("email", "name", "start", "end", "position"),
    [
        ("ANA@example.org", "Somebody", 20, 40, 0),  # the address counts before the name, in any case
        ("ana@example.org", "Ana", 0, 5, None),  # no overlap
        ("ana@example.org", "Ana", 28, 60, 1),  # the longer overlap
        ("ana@example.org", "Ana", 35, 40, 0),  # equal overlap: the earlier join
        ("ana@example.org", "Ana", 70, 90, 4),  # a session without leave time
        (None, "Bea", 0, 60, 2),
        (None, None, 0, 60, None),
        ("cem@example.org", "Bea", 0, 60, 2),  # the list of participants has no address
        ("cem@example.org", "Ana", 0, 60, None),  # another address is another person
    ],
)
def test_a_row_belongs_to_the_session_of_the_same_person_with_the_longest_overlap(
    email: str | None, name: str | None, start: int, end: int, position: int | None
) -> None:
    listed_sessions = [
        ("a", session(10, 40, email="ana@example.org", user_name="Ana")),
        ("b", session(30, 60, email="ana@example.org", user_name="Ana")),
        ("c", session(0, 60, user_name="Bea")),
        ("d", session(0, 60, user_name="Bea") | {"stay": "breakout"}),
        (
            "e",
            {
                "stay": "meeting",
                "email": "ana@example.org",
                "join_time": to_datetime(MADE.now - DAY + 65 * MINUTE),
            },
        ),
    ]
    first = MADE.now - DAY
    device = MADE.sessions(instance(Case.mixed).meeting)[0].device
    row = MediaSession("p", "s", name, email, first + start * MINUTE, first + end * MINUTE, (), device, 0)
    assert _SessionMatcher(listed_sessions).match(row) == position


def test_documents_have_no_empty_fields() -> None:
    for document in expected_documents().values():
        assert not [name for name, value in document.items() if value is None or value == ""]
        assert "harvested_at" not in document
    assert not [d for d in expected_documents(pro_pack=False).values() if "quality" in d or "os" in d]


def test_young_meetings_are_basic_and_ten_minutes_later_full() -> None:
    before, after = expected_documents(), expected_documents(later=timedelta(minutes=10))
    young = {i.id for i in ACCOUNT.instances if i.meeting.case is Case.young}
    changed = {d.get("meeting") or d["uuid"] for name, d in after.items() if before.get(name) != d}
    assert changed == young
    assert {before[f"webex:main:{name}"]["detail"] for name in young} == {"basic"}
    assert {after[f"webex:main:{name}"]["detail"] for name in young} == {"full"}
    assert before.keys() <= after.keys()


def test_live_meetings_have_present_and_waiting_participants() -> None:
    live = [d for d in expected_documents().values() if d["kind"] == "meeting" and d["detail"] == "live"]
    assert {i.id for i in ACCOUNT.instances if i.meeting.end > MADE.now} == {d["uuid"] for d in live}
    assert not [d for d in live if {"end_time", "duration", "period", "quality"} & d.keys()]
    crowd = expected_sessions(Case.live_crowd)
    assert {session["stay"] for session in crowd} == {"meeting", "waiting_room"}
    assert {"join_time" in session for session in crowd} == {True, False}
    waiting = expected_meeting(Quirk.waits)
    assert (waiting["participants"], waiting["participant_sessions"]) == (0, 0)
    assert {session["stay"] for session in expected_sessions(Quirk.waits)} == {"waiting_room"}


def test_qualities_expire_after_seven_days() -> None:
    for document in expected_documents().values():
        if document["kind"] == "meeting" and document["state"] == "ended":
            found = next(i for i in ACCOUNT.instances if i.id == document["uuid"])
            young = found.meeting.case is Case.young
            assert (document["detail"] == "full") is (MADE.now - found.meeting.start <= KEPT and not young)
    assert {d["detail"] for d in expected_documents().values()} == {"live", "basic", "full"}


def test_an_empty_meeting_has_no_participants() -> None:
    document = expected_meeting(Case.empty)
    assert (document["detail"], document["participants"]) == ("full", 0)
    assert expected_sessions(Case.empty) == []
    assert "quality" not in document


def test_sessions_with_the_same_key_are_numbered() -> None:
    numbered = [s for s in expected_sessions(Quirk.shared_join) if s["document_id"].endswith("-2")]
    assert numbered
    for session in numbered:
        first = expected_documents()[session["document_id"][:-2]]
        assert first["leave_time"] < session["leave_time"]


def test_all_roles_and_kinds_of_sessions() -> None:
    every = [d for d in expected_documents().values() if d["kind"] == "session"]
    assert {s["role"] for s in every if "role" in s} == {"host", "cohost", "attendee"}
    assert {s["stay"] for s in every} == {"meeting", "waiting_room", "breakout"}
    assert any("leave_time" not in s for s in every if s["detail"] == "full")  # a telephone
    assert "unknown" not in {s.get("network_type") for s in every}


def test_without_admin_rights_meetings_of_other_hosts_have_no_participants() -> None:
    caller = ACCOUNT.busiest_host
    documents = expected_documents(admin=False)
    assert documents
    meetings = [d for d in documents.values() if d["kind"] == "meeting"]
    assert {d["host"]["email"] for d in meetings if "participants" in d} == {caller.email}
    assert {d["host"]["email"] for d in meetings if "participants" not in d} - {caller.email}
    assert {d["detail"] for d in documents.values()} <= {"basic", "live"}


def test_the_file_covers_every_served_vendor(tmp_path: Path) -> None:
    def vendors(*served: str) -> list[str]:
        expected.write(
            tmp_path / "truth", organisation(size=20, days=2), vendors=served, source="dashboard", qos=False
        )
        lines = (tmp_path / "truth").read_bytes().splitlines()
        return sorted({orjson.loads(line)["vendor"] for line in lines})

    assert vendors("zoom", "webex") == ["webex", "zoom"]
    assert vendors("webex") == ["webex"]
