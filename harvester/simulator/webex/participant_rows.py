"""Rows of `/meetingParticipants`. Fields as in Cisco's OpenAPI description of 2026-05."""

from __future__ import annotations

from typing import Any

from harvester.simulator.organisation import SECOND
from harvester.simulator.webex.account import SITE, Instance
from harvester.simulator.webex.attendance import JoinedDevice, Participant
from harvester.simulator.webex.formats import UNKNOWN, exact, stamp

ORGANISATION = "1eb65fdf-9643-417f-9974-ad72cae0e10f"


def participant_row(instance: Instance, participant: Participant, instant: int) -> dict[str, Any]:
    """Return a participant as listed at this instant."""
    meeting, bits = instance.meeting, participant.bits
    ended = meeting.end <= instant
    devices = participant.devices
    row: dict[str, Any] = {
        "id": participant.id,
        "host": participant.host,
        "email": participant.email or "",
        "displayName": participant.name or "",
        "invitee": participant.person is not None,
        "muted": bits & 3 == 1,
        "meetingStartTime": stamp(meeting.start),
        "video": "on" if meeting.video and bits & 12 else "off",
        "state": _state(participant, ended=ended),
        "siteUrl": SITE,
        "meetingId": instance.id,
        "hostEmail": meeting.host.email,
    }
    if participant.co_host is not None:
        row["coHost"] = participant.co_host
    if participant.email is None and bits & 1:
        del row["email"]
    if participant.name is None and bits & 2:
        del row["displayName"]
    if not ended and participant.person is not None:
        row["orgId"] = ORGANISATION
    last = max(devices, key=lambda device: device.leave)
    _add_times(row, devices[0].join_known, devices[0].join, last.leave_known, last.leave, bits)
    if not (participant.without_devices or participant.in_lobby):
        row["devices"] = [_device(device) for device in devices]
    elif bits & 64:
        row["devices"] = []
    _add_rooms(row, participant, ended=ended)
    return row


def _state(participant: Participant, *, ended: bool) -> str:
    if participant.in_lobby:
        return "lobby"
    if ended:
        return "end"
    return "breakoutSession" if participant.rooms else "joined"


def _add_rooms(row: dict[str, Any], participant: Participant, *, ended: bool) -> None:
    """Add the breakout sessions attended to an ended meeting, or the current one to a running meeting."""
    if not participant.rooms or participant.in_lobby:
        return
    if not ended:
        row["breakoutSessionId"] = participant.rooms[0].id
        return
    row["breakoutSessionsAttended"] = [
        {"id": room.id, "name": room.name, "joinedTime": stamp(room.join), "leftTime": stamp(room.leave)}
        for room in participant.rooms
    ]


def _device(device: JoinedDevice) -> dict[str, Any]:
    bits = device.session.bits
    row: dict[str, Any] = {
        "correlationId": device.correlation,
        "deviceType": device.type,
        "audioType": device.audio,
    }
    _add_times(row, device.join_known, device.join, device.leave_known, device.leave, bits >> 3)
    if device.join_known and device.leave_known:
        row["durationSecond"] = (device.leave - device.join) // SECOND
    elif bits & 512:
        row["durationSecond"] = 0
    if device.call is not None:
        row["callType"] = device.call
    return row


def _add_times(
    row: dict[str, Any], join_known: bool, join: int, leave_known: bool, leave: int, bits: int
) -> None:
    """Add join and leave time; an unknown one is missing or 1970."""
    for name, known, instant, missing in (
        ("joinedTime", join_known, join, bits & 256),
        ("leftTime", leave_known, leave, bits & 1024),
    ):
        if known:
            row[name] = exact(instant)
        elif not missing:
            row[name] = UNKNOWN
