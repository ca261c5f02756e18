"""What a perfect harvest of the simulated Zoom account holds, from its dashboard or from its reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from harvester.simulator.expected import quality
from harvester.simulator.expected.document_fields import (
    Fields,
    distinct,
    figures,
    hashed_instant,
    key,
    moment,
    period,
    seconds,
    told,
    whole,
)
from harvester.simulator.organisation import MINUTE, Case, Organisation, Person
from harvester.simulator.zoom import dashboard_rows, report_rows
from harvester.simulator.zoom.account import Account, Instance, ListType, Quirk, list_type, user_id
from harvester.simulator.zoom.attendance import Presence, Presences

Source = Literal["dashboard", "reports"]


class ZoomTruth:
    def __init__(
        self, organisation: Organisation, *, source: Source, qos: bool, webinars: bool, account: str
    ) -> None:
        self._organisation = organisation
        self._account = Account(organisation)
        self._presences = Presences(self._account)
        self._reports = source == "reports"
        self._qos = qos and not self._reports
        self._webinars = webinars
        self._label = account

    def documents(self) -> Iterator[Fields]:
        for instance in self._account.instances:
            meeting = instance.meeting
            if meeting.start >= self._organisation.first and (self._webinars or not meeting.webinar):
                yield from self._of(instance)

    def _of(self, instance: Instance) -> Iterator[Fields]:
        meeting, now = instance.meeting, self._organisation.now
        kind = list_type(meeting, now)
        if kind is None or (self._reports and (kind == "live" or _unreachable(meeting.host))):
            return
        if meeting.case is Case.deleted:
            return
        unread = meeting.end <= now < meeting.records_at or (self._reports and kind == "pastOne")
        detail = self._detail(instance, kind, unread=unread)
        measured = self._qos and kind != "pastOne" and not meeting.webinar
        rows = [] if unread else self._rows(instance, kind)
        stays = distinct(self._stay(presence, measured=measured) for presence in rows)
        head = self._reported_head(instance) if self._reports else self._head(instance, kind)
        timestamp = head.get("start_time") or min((f["join_time"] for _, f in stays), default=None)
        if timestamp is None:
            return
        if not unread:
            head |= figures([fields for _, fields in stays])
        elif kind == "pastOne":
            head["participants"] = 1
        yield self._meeting_document(instance, timestamp, detail, head, stays)
        yield from self._session_documents(instance, timestamp, detail, head, stays)

    def _detail(self, instance: Instance, kind: ListType, *, unread: bool) -> str:
        if kind == "live":
            return "live"
        # Of meetings of one person Zoom has no quality, of webinars nobody asks for it.
        asked = self._qos and kind == "past" and not instance.meeting.webinar
        return "full" if asked and not unread else "basic"

    def _rows(self, instance: Instance, kind: ListType) -> list[Presence]:
        now = self._organisation.now
        presences = self._presences.of(instance)
        if kind == "live":
            return [p for p in presences if p.join <= now]
        return [p for p in presences if p.known_at <= now]

    def _head(self, instance: Instance, kind: ListType) -> Fields:
        meeting, host = instance.meeting, instance.meeting.host
        flags = dashboard_rows.flags(instance)
        start = None if instance.blank else moment(meeting.start)
        over = not instance.blank and kind != "live"
        end = moment(meeting.end) if over and Quirk.no_end not in instance.quirks else None
        return told(
            {
                "host": told(
                    {
                        "host_id": None if host.standing == "departed" else self._id(host),
                        "name": host.name.replace(",", "#"),
                        "email": dashboard_rows.written_email(host),
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

    def _reported_head(self, instance: Instance) -> Fields:
        meeting, host = instance.meeting, instance.meeting.host
        start = None if instance.blank else moment(meeting.start)
        end = None if instance.blank or Quirk.no_end in instance.quirks else moment(meeting.end)
        minutes = -(-(meeting.end - meeting.start) // MINUTE)
        media = report_rows.media(instance)
        return told(
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

    def _stay(self, presence: Presence, *, measured: bool) -> tuple[str, Fields]:
        ids = (presence.user_id, hashed_instant(presence.join), presence.status, presence.breakout)
        join = moment(presence.join)
        leave = moment(presence.leave) if presence.leave <= self._organisation.now else None
        fields: Fields = {
            "stay": presence.stay.place,
            "breakout_id": presence.breakout,
            "id": presence.id,
            "user_id": presence.user_id,
            "user_name": whole(presence.name),
            "email": presence.email,
            "join_time": join,
            "leave_time": leave,
            "duration": seconds(join, leave),
            "period": period(join, leave),
        }
        if self._reports:
            fields["user_type"] = "signed_in" if presence.id else None
        else:
            fields |= _shown(presence, gone=leave is not None)
        if measured and presence.measured and leave is not None:
            minutes = self._organisation.quality(presence.stay)
            fields["quality"] = quality.of_stay(self._minutes[place] for place in minutes) or None
        return key(*ids), told(fields)

    @cached_property
    def _minutes(self) -> list[list[quality.Told]]:
        return [list(quality.told(minute)) for minute in self._organisation.minutes]

    def _meeting_document(
        self, instance: Instance, timestamp: datetime, detail: str, head: Fields, stays: Sequence[tuple[str, Fields]]
    ) -> Fields:  # fmt: skip
        measured = [fields["quality"] for _, fields in stays if "quality" in fields]
        return told(
            {
                "document_id": f"zoom:{self._label}:{instance.uuid}",
                "@timestamp": timestamp,
                "kind": "meeting",
                "vendor": "zoom",
                "account": self._label,
                "uuid": instance.uuid,
                "meeting_series_id": str(instance.number),
                "meeting_code": str(instance.number),
                "topic": whole(instance.topic),
                "detail": detail,
                "period": period(head.get("start_time"), head.get("end_time")),
                "quality": quality.document(quality.of_meeting(measured)) if measured else None,
                **head,
            }
        )

    def _session_documents(
        self, instance: Instance, timestamp: datetime, detail: str, head: Fields, stays: Sequence[tuple[str, Fields]]
    ) -> Iterator[Fields]:  # fmt: skip
        for name, fields in stays:
            document: dict[str, Any] = {
                "document_id": f"zoom:{self._label}:{instance.uuid}:{name}",
                "@timestamp": fields["join_time"],
                "kind": "session",
                "vendor": "zoom",
                "account": self._label,
                "meeting": instance.uuid,
                "topic": whole(instance.topic),
                "host_email": head["host"]["email"],
                "meeting_timestamp": timestamp,
                "detail": detail,
                **fields,
            }
            if "quality" in fields:
                document["quality"] = quality.document(fields["quality"])
            yield told(document)


def _unreachable(host: Person) -> bool:
    # The reports are read by host, and of this one they say that there is no such user.
    return host.standing == "departed"


def _shown(presence: Presence, *, gone: bool) -> Fields:
    """What only the dashboard tells of a stay."""
    station = presence.station
    application, desktop, whiteboard, recording = presence.shares
    return {
        "user_type": _user_type(presence),
        "role": presence.role,
        "device": station.device,
        "os": station.os,
        "app": station.client,
        "app_version": station.version,
        "ip_address": station.ip_address,
        "location": station.location,
        "city": station.city,
        "country": station.country,
        "data_center": station.data_center,
        "network_type": station.network_type,
        "share_application": application,
        "share_desktop": desktop,
        "share_whiteboard": whiteboard,
        "recording": recording,
        "leave_reason": whole(presence.reason) if gone else None,
    }


def _user_type(presence: Presence) -> str:
    device = presence.station.device or ""
    if device == "Phone":
        return "phone"
    if device == "H.323/SIP" or device.startswith("Zoom Room"):
        return "room"
    return "signed_in" if presence.id else "guest"
