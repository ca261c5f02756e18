"""Rows of Zoom's usage reports, of `/past_meetings` and of `/users`: fewer fields, other names, minutes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harvester.simulator.organisation import SECOND, Meeting, Person, seeded_random
from harvester.simulator.zoom.account import Instance, Quirk, personal_number, user_id
from harvester.simulator.zoom.attendance import SessionRecord
from harvester.simulator.zoom.dashboard_rows import participant_count
from harvester.simulator.zoom.formats import add_optional, stamp, whole_minutes


def meeting_row(instance: Instance, seed: int) -> dict[str, Any]:
    """Return a meeting or webinar as listed for its host; the details are the same with a department.

    Only some rows have `host_id`: it is in the example of 2021 and not in the schema of 2025.
    """
    meeting = instance.meeting
    length = meeting.end - meeting.start
    row: dict[str, Any] = {
        "uuid": instance.uuid,
        "id": instance.number,
        "type": instance.type,
        "topic": instance.topic,
        "user_name": meeting.host.name.replace(",", "#"),
        "user_email": meeting.host.email,
        "start_time": "" if instance.blank else stamp(meeting.start),
        "end_time": "" if instance.blank or Quirk.no_end in instance.quirks else stamp(meeting.end),
        "duration": whole_minutes(length),
        "total_minutes": whole_minutes(length) * max(1, meeting.attendance),
        "participants_count": participant_count(instance),
        "source": "Zoom",
        "meeting_encryption_status": 1,
        "custom_keys": [],
        **media(instance),
    }
    if meeting.seed % 2:
        row["host_id"] = user_id(seed, meeting.host)
    return row


def media(instance: Instance) -> dict[str, bool]:
    """Return what a row of the reports says about the media; older rows say nothing."""
    meeting = instance.meeting
    if meeting.seed % 9 == 4:
        return {}
    return {"has_screen_share": meeting.shared, "has_recording": meeting.recorded, "has_chat": True}


def detail_row(instance: Instance, seed: int) -> dict[str, Any]:
    row = meeting_row(instance, seed)
    row["dept"] = instance.meeting.host.department
    row["tracking_fields"] = []
    return row


def participant_row(instance: Instance, record: SessionRecord) -> dict[str, Any]:
    """Return the row of one session.

    `id` is being phased out ("use participant_user_id"); in some rows it is already empty.
    """
    bits = record.bits
    number = bits & 1 and Quirk.numbers in instance.quirks
    row: dict[str, Any] = {
        "id": record.id if record.id and bits & 6 else "",
        "user_id": int(record.user_id) if number else record.user_id,
        "join_time": stamp(record.join),
        "leave_time": stamp(record.leave),
        "duration": (record.leave - record.join) // SECOND,
        "failover": False,
    }
    if record.id is not None or bits & 8:
        row["participant_user_id"] = record.id or ""
    add_optional(row, "name", record.name, bits >> 3)
    add_optional(row, "user_email", record.email, 0)
    add_optional(row, "status", record.status, bits >> 9)
    if record.breakout is not None or bits & 16:
        row["bo_mtg_id"] = record.breakout or ""
    if bits & 32:
        row["attentiveness_score"] = ""
    return row


def host_row(person: Person, meetings: Iterable[Meeting], seed: int) -> dict[str, Any]:
    """Return an element of `/report/users`."""
    held = list(meetings)
    return {
        "id": user_id(seed, person),
        "email": person.email,
        "user_name": person.name,
        "type": 1 + (person.index % 4 != 2),
        "dept": person.department,
        "meetings": len(held),
        "participants": sum(meeting.attendance for meeting in held),
        "meeting_minutes": sum(whole_minutes(meeting.end - meeting.start) for meeting in held),
    }


def past_row(instance: Instance, seed: int) -> dict[str, Any]:
    """Answer `/past_meetings/{uuid}`: the cheapest way to get the host's id."""
    row = meeting_row(instance, seed)
    names = ("uuid", "id", "type", "topic", "user_name", "user_email", "start_time", "end_time", "duration")
    copied = {name: row[name] for name in (*names, "total_minutes", "participants_count", "source")}
    return copied | {
        "host_id": user_id(seed, instance.meeting.host),
        "dept": instance.meeting.host.department,
    }


def past_participant_row(record: SessionRecord) -> dict[str, Any]:
    return {
        "id": record.id or "",
        "name": record.name or "",
        "user_id": record.user_id,
        "user_email": record.email or "",
        "join_time": stamp(record.join),
        "leave_time": stamp(record.leave),
        "duration": (record.leave - record.join) // SECOND,
        "registrant_id": "",
        "failover": False,
        "status": record.status or "in_meeting",
        "internal_user": record.id is not None,
    }


def user_row(person: Person, seed: int) -> dict[str, Any]:
    """Return an element of `/users`; a person who has not accepted the invitation yet has no id."""
    first, _, last = person.name.partition(" ")
    row: dict[str, Any] = {
        "id": user_id(seed, person),
        "first_name": first,
        "last_name": last,
        "display_name": person.name,
        "email": person.email,
        "type": 1 + (person.index % 4 != 2),
        "dept": person.department,
        "pmi": personal_number(seed, person),
        "timezone": "Europe/Berlin",
        "verified": int(person.status == "active"),
        "status": person.status,
        "created_at": "2021-03-04T05:06:07Z",
        "last_login_time": stamp(1_700_000_000_000 + seeded_random.number(seed, person.index, size=4) * 10),
        "group_ids": [],
        "role_id": "2",
    }
    if person.status == "pending":
        del row["id"]
    return row
