"""Google's rows as meetings and sessions: pure functions, one dict in, one dataclass out.

Reports' `call_ended` has a parameter list per endpoint that left
(https://developers.google.com/workspace/admin/reports/v1/appendix/activity/meet, 2026); it is read as a flat dict, with
what stands around it under names that begin with `@`. Meet's records, participants and sessions: discovery document
meet.v2 (2026-10). What was not measured, or is not for us to see, is left out by Google.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from connectors.google_meet.quality import to_quality
from connectors.google_meet.redaction import redact_row
from connectors.models import Host, Session, session_key
from connectors.parsing import parse_instant, seconds_between

Row = Mapping[str, Any]
UserType = Literal["signed_in", "guest", "phone", "room"]

EVENT = "call_ended"
_NOT_LETTERS = re.compile(r"[^a-z]")


def flat(item: Row) -> Iterator[dict[str, Any]]:
    """The endpoints that an activity tells of. An activity is sent whole if any of its events was asked for."""
    about, actor = _dict(item.get("id")), _dict(item.get("actor"))
    around = {
        "@time": text(about.get("time")),
        "@qualifier": text(about.get("uniqueQualifier")),
        "@profile": text(actor.get("profileId")),
        "@email": text(actor.get("email")),
    }
    for event in _dicts(item.get("events")):
        if event.get("name") == EVENT:
            row = {name: value for name, value in around.items() if value is not None}
            for parameter in _dicts(event.get("parameters")):
                name, value = parameter.get("name"), _value(parameter)
                if isinstance(name, str) and value is not None:
                    row.setdefault(name, value)
            yield row


def _value(parameter: Row) -> Any:
    if "intValue" in parameter:
        return number(parameter["intValue"])
    for name in ("value", "boolValue", "multiValue", "multiIntValue"):
        if name in parameter:
            value = parameter[name]
            return value or None if isinstance(value, str) else value
    return None


def identity(row: Row) -> tuple[str, str, str]:
    """What tells one row from another; the same row may come on two pages."""
    return str(row.get("@time")), str(row.get("@qualifier")), str(row.get("endpoint_id"))


def left(row: Row) -> datetime | None:
    """When the endpoint left: the instant that the row is stamped with."""
    return parse_instant(row.get("@time"))


def joined(row: Row) -> datetime | None:
    """When it joined: told since 2025, before that so long before it left as it stayed."""
    end, start, stayed = (
        left(row),
        number(row.get("start_timestamp_seconds")),
        number(row.get("duration_seconds")),
    )
    if start is not None and 0 < start < 32_503_680_000:
        told = datetime.fromtimestamp(start, UTC)
        if end is None or told <= end:
            return told
    if end is None or stayed is None or not 0 <= stayed < 10**8:
        return end
    return end - timedelta(seconds=stayed)


def code_of(told: object) -> str | None:
    """`WKTIMXIVUK`, `wktimxivuk` and `wkt-imxi-vuk` are one code: the last; of another length as it is, in lower case."""
    if not isinstance(told, str):
        return None
    letters = _NOT_LETTERS.sub("", told.lower())
    if len(letters) == 10:
        return f"{letters[:3]}-{letters[3:7]}-{letters[7:]}"
    return told.strip().lower() or None


def codes_of(code: str) -> tuple[str, ...]:
    """The spellings that a filter of Reports, which compares to the letter, may find it under."""
    letters = code.replace("-", "")
    return tuple(dict.fromkeys((letters.upper(), code, letters)))


def common(rows: Iterable[Row], name: str) -> str | None:
    """What every row of a conference should tell alike, by the first that tells it."""
    return next((told for row in rows if (told := text(row.get(name))) is not None), None)


def has_phone(rows: Iterable[Row]) -> bool | None:
    return True if any(_is_phone(row) for row in rows) else None


def has_pictures(rows: Iterable[Row], medium: str) -> bool | None:
    """Whether any endpoint sent or was sent pictures of this kind (`video`, `screencast`) for a while."""
    names = (f"{medium}_send_seconds", f"{medium}_recv_seconds")
    return True if any((number(row.get(name)) or 0) > 0 for row in rows for name in names) else None


def to_session(row: Row, *, name: str | None = None, raw: bool = False) -> Session:
    """Out of a row of Reports; `name` is the Directory's."""
    join, leave = joined(row), left(row)
    endpoint = text(row.get("endpoint_id"))
    identifier, organizer = text(row.get("identifier")), text(row.get("organizer_email"))
    is_host = identifier is not None and organizer is not None and identifier.lower() == organizer.lower()
    between = seconds_between(join, leave)
    return Session(
        key=session_key(endpoint) if endpoint else session_key(None, *identity(row)[:2]),
        id=text(row.get("@profile")),
        user_name=text(row.get("display_name")) or name,
        email=email_of(row),
        user_type=_user_type(row),
        role="host" if is_host else None,
        device=text(row.get("device_type")),
        ip_address=text(row.get("ip_address")),
        country=text(row.get("location_country")),
        location=text(row.get("location_region")),
        join_time=join,
        leave_time=leave,
        duration=between,
        leave_reason=text(row.get("end_call_reason")),
        quality=to_quality(row),
        vendor_data=redact_row(row) if raw else None,
    )


def email_of(row: Row) -> str | None:
    """An address that is one: those of other companies' people may come with most letters starred out."""
    told = text(row.get("identifier")) if row.get("identifier_type") == "email_address" else None
    return None if told is None or "*" in told else told


def _user_type(row: Row) -> UserType:
    if row.get("identifier_type") == "device_id":
        return "room"
    if _is_phone(row):
        return "phone"
    return "signed_in" if row.get("identifier_type") == "email_address" else "guest"


def _is_phone(row: Row) -> bool:
    device = row.get("device_type")
    return row.get("identifier_type") == "phone_number" or (
        isinstance(device, str) and device.startswith("pstn")
    )


def user_of(participant: Row) -> str | None:
    """The number of a signed-in person, which the Directory knows them by."""
    told = text(_dict(participant.get("signedinUser")).get("user"))
    return told.removeprefix("users/") if told else None


def to_stay(
    participant: Row,
    session: Row,
    *,
    email: str | None = None,
    name: str | None = None,
    raw: bool = False,
) -> Session:
    """Out of a participant and one participantSession of Meet; `email` and `name` are the Directory's."""
    join, leave = parse_instant(session.get("startTime")), parse_instant(session.get("endTime"))
    kind, told = _whom(participant)
    return Session(
        key=session_key(text(session.get("name"))),
        id=user_of(participant),
        user_id=text(participant.get("name")),
        user_name=text(told.get("displayName")) or name,
        email=email,
        user_type=kind,
        join_time=join,
        leave_time=leave,
        duration=seconds_between(join, leave),
        vendor_data=redact_row({"participant": participant, "session": session}) if raw else None,
    )


def _whom(participant: Row) -> tuple[UserType | None, Row]:
    kinds: tuple[tuple[str, UserType], ...] = (
        ("signedinUser", "signed_in"),
        ("anonymousUser", "guest"),
        ("phoneUser", "phone"),
    )
    for key, kind in kinds:
        if key in participant:
            return kind, _dict(participant[key])
    return None, {}


def host_of(email: str | None, host_id: str | None = None, name: str | None = None) -> Host | None:
    host = Host(host_id=host_id, name=name, email=email)
    return None if host == Host() else host


def text(value: Any) -> str | None:
    """A string as sent, a number as its digits; `None` for `""`, null and anything else."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def number(value: Any) -> int | None:
    """A whole number, which JSON of Google's spells as a string where it may be long."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _dict(value: Any) -> Row:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> Sequence[Row]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
