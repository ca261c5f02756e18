"""The rows of Zoom's usage reports, of `/past_meetings` and of `/users`: fewer fields, other names, minutes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harvester.simulator.organisation import SECOND, Meeting, Person, seeded_random
from harvester.simulator.zoom.account import Instance, Quirk, personal_number, user_id
from harvester.simulator.zoom.attendance import Presence
from harvester.simulator.zoom.dashboard_rows import counted
from harvester.simulator.zoom.formats import add_told, stamp, whole_minutes


def meeting_row(instance: Instance, seed: int) -> dict[str, Any]:
    """One meeting or webinar, as listed for its host; the same, with a department, is its detail.

    `host_id` comes with some rows only: it is in the example of 2021 and not in the schema of 2025.
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
        "participants_count": counted(instance),
        "source": "Zoom",
        "meeting_encryption_status": 1,
        "custom_keys": [],
        **media(instance),
    }
    if meeting.seed % 2:
        row["host_id"] = user_id(seed, meeting.host)
    return row


def media(instance: Instance) -> dict[str, bool]:
    """What a row of the reports tells of the media: older rows nothing at all."""
    meeting = instance.meeting
    if meeting.seed % 9 == 4:
        return {}
    return {"has_screen_share": meeting.shared, "has_recording": meeting.recorded, "has_chat": True}


def detail_row(instance: Instance, seed: int) -> dict[str, Any]:
    row = meeting_row(instance, seed)
    row["dept"] = instance.meeting.host.department
    row["tracking_fields"] = []
    return row


def participant_row(instance: Instance, presence: Presence) -> dict[str, Any]:
    """One stay. `id` is on its way out ("use participant_user_id"): of some rows it is empty already."""
    bits = presence.bits
    number = bits & 1 and Quirk.numbers in instance.quirks
    row: dict[str, Any] = {
        "id": presence.id if presence.id and bits & 6 else "",
        "user_id": int(presence.user_id) if number else presence.user_id,
        "join_time": stamp(presence.join),
        "leave_time": stamp(presence.leave),
        "duration": (presence.leave - presence.join) // SECOND,
        "failover": False,
    }
    if presence.id is not None or bits & 8:
        row["participant_user_id"] = presence.id or ""
    add_told(row, "name", presence.name, bits >> 3)
    add_told(row, "user_email", presence.email, 0)
    add_told(row, "status", presence.status, bits >> 9)
    if presence.breakout is not None or bits & 16:
        row["bo_mtg_id"] = presence.breakout or ""
    if bits & 32:
        row["attentiveness_score"] = ""
    return row


def host_row(person: Person, meetings: Iterable[Meeting], seed: int) -> dict[str, Any]:
    """One element of `/report/users`."""
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
    """`/past_meetings/{uuid}`: the cheap way to the host's id."""
    row = meeting_row(instance, seed)
    told = ("uuid", "id", "type", "topic", "user_name", "user_email", "start_time", "end_time", "duration")
    kept = {name: row[name] for name in (*told, "total_minutes", "participants_count", "source")}
    return kept | {"host_id": user_id(seed, instance.meeting.host), "dept": instance.meeting.host.department}


def past_participant_row(presence: Presence) -> dict[str, Any]:
    return {
        "id": presence.id or "",
        "name": presence.name or "",
        "user_id": presence.user_id,
        "user_email": presence.email or "",
        "join_time": stamp(presence.join),
        "leave_time": stamp(presence.leave),
        "duration": (presence.leave - presence.join) // SECOND,
        "registrant_id": "",
        "failover": False,
        "status": presence.status or "in_meeting",
        "internal_user": presence.id is not None,
    }


def user_row(person: Person, seed: int) -> dict[str, Any]:
    """One element of `/users`; somebody who has not yet accepted the invitation has no id."""
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
        "verified": int(person.standing == "active"),
        "status": person.standing,
        "created_at": "2021-03-04T05:06:07Z",
        "last_login_time": stamp(1_700_000_000_000 + seeded_random.number(seed, person.index, size=4) * 10),
        "group_ids": [],
        "role_id": "2",
    }
    if person.standing == "pending":
        del row["id"]
    return row
