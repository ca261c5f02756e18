"""The documents of a perfect harvest of Webex, beside a plain reading of what its simulator answers."""

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

from harvester.simulator import truth
from harvester.simulator.organisation import DAY, HOUR, MINUTE, Case
from harvester.simulator.truth import Document
from harvester.simulator.truth.figures import key, moment
from harvester.simulator.truth.webex import WebexTruth, _Owners
from harvester.simulator.webex.account import KEPT, Account, Instance, Quirk
from harvester.simulator.webex.door import Terms
from harvester.simulator.webex.presence import MediaSession
from tests.unit.simulator.client import Webexed, organisation, webexed

UNKNOWN = (None, "1970-01-01T00:00:00.000Z")
STREAMS = {"audio_in": "audioIn", "video_out": "videoOut", "share_in": "shareIn"}
ARRAYS = {"latency_ms": "latency", "packet_loss_pct": "packetLoss", "fps": "frameRate"}
MADE = organisation(size=60)
ACCOUNT = Account(MADE)


@cache
def told(*, later: timedelta = timedelta(), **terms: Any) -> dict[str, Document]:
    """As JSON has it."""
    documents = WebexTruth(MADE, terms=Terms(**terms), account="main", later=later).documents()
    plain = [orjson.loads(orjson.dumps(document, option=orjson.OPT_UTC_Z)) for document in documents]
    found = {document["document_id"]: document for document in plain}
    assert len(found) == len(plain)
    return found


def instance(wanted: Case | Quirk) -> Instance:
    return next(i for i in ACCOUNT.instances if wanted is i.meeting.case or wanted in i.quirks)


def kept(wanted: Case | Quirk) -> Instance:
    """One whose qualities may be had."""
    fitting = [i for i in ACCOUNT.instances if wanted is i.meeting.case or wanted in i.quirks]
    return next(i for i in fitting if 1 < (MADE.now - i.meeting.start) / HOUR < 24 * 6)


def meeting(wanted: Case | Quirk, **terms: Any) -> Document:
    return told(**terms)[f"webex:main:{instance(wanted).id}"]


def sessions(wanted: Case | Quirk, **terms: Any) -> list[Document]:
    return [d for d in told(**terms).values() if d.get("meeting") == instance(wanted).id]


@pytest.fixture(scope="module")
def webex() -> Webexed:
    return webexed(days=8)


def seconds(text: str) -> str:
    """Instants alike, however many digits follow the point."""
    return re.sub(r"\.(\d{3})(000)?Z$", lambda found: f".{found[1]}Z", text).replace(".000Z", "Z")


def stays(items: list[dict[str, Any]]) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Kind, participant, join and leave of every stay, as the answers tell them."""
    for item in {json.dumps(item): item for item in items}.values():
        kind = "waiting_room" if item["state"] == "lobby" else "meeting"
        for stay in item.get("devices") or [item]:
            times = [stay.get(name) for name in ("joinedTime", "leftTime")]
            yield (kind, item["id"], *(None if t in UNKNOWN else seconds(t) for t in times))
        for room in item.get("breakoutSessionsAttended", ()):
            yield "breakout", item["id"], room["joinedTime"], room["leftTime"]


def test_every_meeting_that_is_listed_and_every_stay_that_is_told(webex: Webexed) -> None:
    truths = told(pro_pack=False)
    documents = [d for d in truths.values() if d["kind"] == "session"]
    since = "2026-11-12T00:00:00Z"
    rows = webex.listed(from_=since)
    assert {row["id"] for row in rows} == {d["uuid"] for d in truths.values() if d["kind"] == "meeting"}
    for row in rows:
        items = webex.items("/meetingParticipants", meetingId=row["id"], max=100)
        found = sorted(map(repr, stays(items)))
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
        head = truths[f"webex:main:{row['id']}"]
        assert (head["topic"], head["start_time"]) == (row["title"], row["start"])
        assert head.get("end_time") == row.get("end")
        assert head["state"] == ("ended" if row["state"] == "ended" else "live")
        assert head.get("meeting_code") == row.get("meetingNumber")


def streams(rows: list[dict[str, Any]], stream: str, array: str) -> list[float]:
    parts = [part for row in rows for part in row[stream]]
    return [value for part in parts for value in part.get(array) or () if value >= 0]


def test_every_sample_is_in_the_quality_of_its_meeting(webex: Webexed) -> None:
    seen = 0
    for document in told().values():
        if document["kind"] != "meeting" or document["detail"] != "full":
            continue
        webex.clock.seconds += 0.1
        rows = webex.qualities(document["uuid"], max=1000).body["items"]
        loads = [part for row in rows for part in row["resources"]]
        means = [value for part in loads for value in part["systemAverageCPU"] if value >= 0]
        if means:
            told_load = document["quality"]["cpu_pct"]
            assert told_load["samples"] == len(means)
            assert told_load["worst"] == max(value for part in loads for value in part["systemMaxCPU"])
        for name, stream in STREAMS.items():
            for measure, array in ARRAYS.items():
                values = [] if (name, measure) == ("audio_in", "fps") else streams(rows, stream, array)
                figures = document.get("quality", {}).get(name, {}).get(measure)
                assert (figures is None) is (not values)
                if figures is not None:
                    seen += 1
                    assert figures["samples"] == len(values)
                    assert figures["mean"] == pytest.approx(sum(values) / len(values), abs=0.0051)
                    worst = min(values) if measure == "fps" else max(values)
                    assert figures["worst"] == pytest.approx(worst, abs=0.0051)
    assert seen > 100


def test_qualities_are_found_under_old_and_new_names_and_with_every_oddity(webex: Webexed) -> None:
    def rows(wanted: Case | Quirk) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = webex.qualities(kept(wanted).id, max=1000).body["items"]
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
    sessions = [row["participantSessionId"] for row in every if "participantSessionId" in row]
    assert len(set(sessions)) < len(sessions)  # in several rows
    assert any(len(row["videoIn"]) == 2 for row in every)
    assert any(row["videoIn"] == [] or row["shareIn"] == [] for row in every)


def test_a_row_that_fits_nobody_is_a_stay_of_its_own(webex: Webexed) -> None:
    webex.clock.seconds += 600
    mixed = kept(Case.mixed)
    rows = webex.qualities(mixed.id, max=1000).body["items"]
    keys = {f"webex:main:{mixed.id}:{key(r['participantId'], r['participantSessionId'])}" for r in rows}
    strays = [told()[name] for name in keys & told().keys()]
    assert any("email" in stray or "user_name" in stray for stray in strays)
    assert not keys & told(pro_pack=False).keys()
    listed = {
        item["displayName"]
        for item in webex.items("/meetingParticipants", meetingId=mixed.id, max=100)
        if item.get("displayName")
    }
    assert not listed & {stray.get("user_name") for stray in strays}


def stay(start: int, end: int, **more: Any) -> Document:
    """From minute to minute."""
    first = MADE.now - DAY
    return {
        "stay": "meeting",
        "join_time": moment(first + start * MINUTE),
        "leave_time": moment(first + end * MINUTE),
        **more,
    }


@pytest.mark.parametrize(
    ("email", "name", "start", "end", "place"),
    [
        ("ANA@example.org", "Somebody", 20, 40, 0),  # the address before the name, its capitals do not matter
        ("ana@example.org", "Ana", 0, 5, None),  # nothing in common
        ("ana@example.org", "Ana", 28, 60, 1),  # the longer time together
        ("ana@example.org", "Ana", 35, 40, 0),  # as long with both: who came first
        ("ana@example.org", "Ana", 70, 90, 4),  # a stay whose end is not known
        (None, "Bea", 0, 60, 2),
        (None, None, 0, 60, None),
        ("cem@example.org", "Bea", 0, 60, 2),  # whose address the list of participants does not tell
        ("cem@example.org", "Ana", 0, 60, None),  # another address is another person
    ],
)
def test_a_row_belongs_to_the_stay_of_the_same_person_with_the_longest_time_together(
    email: str | None, name: str | None, start: int, end: int, place: int | None
) -> None:
    stays = [
        ("a", stay(10, 40, email="ana@example.org", user_name="Ana")),
        ("b", stay(30, 60, email="ana@example.org", user_name="Ana")),
        ("c", stay(0, 60, user_name="Bea")),
        ("d", stay(0, 60, user_name="Bea") | {"stay": "breakout"}),
        (
            "e",
            {
                "stay": "meeting",
                "email": "ana@example.org",
                "join_time": moment(MADE.now - DAY + 65 * MINUTE),
            },
        ),
    ]
    first = MADE.now - DAY
    kit = MADE.stays(instance(Case.mixed).meeting)[0].kit
    row = MediaSession("p", "s", name, email, first + start * MINUTE, first + end * MINUTE, (), kit, 0)
    assert _Owners(stays).of(row) == place


def test_documents_hold_nothing_that_was_not_told() -> None:
    for document in told().values():
        assert not [name for name, value in document.items() if value is None or value == ""]
        assert "harvested_at" not in document
    assert not [d for d in told(pro_pack=False).values() if "quality" in d or "os" in d]


def test_young_meetings_are_basic_and_ten_minutes_later_full() -> None:
    before, after = told(), told(later=timedelta(minutes=10))
    young = {i.id for i in ACCOUNT.instances if i.meeting.case is Case.young}
    changed = {d.get("meeting") or d["uuid"] for name, d in after.items() if before.get(name) != d}
    assert changed == young
    assert {before[f"webex:main:{name}"]["detail"] for name in young} == {"basic"}
    assert {after[f"webex:main:{name}"]["detail"] for name in young} == {"full"}
    assert before.keys() <= after.keys()


def test_live_meetings_tell_who_is_there_and_who_waits() -> None:
    live = [d for d in told().values() if d["kind"] == "meeting" and d["detail"] == "live"]
    assert {i.id for i in ACCOUNT.instances if i.meeting.end > MADE.now} == {d["uuid"] for d in live}
    assert not [d for d in live if {"end_time", "duration", "period", "quality"} & d.keys()]
    crowd = sessions(Case.live_crowd)
    assert {session["stay"] for session in crowd} == {"meeting", "waiting_room"}
    assert {"join_time" in session for session in crowd} == {True, False}
    waiting = meeting(Quirk.waits)
    assert (waiting["participants"], waiting["participant_sessions"]) == (0, 0)
    assert {session["stay"] for session in sessions(Quirk.waits)} == {"waiting_room"}


def test_qualities_are_no_longer_had_after_seven_days() -> None:
    for document in told().values():
        if document["kind"] == "meeting" and document["state"] == "ended":
            found = next(i for i in ACCOUNT.instances if i.id == document["uuid"])
            young = found.meeting.case is Case.young
            assert (document["detail"] == "full") is (MADE.now - found.meeting.start <= KEPT and not young)
    assert {d["detail"] for d in told().values()} == {"live", "basic", "full"}


def test_an_empty_meeting_was_read_and_had_nobody() -> None:
    document = meeting(Case.empty)
    assert (document["detail"], document["participants"]) == ("full", 0)
    assert sessions(Case.empty) == []
    assert "quality" not in document


def test_stays_under_one_join_are_numbered() -> None:
    numbered = [s for s in sessions(Quirk.shared_join) if s["document_id"].endswith("-2")]
    assert numbered
    for session in numbered:
        first = told()[session["document_id"][:-2]]
        assert first["leave_time"] < session["leave_time"]


def test_all_roles_and_kinds_of_stays() -> None:
    every = [d for d in told().values() if d["kind"] == "session"]
    assert {s["role"] for s in every if "role" in s} == {"host", "cohost", "attendee"}
    assert {s["stay"] for s in every} == {"meeting", "waiting_room", "breakout"}
    assert any("leave_time" not in s for s in every if s["detail"] == "full")  # a telephone
    assert "unknown" not in {s.get("network_type") for s in every}


def test_who_is_no_admin_has_only_what_they_called() -> None:
    caller = ACCOUNT.busiest_host
    documents = told(admin=False)
    assert documents
    hosts = {d["host"]["email"] for d in documents.values() if d["kind"] == "meeting"}
    assert hosts == {caller.email}
    assert {d["detail"] for d in documents.values()} <= {"basic", "live"}


def test_a_truth_file_holds_every_vendor_that_is_served(tmp_path: Path) -> None:
    def vendors(*served: str) -> list[str]:
        truth.write(tmp_path / "truth", MADE, vendors=served, source="dashboard", qos=False)
        lines = (tmp_path / "truth").read_bytes().splitlines()
        return sorted({orjson.loads(line)["vendor"] for line in lines})

    assert vendors("zoom", "webex") == ["webex", "zoom"]
    assert vendors("webex") == ["webex"]
