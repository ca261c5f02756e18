"""Map Google's responses to meetings and sessions. Pure functions: a dict in, a dataclass out.

Sessions come from rows of Reports, or from Meet's participants and participant sessions (discovery document meet.v2,
2026-10). A meeting comes from rows of Reports, Meet's record and Calendar's event, if they exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connectors.google_meet.calendar_api import title
from connectors.google_meet.conference_grouping import Conference, is_live
from connectors.google_meet.quality import to_quality
from connectors.google_meet.redaction_rules import redact_row
from connectors.google_meet.reports_rows import (
    Row,
    email_address,
    has_phone,
    has_pictures,
    is_phone,
    join_time,
    leave_time,
    row_identity,
)
from connectors.models import Detail, Host, Meeting, Session, session_key
from connectors.parsing import as_dict, as_text, parse_instant, seconds_between

UserType = Literal["signed_in", "guest", "phone", "room"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceFacts:
    """Everything known about one conference."""

    conference: Conference | None = None
    record: Row | None = None
    event: Row = field(default_factory=dict)
    recordings: Sequence[Row] | None = None
    """`None` if they could not be read."""
    code: str | None = None
    host: Host | None = None

    @property
    def rows(self) -> Sequence[Row]:
        return () if self.conference is None else self.conference.rows

    @property
    def live(self) -> bool:
        return self.record is not None and is_live(self.record)

    @property
    def start(self) -> datetime | None:
        start = parse_instant(self.record.get("startTime")) if self.record is not None else None
        return start or (self.conference.start if self.conference is not None else None)

    @property
    def end(self) -> datetime | None:
        if self.live:
            return None
        end = parse_instant(self.record.get("endTime")) if self.record is not None else None
        return end or (self.conference.end if self.conference is not None else None)

    @property
    def detail(self) -> Detail:
        if self.live:
            return Detail.live
        return Detail.full if self.record is not None and self.rows else Detail.basic


def to_meeting(
    facts: ConferenceFacts, *, account: str, uuid: str, harvested_at: datetime, raw: bool = False
) -> Meeting:
    start, end = facts.start, facts.end
    space = as_text(facts.record.get("space")) if facts.record is not None else None
    code = facts.conference.code if facts.conference is not None else None
    return Meeting(
        vendor="google-meet",
        account=account,
        uuid=uuid,
        detail=facts.detail,
        harvested_at=harvested_at,
        meeting_series_id=space.removeprefix("spaces/") if space is not None else None,
        meeting_code=code or facts.code,
        topic=title(facts.event),
        host=facts.host,
        start_time=start,
        end_time=end,
        duration=seconds_between(start, end),
        state="live" if facts.live else "ended",
        has_pstn=has_phone(facts.rows),
        has_video=has_pictures(facts.rows, "video"),
        has_screen_share=has_pictures(facts.rows, "screencast"),
        recording=None if facts.recordings is None else bool(facts.recordings),
        vendor_data=_to_vendor_data(facts) if raw else None,
    )


def _to_vendor_data(facts: ConferenceFacts) -> Mapping[str, Any]:
    parts: dict[str, Any] = {"event": facts.event, "record": facts.record, "recordings": facts.recordings}
    if facts.conference is not None:
        parts["conference_id"] = facts.conference.id
    return {name: redact_row(value) for name, value in parts.items() if value}


def to_session(row: Row, *, name: str | None = None, raw: bool = False) -> Session:
    """A row of Reports; `name` is the one in the Directory."""
    join, leave = join_time(row), leave_time(row)
    endpoint = as_text(row.get("endpoint_id"))
    identifier, organizer = as_text(row.get("identifier")), as_text(row.get("organizer_email"))
    is_host = identifier is not None and organizer is not None and identifier.lower() == organizer.lower()
    return Session(
        key=session_key(endpoint) if endpoint else session_key(None, *row_identity(row)[:2]),
        id=as_text(row.get("@profile")),
        user_name=as_text(row.get("display_name")) or name,
        email=email_address(row),
        user_type=_user_type(row),
        role="host" if is_host else None,
        device=as_text(row.get("device_type")),
        ip_address=as_text(row.get("ip_address")),
        country=as_text(row.get("location_country")),
        location=as_text(row.get("location_region")),
        join_time=join,
        leave_time=leave,
        duration=seconds_between(join, leave),
        leave_reason=as_text(row.get("end_call_reason")),
        quality=to_quality(row),
        vendor_data=redact_row(row) if raw else None,
    )


def _user_type(row: Row) -> UserType:
    if row.get("identifier_type") == "device_id":
        return "room"
    if is_phone(row):
        return "phone"
    return "signed_in" if row.get("identifier_type") == "email_address" else "guest"


def user_id(participant: Row) -> str | None:
    """The Directory id of a signed-in participant."""
    name = as_text(as_dict(participant.get("signedinUser")).get("user"))
    return name.removeprefix("users/") if name else None


def to_record_session(
    participant: Row,
    session: Row,
    *,
    email: str | None = None,
    name: str | None = None,
    raw: bool = False,
) -> Session:
    """A participant and one participantSession of Meet; `email` and `name` are those in the Directory."""
    join, leave = parse_instant(session.get("startTime")), parse_instant(session.get("endTime"))
    kind, identity = _identity(participant)
    return Session(
        key=session_key(as_text(session.get("name"))),
        id=user_id(participant),
        user_id=as_text(participant.get("name")),
        user_name=as_text(identity.get("displayName")) or name,
        email=email,
        user_type=kind,
        join_time=join,
        leave_time=leave,
        duration=seconds_between(join, leave),
        vendor_data=redact_row({"participant": participant, "session": session}) if raw else None,
    )


def _identity(participant: Row) -> tuple[UserType | None, Row]:
    kinds: tuple[tuple[str, UserType], ...] = (
        ("signedinUser", "signed_in"),
        ("anonymousUser", "guest"),
        ("phoneUser", "phone"),
    )
    for key, kind in kinds:
        if key in participant:
            return kind, as_dict(participant[key])
    return None, {}


def to_host(email: str | None, host_id: str | None = None, name: str | None = None) -> Host | None:
    host = Host(host_id=host_id, name=name, email=email)
    return None if host == Host() else host
