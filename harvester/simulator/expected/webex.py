"""The documents of a perfect harvest of the simulated Webex account, with the qualities that are available or
without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

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
from harvester.simulator.organisation import Organisation, Person
from harvester.simulator.webex import meeting_rows, quality_samples
from harvester.simulator.webex.account import KEPT, READY, Account, Instance, Quirk, person_id
from harvester.simulator.webex.attendance import Attendance, JoinedDevice, MediaSession, Participant
from harvester.simulator.webex.options import WebexOptions
from harvester.simulator.webex.quality_rows import device_fields
from harvester.simulator.webex.scopes import ADMIN_PARTICIPANTS, ADMIN_SCHEDULE

_LOAD = ("cpu_pct", "")
KeyedFields = tuple[str, Fields]
_Span = tuple[datetime | None, datetime | None, int]
_NEVER = datetime.max.replace(tzinfo=UTC)


class ExpectedWebex:
    """`options`: of the simulated account. `later`: how long after the organisation's now the harvest starts."""

    def __init__(
        self,
        organisation: Organisation,
        *,
        options: WebexOptions,
        account: str,
        later: timedelta = timedelta(),
    ) -> None:
        self._organisation = organisation
        self._account = Account(organisation)
        self._attendance = Attendance(self._account)
        self._options = options
        self._label = account
        self._now = organisation.now + later // timedelta(milliseconds=1)

    def documents(self) -> Iterator[Fields]:
        """Yield the documents of every meeting since the first day; Webex's webinars are meetings."""
        only_host, listed = self._only_host(), self._listed()
        for instance in self._account.instances:
            meeting = instance.meeting
            if not self._organisation.first <= meeting.start <= self._now:
                continue
            if only_host is None or meeting.host == only_host:
                yield from self._documents_of(instance)
            elif listed is None or instance.id in listed:
                yield self._listed_document(instance)

    def _only_host(self) -> Person | None:
        """Return the only host whose participants can be read if the caller is not an administrator, else None."""
        granted = set(self._options.granted)
        everything = granted.intersection(ADMIN_SCHEDULE) and granted.intersection(ADMIN_PARTICIPANTS)
        if self._options.admin:
            return None if everything else self._account.administrator
        return self._account.busiest_host

    def _listed(self) -> frozenset[str] | None:
        """Return the ids of the meetings that are listed: those that the caller attended; None for all."""
        if self._options.admin:
            everything = set(self._options.granted) & set(ADMIN_SCHEDULE)
            return None if everything else self._account.attended_by(self._account.administrator.index)
        return self._account.attended_by(self._account.busiest_host.index)

    def _listed_document(self, instance: Instance) -> Fields:
        """Return the document of a meeting of another host: its participants are refused."""
        ended = instance.meeting.end <= self._now
        return self._meeting_document(
            instance, "basic" if ended else "live", self._head(instance, ended=ended), []
        )

    def _documents_of(self, instance: Instance) -> Iterator[Fields]:
        ended = instance.meeting.end <= self._now
        sessions = number_duplicates(
            session
            for participant in self._attendance.participants_at(instance, self._now)
            for session in self._sessions(participant, ended=ended)
        )
        measured = ended and self._measurable(instance)
        if measured:
            sessions = self._with_quality(sessions, self._attendance.measured(instance))
        detail = "full" if measured else "basic" if ended else "live"
        head = self._head(instance, ended=ended) | self._audio(instance)
        head |= attendance_fields([fields for _, fields in sessions])
        yield self._meeting_document(instance, detail, head, sessions)
        yield from self._session_documents(instance, detail, head, sessions)

    def _measurable(self, instance: Instance) -> bool:
        return self._options.analytics and READY <= self._now - instance.meeting.start <= KEPT

    def _head(self, instance: Instance, *, ended: bool) -> Fields:
        meeting, host = instance.meeting, instance.meeting.host
        start = to_datetime(meeting.start)
        end = to_datetime(meeting.end) if ended else None
        numbered = Quirk.numbered in instance.quirks or not ended
        return without_none(
            {
                "meeting_code": instance.number if numbered else None,
                "host": {"host_id": person_id(host), "name": host.name, "email": host.email},
                "start_time": start,
                "end_time": end,
                "duration": seconds(start, end),
                "period": period(start, end),
                "state": "ended" if ended else "live",
                "recording": meeting_rows.flags(instance)["hasRecording"] if ended else None,
            }
        )

    def _audio(self, instance: Instance) -> Fields:
        """Return how participants heard each other, if any device is listed."""
        kinds = {
            device.audio
            for participant in self._attendance.participants_at(instance, self._now)
            if not (participant.without_devices or participant.in_lobby)
            for device in participant.devices
        }
        return {"has_pstn": "pstn" in kinds, "has_voip": "voip" in kinds} if kinds else {}

    def _sessions(self, participant: Participant, *, ended: bool) -> Iterator[KeyedFields]:
        """Yield one session per device, or one for the participant if no device is listed, and one per
        breakout session."""
        person = {
            "user_id": participant.id,
            "user_name": replace_surrogates(participant.name),
            "email": participant.email,
            "role": _role(participant),
        }
        if participant.without_devices or participant.in_lobby:
            session = "waiting_room" if participant.in_lobby else "meeting"
            times = _device_times(participant.devices[0], max(participant.devices, key=lambda d: d.leave))
            yield session_key(participant.id, None), without_none({"stay": session, **person, **times})
        else:
            for device in participant.devices:
                called = device.session.device.platform == "phone" and participant.email is None
                fields = {"stay": "meeting", **person, "device": device.type, **_device_times(device, device)}
                fields["user_type"] = "phone" if called else None
                yield session_key(participant.id, device.correlation), without_none(fields)
        if ended and not participant.in_lobby:
            for room in participant.rooms:
                join, leave = to_datetime(room.join), to_datetime(room.leave)
                fields = {"stay": "breakout", "breakout_id": room.id, **person, **_times_fields(join, leave)}
                yield session_key(participant.id, None, room.id, key_instant(room.join)), without_none(fields)

    def _with_quality(self, sessions: list[KeyedFields], rows: Sequence[MediaSession]) -> list[KeyedFields]:
        """Assign each row to the session of the same person with the longest overlap; a row without a match
        is one more session."""
        rows_of: dict[int, list[MediaSession]] = {}
        unmatched: dict[str, list[MediaSession]] = {}
        matcher = _SessionMatcher(sessions)
        for row in rows:
            position = matcher.match(row)
            if position is None:
                unmatched.setdefault(session_key(row.participant, row.session_id), []).append(row)
            else:
                rows_of.setdefault(position, []).append(row)
        found = [
            (
                name,
                fields
                | self._measured(rows_of[position])
                | ({"device": d} if (d := fields.get("device")) else {}),
            )
            if position in rows_of
            else (name, fields)
            for position, (name, fields) in enumerate(sessions)
        ]
        return found + [
            (name, _unmatched_session(of_one) | self._measured(of_one)) for name, of_one in unmatched.items()
        ]

    def _measured(self, rows: Sequence[MediaSession]) -> Fields:
        """Return the quality of a session, and what its first row says about the device."""
        minutes = [position for row in rows for position in row.minutes]
        device = device_fields(rows[0])
        network = device["networkType"]
        return without_none(
            {
                "device": device["hardwareType"],
                "os": device["osType"],
                "app": device["clientType"],
                "app_version": device["clientVersion"],
                "ip_address": device["publicIP"],
                "network_type": None if network == "unknown" else network,
                "data_center": device["serverRegion"],
                "quality": minute_quality.of_columns(self._columns, minutes, self._peaks) or None,
            }
        )

    @cached_property
    def _columns(self) -> dict[minute_quality.MeasureKey, list[float | None]]:
        """For every measure of every stream, the value of each minute of the pool."""
        columns: dict[minute_quality.MeasureKey, list[float | None]] = {}
        for position, minute in enumerate(self._organisation.minutes):
            for stream, measure, value in quality_samples.samples(position, minute):
                columns.setdefault((stream, measure), []).append(value)
            columns.setdefault(_LOAD, []).append(quality_samples.loads(minute)[2])
        return columns

    @cached_property
    def _peaks(self) -> dict[minute_quality.MeasureKey, list[float | None]]:
        """For the processor load, a maximum is given beside the mean."""
        return {_LOAD: [quality_samples.loads(minute)[3] for minute in self._organisation.minutes]}

    def _meeting_document(
        self, instance: Instance, detail: str, head: Fields, sessions: Sequence[KeyedFields]
    ) -> Fields:
        measured = [f["quality"] for _, f in sessions if "quality" in f]
        return without_none(
            {
                "document_id": f"webex:{self._label}:{instance.id}",
                "@timestamp": head["start_time"],
                "kind": "meeting",
                "vendor": "webex",
                "account": self._label,
                "uuid": instance.id,
                "meeting_series_id": instance.series,
                "topic": replace_surrogates(instance.title),
                "detail": detail,
                "quality": minute_quality.document(minute_quality.of_meeting(measured)) if measured else None,
                **head,
            }
        )

    def _session_documents(
        self, instance: Instance, detail: str, head: Fields, sessions: Sequence[KeyedFields]
    ) -> Iterator[Fields]:
        timestamp = to_datetime(instance.meeting.start)
        for name, fields in sessions:
            document: dict[str, Any] = {
                "document_id": f"webex:{self._label}:{instance.id}:{name}",
                "@timestamp": fields.get("join_time", timestamp),
                "kind": "session",
                "vendor": "webex",
                "account": self._label,
                "meeting": instance.id,
                "meeting_series_id": instance.series,
                "meeting_code": head.get("meeting_code"),
                "topic": replace_surrogates(instance.title),
                "host_email": instance.meeting.host.email,
                "meeting_timestamp": timestamp,
                "detail": detail,
                **fields,
            }
            if "quality" in fields:
                document["quality"] = minute_quality.document(fields["quality"])
            yield without_none(document)


def _role(participant: Participant) -> str:
    return "host" if participant.host else "cohost" if participant.co_host else "attendee"


def _device_times(first: JoinedDevice, last: JoinedDevice) -> Fields:
    return _times_fields(
        to_datetime(first.join) if first.join_known else None,
        to_datetime(last.leave) if last.leave_known else None,
    )


def _times_fields(join: datetime | None, leave: datetime | None) -> Fields:
    return {
        "join_time": join,
        "leave_time": leave,
        "duration": seconds(join, leave),
        "period": period(join, leave),
    }


class _SessionMatcher:
    """Finds the session of a row by e-mail address and name; holds [join, leave) and the position of each
    session."""

    def __init__(self, sessions: Sequence[KeyedFields]) -> None:
        self._by_email: dict[str, list[_Span]] = {}
        self._by_name: dict[str, list[_Span]] = {}
        self._unaddressed: dict[str, list[_Span]] = {}
        for position, (_, session) in enumerate(sessions):
            if session["stay"] != "meeting":
                continue
            span = session.get("join_time"), session.get("leave_time"), position
            name = str(session.get("user_name", ""))
            self._by_name.setdefault(name, []).append(span)
            if "email" in session:
                self._by_email.setdefault(str(session["email"]).lower(), []).append(span)
            else:
                self._unaddressed.setdefault(name, []).append(span)

    def match(self, row: MediaSession) -> int | None:
        """Return the position of the session that a row belongs to.

        It has the same address, or the same name if one of the two has no address. The longest overlap wins,
        then the earlier join. An unknown join or leave time does not limit the overlap.
        """
        spans = self._by_email.get(row.email.lower(), []) if row.email is not None else []
        if not spans and row.name:
            named = self._by_name if row.email is None else self._unaddressed
            spans = named.get(replace_surrogates(row.name) or "", [])
        first, last = to_datetime(row.join), to_datetime(row.leave)
        shared = [
            (min(leave or last, last) - max(join or first, first), join or _NEVER, position)
            for join, leave, position in spans
        ]
        shared = [overlap for overlap in shared if overlap[0] >= timedelta()]
        if not shared:
            return None
        return min(shared, key=lambda overlap: (-overlap[0], overlap[1]))[2]


def _unmatched_session(rows: Sequence[MediaSession]) -> Fields:
    """Return the fields of a session that is known from the qualities only."""
    first, last = rows[0], rows[-1]
    return without_none(
        {
            "stay": "meeting",
            "user_id": first.participant,
            "user_name": replace_surrogates(first.name),
            "email": first.email,
            **_times_fields(to_datetime(first.join), to_datetime(last.leave)),
        }
    )
