"""Rows of Zoom's dashboard: `/metrics/meetings`, meeting details, and participants.

Fields as in Zoom's published description of 2021-08 and as added by its changelogs since (2022 to 2026).
"""

from __future__ import annotations

from typing import Any

from harvester.simulator.organisation import Person
from harvester.simulator.zoom.account import Instance, Quirk
from harvester.simulator.zoom.attendance import DeviceInfo, SessionRecord
from harvester.simulator.zoom.formats import add_optional, format_duration, stamp

FLAGS = ("has_pstn", "has_voip", "has_3rd_party_audio", "has_video", "has_screen_share", "has_recording")
_GRADES = ("", "good", "good", "fair", "poor", "bad")
_SHARES = ("share_application", "share_desktop", "share_whiteboard", "recording")


def flags(instance: Instance) -> dict[str, bool | None]:
    """Return what ran in a meeting; None if the row does not say."""
    meeting = instance.meeting
    values: dict[str, bool | None] = {
        "has_pstn": meeting.dial_in,
        "has_voip": meeting.attendance > 0,
        "has_3rd_party_audio": meeting.seed % 31 == 0,
        "has_video": meeting.video,
        "has_screen_share": meeting.shared,
        "has_recording": meeting.recorded,
    }
    if instance.quirks & {Quirk.flags_missing, Quirk.flags_null}:
        values |= {"has_pstn": None, "has_recording": None}
    return values


def user_type(person: Person) -> str:
    return ("Licensed", "Licensed", "Basic", "Pro|Webinar1000")[person.index % 4]


def shown_email(person: Person) -> str:
    """Return the address as the dashboard shows it: one in seven people typed it with capitals."""
    return person.email.title() if person.index % 7 == 3 else person.email


def participant_count(instance: Instance) -> int:
    """Return Zoom's own number of participants, which differs from every other count."""
    if instance.blank:
        return 0
    return instance.meeting.attendance + (3 if Quirk.miscounted in instance.quirks else 0)


def meeting_row(instance: Instance, instant: int) -> dict[str, Any]:
    """Return an element of the listing; it has most fields of the details as well."""
    meeting, host = instance.meeting, instance.meeting.host
    row: dict[str, Any] = {
        "uuid": instance.uuid,
        "id": instance.number,
        "topic": instance.topic,
        "host": host.name.replace(",", "#"),
        "email": shown_email(host),
        "user_type": user_type(host),
        "dept": host.department if host.index % 3 else "",
        **_times(instance, instant),
        "participants": participant_count(instance),
        "has_sip": meeting.seed % 17 == 0,
        "has_archiving": False,
        "has_manual_captions": False,
        "has_automated_captions": meeting.seed % 5 == 0,
        "has_poll": meeting.seed % 11 == 0,
        "has_qa": False,
        "has_survey": False,
        "has_external_participant": meeting.attendance > 3,
        "has_meeting_summary": meeting.seed % 6 == 0,
        "session_key": "",
        "custom_keys": [],
    }
    for name, value in flags(instance).items():
        if value is not None or Quirk.flags_null in instance.quirks:
            row[name] = value
    if meeting.seed % 23 == 0:
        row["a_field_of_tomorrow"] = {"nobody": ["knows", 1, None]}
    return row


def _times(instance: Instance, instant: int) -> dict[str, Any]:
    meeting = instance.meeting
    if instance.blank:
        return {"start_time": "", "end_time": "", "duration": ""}
    start = stamp(meeting.start)
    if meeting.end > instant:
        return {"start_time": start, "end_time": "", "duration": ""}
    length = format_duration(meeting.end - meeting.start, hours=meeting.seed % 2 == 0)
    end = None if Quirk.no_end in instance.quirks else stamp(meeting.end)
    return {"start_time": start, "end_time": end, "duration": length}


def listing_row(instance: Instance, instant: int, *, tracking: bool) -> dict[str, Any]:
    row = meeting_row(instance, instant)
    row["audio_quality"] = _GRADES[instance.meeting.seed % 6]
    row["video_quality"] = _GRADES[instance.meeting.seed % 5]
    row["screen_share_quality"] = ""
    row["avg_jointime_cost"] = 1000 + instance.meeting.seed % 4000
    if tracking:
        row["tracking_fields"] = [{"field": "cost centre", "value": str(instance.meeting.host.team)}]
    return row


def detail_row(instance: Instance, instant: int, in_room: int) -> dict[str, Any]:
    row = meeting_row(instance, instant)
    row["in_room_participants"] = in_room
    return row


class ParticipantRows:
    """Rows about participants; the part that depends on the device only is made once per device."""

    def __init__(self) -> None:
        self._device_infos: dict[tuple[int, bool], dict[str, Any]] = {}

    def row(self, instance: Instance, record: SessionRecord, instant: int) -> dict[str, Any]:
        """Return the row of one session.

        Zoom withholds ids from guests, and sends the keys of withheld values in three ways.
        """
        bits, signed_in = record.bits, record.id is not None
        row = self._device_info(record, signed_in).copy()
        number = bits & 1 and Quirk.numbers in instance.quirks
        row["user_id"] = int(record.user_id) if number else record.user_id
        row["participant_uuid"] = record.participant_uuid
        row["id"] = record.id or ""
        if signed_in or bits & 4:
            row["participant_user_id"] = record.id or ""
        add_optional(row, "user_name", record.name, bits >> 3)
        add_optional(row, "email", record.email, 0)
        row["join_time"] = stamp(record.join)
        if record.leave <= instant:
            row["leave_time"] = stamp(record.leave)
            add_optional(row, "leave_reason", record.reason, bits >> 5)
        add_optional(row, "role", record.role, bits >> 7)
        add_optional(row, "status", record.status, bits >> 9)
        if record.breakout is not None or bits & 8:
            row["bo_mtg_id"] = record.breakout or ""
        for name, value in zip(_SHARES, record.shares, strict=True):
            if value is not None:
                row[name] = value
            elif bits & 16:
                row[name] = None
        row["audio_quality"] = _GRADES[bits % 6]
        if bits % 29 == 0:
            row["aic_disclaimer"] = {"accepted": True}
        return row

    def _device_info(self, record: SessionRecord, signed_in: bool) -> dict[str, Any]:
        device_info = record.device_info
        if device_info.index < 0:
            return device_row(device_info, signed_in)
        key = (device_info.index, signed_in)
        row = self._device_infos.get(key)
        if row is None:
            row = self._device_infos[key] = device_row(device_info, signed_in)
        return row


def device_row(device_info: DeviceInfo, signed_in: bool) -> dict[str, Any]:
    """Return the fields that depend on the device; many of them are withheld for external participants."""
    index = abs(device_info.index)
    row: dict[str, Any] = {
        "network_type": device_info.network_type,
        "connection_type": "UDP",
        "video_connection_type": "UDP",
        "as_connection_type": "",
        "data_center": device_info.data_center,
        "full_data_center": f"{device_info.data_center};",
        "internal_ip_addresses": [f"192.168.{index % 250}.{1 + index % 200}"] if signed_in else [],
        "microphone": "Headset" if signed_in else "",
        "speaker": "Headset" if signed_in else "",
        "camera": device_info.camera or (None if index % 11 == 3 else ""),
        "domain": "example.org" if signed_in else "",
        "mac_addr": "",
        "harddisk_id": "",
        "pc_name": f"pc-{index}" if signed_in else "",
    }
    for position, name in enumerate(
        ("device", "os", "os_version", "client", "version", "ip_address", "location")
    ):
        add_optional(row, name, getattr(device_info, name), index + position)
    return row
