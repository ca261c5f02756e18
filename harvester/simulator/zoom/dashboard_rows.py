"""The rows of Zoom's dashboard: `/metrics/meetings`, its details, and who was there.

Fields as in Zoom's published description of 2021-08 and what its changelogs added since (2022 to 2026).
"""

from __future__ import annotations

from typing import Any

from harvester.simulator.organisation import Person
from harvester.simulator.zoom.account import Instance, Quirk
from harvester.simulator.zoom.attendance import Presence, Station
from harvester.simulator.zoom.formats import add_told, clock, stamp

FLAGS = ("has_pstn", "has_voip", "has_3rd_party_audio", "has_video", "has_screen_share", "has_recording")
_GRADES = ("", "good", "good", "fair", "poor", "bad")
_SHARES = ("share_application", "share_desktop", "share_whiteboard", "recording")


def flags(instance: Instance) -> dict[str, bool | None]:
    """What ran in a meeting; None where this row does not tell."""
    meeting = instance.meeting
    told: dict[str, bool | None] = {
        "has_pstn": meeting.dial_in,
        "has_voip": meeting.attendance > 0,
        "has_3rd_party_audio": meeting.seed % 31 == 0,
        "has_video": meeting.video,
        "has_screen_share": meeting.shared,
        "has_recording": meeting.recorded,
    }
    if instance.quirks & {Quirk.flags_missing, Quirk.flags_null}:
        told |= {"has_pstn": None, "has_recording": None}
    return told


def user_type(person: Person) -> str:
    return ("Licensed", "Licensed", "Basic", "Pro|Webinar1000")[person.index % 4]


def written_email(person: Person) -> str:
    """The address as the dashboard shows it: of every seventh person with the capitals that they once typed."""
    return person.email.title() if person.index % 7 == 3 else person.email


def counted(instance: Instance) -> int:
    """Zoom's own number of participants, which is nobody else's."""
    if instance.blank:
        return 0
    return instance.meeting.attendance + (3 if Quirk.miscounted in instance.quirks else 0)


def meeting_row(instance: Instance, instant: int) -> dict[str, Any]:
    """One element of the listing; most of the details as well."""
    meeting, host = instance.meeting, instance.meeting.host
    row: dict[str, Any] = {
        "uuid": instance.uuid,
        "id": instance.number,
        "topic": instance.topic,
        "host": host.name.replace(",", "#"),
        "email": written_email(host),
        "user_type": user_type(host),
        "dept": host.department if host.index % 3 else "",
        **_times(instance, instant),
        "participants": counted(instance),
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
    for name, told in flags(instance).items():
        if told is not None or Quirk.flags_null in instance.quirks:
            row[name] = told
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
    length = clock(meeting.end - meeting.start, hours=meeting.seed % 2 == 0)
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
    """Rows about stays; what follows from a device alone is written once for each."""

    def __init__(self) -> None:
        self._stations: dict[tuple[int, bool], dict[str, Any]] = {}

    def row(self, instance: Instance, presence: Presence, instant: int) -> dict[str, Any]:
        """One stay. Zoom keeps ids back from guests, and sends the keys of what it keeps back in three ways."""
        bits, signed_in = presence.bits, presence.id is not None
        row = self._station(presence, signed_in).copy()
        number = bits & 1 and Quirk.numbers in instance.quirks
        row["user_id"] = int(presence.user_id) if number else presence.user_id
        row["participant_uuid"] = presence.participant_uuid
        row["id"] = presence.id or ""
        if signed_in or bits & 4:
            row["participant_user_id"] = presence.id or ""
        add_told(row, "user_name", presence.name, bits >> 3)
        add_told(row, "email", presence.email, 0)
        row["join_time"] = stamp(presence.join)
        if presence.leave <= instant:
            row["leave_time"] = stamp(presence.leave)
            add_told(row, "leave_reason", presence.reason, bits >> 5)
        add_told(row, "role", presence.role, bits >> 7)
        add_told(row, "status", presence.status, bits >> 9)
        if presence.breakout is not None or bits & 8:
            row["bo_mtg_id"] = presence.breakout or ""
        for name, told in zip(_SHARES, presence.shares, strict=True):
            if told is not None:
                row[name] = told
            elif bits & 16:
                row[name] = None
        row["audio_quality"] = _GRADES[bits % 6]
        if bits % 29 == 0:
            row["aic_disclaimer"] = {"accepted": True}
        return row

    def _station(self, presence: Presence, signed_in: bool) -> dict[str, Any]:
        station = presence.station
        if station.index < 0:
            return station_row(station, signed_in)
        key = (station.index, signed_in)
        row = self._stations.get(key)
        if row is None:
            row = self._stations[key] = station_row(station, signed_in)
        return row


def station_row(station: Station, signed_in: bool) -> dict[str, Any]:
    """What follows from the device; much of it is kept back from people of other accounts."""
    index = abs(station.index)
    row: dict[str, Any] = {
        "network_type": station.network_type,
        "connection_type": "UDP",
        "video_connection_type": "UDP",
        "as_connection_type": "",
        "data_center": station.data_center,
        "full_data_center": f"{station.data_center};",
        "internal_ip_addresses": [f"192.168.{index % 250}.{1 + index % 200}"] if signed_in else [],
        "microphone": "Headset" if signed_in else "",
        "speaker": "Headset" if signed_in else "",
        "camera": station.camera or (None if index % 11 == 3 else ""),
        "domain": "example.org" if signed_in else "",
        "mac_addr": "",
        "harddisk_id": "",
        "pc_name": f"pc-{index}" if signed_in else "",
    }
    for place, name in enumerate(
        ("device", "os", "os_version", "client", "version", "ip_address", "location")
    ):
        add_told(row, name, getattr(station, name), index + place)
    return row
