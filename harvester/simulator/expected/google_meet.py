"""The documents of a perfect harvest of the simulated Workspace: from Reports, from Meet, or from both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from harvester.simulator.expected import google_meet_quality
from harvester.simulator.expected.document_fields import (
    Fields,
    attendance_fields,
    number_duplicates,
    period,
    replace_surrogates,
    seconds,
    session_key,
    without_none,
)
from harvester.simulator.expected.document_fields import to_datetime as milliseconds_to_datetime
from harvester.simulator.google_meet.access import GoogleOptions
from harvester.simulator.google_meet.account import (
    RECORD_KEPT,
    ROWS_KEPT,
    Account,
    Conference,
    can_be_impersonated,
    has_meet,
)
from harvester.simulator.google_meet.attendance import Attendance, Endpoint, known_end
from harvester.simulator.google_meet.calendar_events import has_calendar
from harvester.simulator.google_meet.call_ended_rows import CallEndedRows
from harvester.simulator.organisation import Organisation, Person

GoogleSource = Literal["auto", "reports", "meet"]
KeyedFields = tuple[str, Fields]
Measured = dict[str, dict[google_meet_quality.MeasureKey, google_meet_quality.Measurement]]


def nanoseconds_to_datetime(instant: int) -> datetime:
    """Convert nanoseconds since 1970 to a datetime, cut to the microsecond."""
    return milliseconds_to_datetime(0) + timedelta(microseconds=instant // 1000)


class ExpectedGoogleMeet:
    """`options`: of the Workspace. `later`: how long after the organisation's now the harvest starts."""

    def __init__(
        self, organisation: Organisation, *, options: GoogleOptions, source: GoogleSource, account: str,
        later: timedelta = timedelta(),
    ) -> None:  # fmt: skip
        self._account = Account(organisation, options.ids)
        self._attendance = Attendance(self._account)
        self._calls = CallEndedRows(organisation)
        self._first = organisation.first
        self._now = organisation.now + later // timedelta(milliseconds=1)
        self._options = options
        self._label = account
        reports = source != "meet" and options.has("reports") and not options.personal
        self._reports = reports
        self._meet = options.has("meet") and (source != "reports")
        self._directory = options.has("directory") and not options.personal

    def documents(self) -> Iterator[Fields]:
        """Yield the documents of every conference that started since the first day, or as far back as the
        source retains data."""
        has_record = ROWS_KEPT if self._reports else RECORD_KEPT
        first = milliseconds_to_datetime(max(self._first, self._now - has_record))
        for conference in self._account.started(self._now):
            reported = self._reported_endpoints(conference)
            recorded = self._meet and conference.has_record(self._now) and self._is_recorded(conference)
            if reported or recorded:
                documents = list(self._documents_of(conference, reported, recorded=recorded))
                if documents[0]["@timestamp"] >= first:
                    yield from documents

    def _reported_endpoints(self, conference: Conference) -> list[Endpoint]:
        """Return the endpoints whose rows are available by now."""
        if not self._reports:
            return []
        oldest = self._now - ROWS_KEPT
        return [
            e
            for e in self._attendance.reported_endpoints(conference)
            if e.is_reported(self._now) and e.left_at >= oldest
        ]

    @cached_property
    def _impersonated(self) -> set[int]:
        """Indexes of the people who can be impersonated for Meet: everyone, if the Directory lists them."""
        if self._options.personal:
            return {self._account.busiest_host.index}
        if not self._directory:
            return {self._account.administrator.index}
        return {p.index for p in self._account.by_email.values() if can_be_impersonated(p) and has_meet(p)}

    def _is_recorded(self, conference: Conference) -> bool:
        """Return whether the record is listed to anyone who can be impersonated."""
        if self._owner_is_asked(conference):
            return True
        present = self._attendance.present(conference, self._now)
        return self._options.attended and any(
            e.person is not None and e.person.index in self._impersonated for e in present
        )

    def _owner_is_asked(self, conference: Conference) -> bool:
        owner = conference.owner
        if owner is None:
            return False
        # Without the Directory, the organizer in Reports' rows says whom to impersonate.
        named_by_reports = not self._directory and bool(self._reported_endpoints(conference))
        return owner.index in self._impersonated or (
            named_by_reports and can_be_impersonated(owner) and has_meet(owner)
        )

    def _documents_of(
        self, conference: Conference, reported: Sequence[Endpoint], *, recorded: bool
    ) -> Iterator[Fields]:
        live = recorded and not conference.ended(self._now)
        parameters = {endpoint.id: self._calls.parameters(conference, endpoint) for endpoint in reported}
        by_rows = bool(reported) and not live
        measured: Measured = {}
        if by_rows:
            named = [self._row(conference, e, parameters[e.id]) for e in reported]
            measured = {
                session_key(e.id): found
                for e in reported
                if (found := google_meet_quality.of_row(parameters[e.id]))
            }
        else:
            named = [self._session(endpoint) for endpoint in self._attendance.present(conference, self._now)]
        sessions = number_duplicates(named)
        head = self._head(conference, sessions, reported, recorded=recorded, live=live)
        head |= _media_fields(list(parameters.values()))
        detail = "live" if live else "full" if recorded and reported else "basic"
        uuid = conference.reports_id if reported else conference.record_id
        quality = (
            google_meet_quality.document(google_meet_quality.of_meeting(measured.values()))
            if measured
            else None
        )
        timestamp = head.get("start_time") or earliest(sessions)
        yield self._meeting_document(
            uuid, detail, timestamp, head | attendance_fields([f for _, f in sessions]), quality
        )
        yield from self._session_documents(uuid, detail, timestamp, head, sessions, measured)

    def _head(
        self, conference: Conference, sessions: Sequence[KeyedFields], reported: Sequence[Endpoint], *, recorded: bool, live: bool
    ) -> Fields:  # fmt: skip
        start: datetime | None
        end: datetime | None
        if recorded:
            start, end = (
                nanoseconds_to_datetime(conference.start),
                None if live else nanoseconds_to_datetime(conference.end),
            )
        else:
            first = earliest(sessions)
            # If someone whose join is not known left first, the start is not known either.
            start = first if any(fields.get("join_time") == first for _, fields in sessions) else None
            end = max(fields["leave_time"] for _, fields in sessions)
        recording = recorded and self._owner_is_asked(conference)
        return without_none(
            {
                "start_time": start,
                "end_time": end,
                "duration": seconds(start, end),
                "period": period(start, end),
                "state": "live" if live else "ended",
                "meeting_code": conference.code,
                "meeting_series_id": conference.space if recorded else None,
                "topic": replace_surrogates(self._topic(conference)) if reported else None,
                "host": self._host(conference) if reported else None,
                "recording": conference.meeting.recorded if recording else None,
            }
        )

    def _topic(self, conference: Conference) -> str | None:
        """Return the title in the owner's own calendar, except for private events: what someone hides from
        colleagues does not belong in an index."""
        event = conference.event
        if event is None or event.removed or event.private or not self._options.has("calendar"):
            return None
        return event.summary if can_be_impersonated(event.owner) and has_calendar(event.owner) else None

    def _host(self, conference: Conference) -> Fields | None:
        owner = conference.owner
        if owner is None:
            return None
        known = self._in_directory(owner)
        return without_none(
            {
                "host_id": self._account.user_id(owner) if known else None,
                "name": replace_surrogates(owner.name) if known else None,
                "email": owner.email,
            }
        )

    def _in_directory(self, person: Person | None) -> bool:
        """Return whether the Directory contains the person."""
        return self._directory and person is not None and person.status != "departed"

    def _row(self, conference: Conference, endpoint: Endpoint, parameters: dict[str, Any]) -> KeyedFields:
        person = endpoint.person
        identifier, kind = parameters.get("identifier"), parameters.get("identifier_type")
        leave = milliseconds_to_datetime(endpoint.left_at)
        start, lasted = parameters.get("start_timestamp_seconds"), parameters.get("duration_seconds", -1)
        join = None if lasted < 0 else leave - timedelta(seconds=lasted)
        if start is not None:
            join = milliseconds_to_datetime(start * 1000)
        known = person.name if person is not None and self._in_directory(person) else None
        shown = kind == "email_address" and identifier is not None and "*" not in identifier
        hosts = conference.owner is not None and identifier == conference.owner.email
        fields = {
            "stay": "meeting",
            "id": None if person is None else self._account.user_id(person),
            "user_name": replace_surrogates(parameters.get("display_name", known)),
            "email": identifier if shown else None,
            "user_type": _user_type(kind, endpoint.device),
            "role": "host" if hosts else None,
            "device": endpoint.device,
            "ip_address": parameters.get("ip_address"),
            "country": parameters.get("location_country"),
            "location": parameters.get("location_region"),
            "leave_reason": parameters.get("end_call_reason"),
            "join_time": join,
            "leave_time": leave,
            "duration": seconds(join, leave),
            "period": period(join, leave),
        }
        return session_key(endpoint.id), without_none(fields)

    def _session(self, endpoint: Endpoint) -> KeyedFields:
        person = endpoint.person
        end = known_end(endpoint, self._now)
        join, leave = (
            nanoseconds_to_datetime(endpoint.start),
            None if end is None else nanoseconds_to_datetime(end),
        )
        kinds = {"account": "signed_in", "room": "signed_in", "phone": "phone", "anonymous": "guest"}
        fields = {
            "stay": "meeting",
            "id": endpoint.user,
            "user_id": endpoint.session_name.partition("/participantSessions/")[0],
            "user_name": replace_surrogates(endpoint.name),
            "email": person.email if person is not None and self._in_directory(person) else None,
            "user_type": kinds[endpoint.joined_by],
            "join_time": join,
            "leave_time": leave,
            "duration": seconds(join, leave),
            "period": period(join, leave),
        }
        return session_key(endpoint.session_name), without_none(fields)

    def _meeting_document(
        self, uuid: str, detail: str, timestamp: datetime, head: Fields, quality: Fields | None
    ) -> Fields:
        return without_none(
            {
                "document_id": f"google-meet:{self._label}:{uuid}",
                "@timestamp": timestamp,
                "kind": "meeting",
                "vendor": "google-meet",
                "account": self._label,
                "uuid": uuid,
                "detail": detail,
                "quality": quality,
                **head,
            }
        )

    def _session_documents(
        self,
        uuid: str,
        detail: str,
        timestamp: datetime,
        head: Fields,
        sessions: Sequence[KeyedFields],
        measured: Measured,
    ) -> Iterator[Fields]:
        for name, fields in sessions:
            yield without_none(
                {
                    "document_id": f"google-meet:{self._label}:{uuid}:{name}",
                    "@timestamp": fields.get("join_time", timestamp),
                    "kind": "session",
                    "vendor": "google-meet",
                    "account": self._label,
                    "meeting": uuid,
                    "meeting_series_id": head.get("meeting_series_id"),
                    "meeting_code": head.get("meeting_code"),
                    "topic": head.get("topic"),
                    "host_email": head.get("host", {}).get("email"),
                    "meeting_timestamp": timestamp,
                    "detail": detail,
                    "quality": google_meet_quality.document(measured.get(name, {})),
                    **fields,
                }
            )


def earliest(sessions: Sequence[KeyedFields]) -> datetime:
    """Return the first instant at which anyone is known to have been there."""
    found: datetime = min(fields.get("join_time") or fields["leave_time"] for _, fields in sessions)
    return found


def _media_fields(reported: Sequence[dict[str, Any]]) -> Fields:
    """Return what device types and seconds say about the media; what they do not say is unknown."""

    def ran(prefix: str) -> bool | None:
        return (
            any(row.get(f"{prefix}_{way}_seconds", 0) > 0 for row in reported for way in ("send", "recv"))
            or None
        )

    return without_none(
        {
            "has_pstn": any(row["device_type"].startswith("pstn_") for row in reported) or None,
            "has_video": ran("video"),
            "has_screen_share": ran("screencast"),
        }
    )


def _user_type(kind: str | None, device: str) -> str:
    if kind == "device_id":
        return "room"
    if kind == "phone_number" or device.startswith("pstn_"):
        return "phone"
    return "signed_in" if kind == "email_address" else "guest"
