"""Map Zoom's rows to meetings and sessions. Pure functions: a dict in, a dataclass out.

An empty value (`""`, null) is absent. Nothing else is changed: names (in which Zoom sends `#` for a comma), addresses and
leave reasons stay as sent. Field lists: the schemas of https://developers.zoom.us/docs/api/ (Accounts for
/metrics, Meetings for /report), as of 2025-06 to 2026-02.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from connectors.models import Detail, Host, Meeting, Session, session_key
from connectors.parsing import as_text, parse_clock_seconds, parse_instant, seconds_between
from connectors.zoom.redaction_rules import redact_row

Row = Mapping[str, Any]
State = Literal["ended", "live"]
Role = Literal["host", "attendee", "panelist"]

WEBINAR_TYPES = frozenset({"5", "6", "9"})
"""The values of `type` that mark a webinar in /report/users/{user}/meetings."""

_ROLES: dict[Any, Role] = {"host": "host", "attendee": "attendee", "panelist": "panelist"}
_FLAGS: dict[Any, bool] = {1: True, 0: False, "true": True, "false": False}


def to_meeting(
    row: Row,
    *,
    account: str,
    detail: Detail,
    state: State,
    harvested_at: datetime,
    host_id: str | None = None,
    raw: bool = False,
) -> Meeting:
    """A row of /metrics/meetings or /metrics/webinars, or the response of /metrics/meetings/{uuid}."""
    start = parse_instant(row.get("start_time"))
    end = parse_instant(row.get("end_time")) if state == "ended" else None
    duration = seconds_between(start, end)
    if duration is None and state == "ended":
        duration = parse_clock_seconds(row.get("duration"))
    flag = row.get
    return Meeting(
        vendor="zoom",
        account=account,
        uuid=row["uuid"],
        detail=detail,
        harvested_at=harvested_at,
        meeting_series_id=as_text(row.get("id")),
        meeting_code=as_text(row.get("id")),
        topic=as_text(row.get("topic")),
        host=_host(
            host_id=host_id,
            name=as_text(row.get("host")),
            email=as_text(row.get("email")),
            user_type=as_text(row.get("user_type")),
        ),
        start_time=start,
        end_time=end,
        duration=duration,
        state=state,
        has_pstn=to_flag(flag("has_pstn")),
        has_voip=to_flag(flag("has_voip")),
        has_3rd_party_audio=to_flag(flag("has_3rd_party_audio")),
        has_video=to_flag(flag("has_video")),
        has_screen_share=to_flag(flag("has_screen_share")),
        recording=to_flag(flag("has_recording")),
        vendor_data=redact_row(row) if raw else None,
    )


def to_reported_meeting(
    row: Row, *, account: str, harvested_at: datetime, host_id: str | None, raw: bool = False
) -> Meeting:
    """A row of /report/users/{user}/meetings, or the response of /report/meetings/{uuid}."""
    start, end = parse_instant(row.get("start_time")), parse_instant(row.get("end_time"))
    duration = seconds_between(start, end)
    return Meeting(
        vendor="zoom",
        account=account,
        uuid=row["uuid"],
        detail=Detail.basic,
        harvested_at=harvested_at,
        meeting_series_id=as_text(row.get("id")),
        meeting_code=as_text(row.get("id")),
        topic=as_text(row.get("topic")),
        host=_host(
            host_id=host_id,
            name=as_text(row.get("user_name")),
            email=as_text(row.get("user_email")),
            user_type=None,
        ),
        start_time=start,
        end_time=end,
        duration=duration if duration is not None else _to_seconds(row.get("duration"), unit=60),
        state="ended",
        has_screen_share=to_flag(row.get("has_screen_share")),
        recording=to_flag(row.get("has_recording")),
        vendor_data=redact_row(row) if raw else None,
    )


def to_session(row: Row, *, raw: bool = False) -> Session:
    """A row of /metrics/…/participants."""
    get = row.get
    join, leave = parse_instant(get("join_time")), parse_instant(get("leave_time"))
    user_id, status, breakout = as_text(get("user_id")), as_text(get("status")), as_text(get("bo_mtg_id"))
    person = as_text(get("id")) or as_text(get("participant_user_id"))
    device, location = as_text(get("device")), as_text(get("location"))
    city, country = _place(location)
    return Session(
        key=session_key(user_id, join, status, breakout),
        stay=_stay(status, breakout),
        breakout_id=breakout,
        id=person,
        user_id=user_id,
        user_name=as_text(get("user_name")),
        email=as_text(get("email")),
        user_type=_user_type(device, person),
        role=_ROLES.get(as_text(get("role"))),
        device=device,
        os=as_text(get("os")),
        app=as_text(get("client")),
        app_version=as_text(get("version")),
        ip_address=as_text(get("ip_address")),
        country=country,
        city=city,
        location=location,
        data_center=as_text(get("data_center")),
        network_type=as_text(get("network_type")),
        join_time=join,
        leave_time=leave,
        duration=_duration(row, join, leave),
        share_application=to_flag(get("share_application")),
        share_desktop=to_flag(get("share_desktop")),
        share_whiteboard=to_flag(get("share_whiteboard")),
        recording=to_flag(get("recording")),
        leave_reason=as_text(get("leave_reason")),
        vendor_data=redact_row(row) if raw else None,
    )


def to_reported_session(row: Row, *, raw: bool = False) -> Session:
    """A row of /report/…/participants. It has no device, address, network, location or role."""
    get = row.get
    join, leave = parse_instant(get("join_time")), parse_instant(get("leave_time"))
    user_id, status, breakout = as_text(get("user_id")), as_text(get("status")), as_text(get("bo_mtg_id"))
    person = as_text(get("id")) or as_text(get("participant_user_id"))
    return Session(
        key=session_key(user_id, join, status, breakout),
        stay=_stay(status, breakout),
        breakout_id=breakout,
        id=person,
        user_id=user_id,
        user_name=as_text(get("name")),
        email=as_text(get("user_email")),
        user_type="signed_in" if person is not None else None,
        join_time=join,
        leave_time=leave,
        duration=_duration(row, join, leave),
        vendor_data=redact_row(row) if raw else None,
    )


def to_flag(value: Any) -> bool | None:
    """A boolean, also sent as 0, 1, `"true"` or `"false"`; `None` for anything else."""
    if value is True or value is False:
        return value
    return _FLAGS.get(value) if isinstance(value, int | str) else None


def _host(*, host_id: str | None, name: str | None, email: str | None, user_type: str | None) -> Host | None:
    if host_id is None and name is None and email is None and user_type is None:
        return None
    return Host(host_id=host_id, name=name, email=email, user_type=user_type)


def _stay(status: str | None, breakout: str | None) -> Literal["meeting", "waiting_room", "breakout"]:
    if status == "in_waiting_room":
        return "waiting_room"
    return "meeting" if breakout is None else "breakout"


def _user_type(
    device: str | None, person: str | None
) -> Literal["signed_in", "guest", "phone", "room"] | None:
    if device == "Phone":
        return "phone"
    if device is not None and (device == "H.323/SIP" or device.startswith("Zoom Room")):
        return "room"
    return "guest" if person is None else "signed_in"


def _place(location: str | None) -> tuple[str | None, str | None]:
    """City and country of `"Berlin (DE)"`. Any other text may be either, and gives neither."""
    if location is None or location[-1:] != ")" or location[-5:-3] != " (":
        return None, None
    city, country = location[:-5], location[-3:-1]
    if not city or not (country.isascii() and country.isalpha() and country.isupper()):
        return None, None
    return city, country


def _duration(row: Row, join: datetime | None, leave: datetime | None) -> int | None:
    duration = seconds_between(join, leave)
    return duration if duration is not None else _to_seconds(row.get("duration"), unit=1)


def _to_seconds(value: Any, *, unit: int) -> int | None:
    """Seconds from a number of units of `unit` seconds, also sent as text, or as `"20:00"` (in Zoom's examples)."""
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) < 10):
            return parse_clock_seconds(value)
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value * unit
