"""The documents of a perfect harvest of the simulated Zoom account, from its dashboard or from its reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from harvester.simulator.expected import minute_quality
from harvester.simulator.expected.document_fields import (
    Fields,
    attendance_fields,
    key_instant,
    number_duplicates,
    period,
    replace_surrogates,
    seconds,
    session_key,
    to_datetime,
    without_none,
)
from harvester.simulator.organisation import MINUTE, Case, Organisation, Person
from harvester.simulator.zoom import dashboard_rows, report_rows
from harvester.simulator.zoom.account import Account, Instance, ListType, Quirk, list_type, user_id
from harvester.simulator.zoom.attendance import Attendance, SessionRecord

ZoomSource = Literal["dashboard", "reports"]


class ExpectedZoom:
    def __init__(
        self, organisation: Organisation, *, source: ZoomSource, qos: bool, webinars: bool, account: str
    ) -> None:
        self._organisation = organisation
        self._account = Account(organisation)
        self._attendance = Attendance(self._account)
        self._reports = source == "reports"
        self._qos = qos and not self._reports
        self._webinars = webinars
        self._label = account

    def documents(self) -> Iterator[Fields]:
        for instance in self._account.instances:
            meeting = instance.meeting
            if meeting.start >= self._organisation.first and (self._webinars or not meeting.webinar):
                yield from self._documents_of(instance)

    def _documents_of(self, instance: Instance) -> Iterator[Fields]:
        meeting, now = instance.meeting, self._organisation.now
        kind = list_type(meeting, now)
        if kind is None or (self._reports and (kind == "live" or _unreachable(meeting.host))):
            return
        deleted = meeting.case is Case.deleted  # still listed; its participants are refused
        late = meeting.end <= now < meeting.records_at
        unread = deleted or late or (self._reports and kind == "pastOne")
        detail = self._detail(instance, kind, unread=unread)
        measured = self._qos and kind != "pastOne" and not meeting.webinar
        rows = [] if unread else self._rows(instance, kind)
        sessions = number_duplicates(self._session(record, measured=measured) for record in rows)
        head = self._report_head(instance) if self._reports else self._head(instance, kind)
        timestamp = head.get("start_time") or min((f["join_time"] for _, f in sessions), default=None)
        if timestamp is None:
            return
        if not unread:
            head |= attendance_fields([fields for _, fields in sessions])
        elif kind == "pastOne" and self._reports:
            head["participants"] = 1
        yield self._meeting_document(instance, timestamp, detail, head, sessions)
        yield from self._session_documents(instance, timestamp, detail, head, sessions)

    def _detail(self, instance: Instance, kind: ListType, *, unread: bool) -> str:
        if kind == "live":
            return "live"
        # Zoom has no quality for meetings of one person, and the harvester does not ask for that of webinars.
        request = self._qos and kind == "past" and not instance.meeting.webinar
        return "full" if request and not unread else "basic"

    def _rows(self, instance: Instance, kind: ListType) -> list[SessionRecord]:
        now = self._organisation.now
        records = self._attendance.records(instance)
        if kind == "live":
            return [p for p in records if p.join <= now]
        return [p for p in records if p.known_at <= now]

    def _head(self, instance: Instance, kind: ListType) -> Fields:
        meeting, host = instance.meeting, instance.meeting.host
        flags = dashboard_rows.flags(instance)
        start = None if instance.blank else to_datetime(meeting.start)
        over = not instance.blank and kind != "live"
        end = to_datetime(meeting.end) if over and Quirk.no_end not in instance.quirks else None
        return without_none(
            {
                "host": without_none(
                    {
                        "host_id": None if host.status == "departed" else self._id(host),
                        "name": host.name.replace(",", "#"),
                        "email": dashboard_rows.shown_email(host).lower(),
                        "user_type": dashboard_rows.user_type(host),
                    }
                ),
                "start_time": start,
                "end_time": end,
                "duration": (meeting.end - meeting.start) // 1000 if over else None,
                "state": "live" if kind == "live" else "ended",
                **{name: flags[name] for name in dashboard_rows.FLAGS if name != "has_recording"},
                "recording": flags["has_recording"],
            }
        )

    def _report_head(self, instance: Instance) -> Fields:
        meeting, host = instance.meeting, instance.meeting.host
        start = None if instance.blank else to_datetime(meeting.start)
        end = None if instance.blank or Quirk.no_end in instance.quirks else to_datetime(meeting.end)
        minutes = -(-(meeting.end - meeting.start) // MINUTE)
        media = report_rows.media(instance)
        return without_none(
            {
                "host": {"host_id": self._id(host), "name": host.name.replace(",", "#"), "email": host.email},
                "start_time": start,
                "end_time": end,
                "duration": minutes * 60 if start is None or end is None else seconds(start, end),
                "state": "ended",
                "has_screen_share": media.get("has_screen_share"),
                "recording": media.get("has_recording"),
            }
        )

    def _id(self, person: Person) -> str:
        return user_id(self._organisation.seed, person)

    def _session(self, record: SessionRecord, *, measured: bool) -> tuple[str, Fields]:
        ids = (record.user_id, key_instant(record.join), record.status, record.breakout)
        join = to_datetime(record.join)
        leave = to_datetime(record.leave) if record.leave <= self._organisation.now else None
        fields: Fields = {
            "stay": record.session.kind,
            "breakout_id": record.breakout,
            "id": record.id,
            "user_id": record.user_id,
            "user_name": replace_surrogates(record.name),
            "email": record.email,
            "join_time": join,
            "leave_time": leave,
            "duration": seconds(join, leave),
            "period": period(join, leave),
        }
        if self._reports:
            fields["user_type"] = "signed_in" if record.id else None
        else:
            fields |= _dashboard_fields(record, has_left=leave is not None)
        if measured and record.measured and leave is not None:
            minutes = self._organisation.quality_minutes(record.session)
            fields["quality"] = (
                minute_quality.of_session(self._minutes[position] for position in minutes) or None
            )
        return session_key(*ids), without_none(fields)

    @cached_property
    def _minutes(self) -> list[list[minute_quality.Reading]]:
        return [list(minute_quality.readings(minute)) for minute in self._organisation.minutes]

    def _meeting_document(
        self, instance: Instance, timestamp: datetime, detail: str, head: Fields, sessions: Sequence[tuple[str, Fields]]
    ) -> Fields:  # fmt: skip
        measured = [fields["quality"] for _, fields in sessions if "quality" in fields]
        return without_none(
            {
                "document_id": f"zoom:{self._label}:{instance.uuid}",
                "@timestamp": timestamp,
                "kind": "meeting",
                "vendor": "zoom",
                "account": self._label,
                "uuid": instance.uuid,
                "meeting_series_id": str(instance.number),
                "meeting_code": str(instance.number),
                "topic": replace_surrogates(instance.topic),
                "detail": detail,
                "period": period(head.get("start_time"), head.get("end_time")),
                "quality": minute_quality.document(minute_quality.of_meeting(measured)) if measured else None,
                **head,
            }
        )

    def _session_documents(
        self, instance: Instance, timestamp: datetime, detail: str, head: Fields, sessions: Sequence[tuple[str, Fields]]
    ) -> Iterator[Fields]:  # fmt: skip
        for name, fields in sessions:
            document: dict[str, Any] = {
                "document_id": f"zoom:{self._label}:{instance.uuid}:{name}",
                "@timestamp": fields["join_time"],
                "kind": "session",
                "vendor": "zoom",
                "account": self._label,
                "meeting": instance.uuid,
                "meeting_series_id": str(instance.number),
                "meeting_code": str(instance.number),
                "topic": replace_surrogates(instance.topic),
                "host_email": head["host"]["email"],
                "meeting_timestamp": timestamp,
                "detail": detail,
                **fields,
            }
            if "quality" in fields:
                document["quality"] = minute_quality.document(fields["quality"])
            yield without_none(document)


def _unreachable(host: Person) -> bool:
    # Reports are read by host, and Zoom answers that this user does not exist.
    return host.status == "departed"


def _dashboard_fields(record: SessionRecord, *, has_left: bool) -> Fields:
    """Return the session fields that only the dashboard has."""
    device_info = record.device_info
    application, desktop, whiteboard, recording = record.shares
    return {
        "user_type": _user_type(record),
        "role": record.role,
        "device": device_info.device,
        "os": device_info.os,
        "app": device_info.client,
        "app_version": device_info.version,
        "ip_address": device_info.ip_address,
        "location": device_info.location,
        "city": device_info.city,
        "country": device_info.country,
        "data_center": device_info.data_center,
        "network_type": device_info.network_type,
        "share_application": application,
        "share_desktop": desktop,
        "share_whiteboard": whiteboard,
        "recording": recording,
        "leave_reason": replace_surrogates(record.reason) if has_left else None,
    }


def _user_type(record: SessionRecord) -> str:
    device = record.device_info.device or ""
    if device == "Phone":
        return "phone"
    if device == "H.323/SIP" or device.startswith("Zoom Room"):
        return "room"
    return "signed_in" if record.id else "guest"
