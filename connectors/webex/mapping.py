"""Map Webex's rows to meetings and sessions. Pure functions: a dict in, a dataclass out.

An empty value is absent, and so is 1970-01-01, which stands for an instant that is not known (yet). Field
lists: the schemas `MeetingObjectForListMeeting`, `Participant`, `Device` and `BreakoutSessionAttended` of
https://github.com/webex/webex-openapi-specs (2026-05). An ended instance has fewer fields than its schema requires
(https://developer.webex.com/docs/meetings, "Available Meeting Attributes"): only the id is required.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from connectors.models import Detail, Host, Meeting, Session, session_key
from connectors.parsing import as_bool, as_dicts, as_text, parse_instant, seconds_between

Row = Mapping[str, Any]
State = Literal["ended", "live"]
Role = Literal["host", "cohost", "attendee"]

_STATES: dict[Any, State] = {"ended": "ended", "inProgress": "live", "lobby": "live"}
_UNKNOWN_BEFORE = datetime(1971, 1, 1, tzinfo=UTC)


def state_of(row: Row) -> State:
    """Whether the meeting is over. If the state is not one of an instance, it is over if it has an end."""
    return _STATES.get(as_text(row.get("state"))) or (
        "ended" if known_instant(row.get("end")) is not None else "live"
    )


def to_meeting(
    row: Row, *, account: str, detail: Detail, harvested_at: datetime, raw: bool = False
) -> Meeting:
    """An instance of GET /meetings, or the response of GET /admin/meetings/{id} or /meetings/{id}."""
    state = state_of(row)
    start = known_instant(row.get("start"))
    end = known_instant(row.get("end")) if state == "ended" else None
    return Meeting(
        vendor="webex",
        account=account,
        uuid=row["id"],
        detail=detail,
        harvested_at=harvested_at,
        meeting_series_id=as_text(row.get("meetingSeriesId")),
        meeting_code=as_text(row.get("meetingNumber")),
        topic=as_text(row.get("title")),
        host=_host(row),
        start_time=start,
        end_time=end,
        duration=seconds_between(start, end),
        state=state,
        recording=as_bool(row.get("hasRecording")),
        vendor_data=row if raw else None,
    )


def with_audio(meeting: Meeting, rows: Sequence[Row]) -> Meeting:
    """The meeting with the kinds of audio connection that its devices report."""
    kinds = {as_text(device.get("audioType")) for row in rows for device in _devices(row)} - {None}
    if not kinds:
        return meeting
    return replace(meeting, has_pstn="pstn" in kinds, has_voip="voip" in kinds)


def to_sessions(row: Row, *, raw: bool = False) -> Iterator[Session]:
    """The sessions of one participant: one for each device, and one for each breakout session attended."""
    devices = _devices(row)
    for device in devices:
        yield to_session(row, device, raw=raw)
    if not devices:
        yield to_session(row, None, raw=raw)
    for attended in as_dicts(row.get("breakoutSessionsAttended")):
        yield _to_breakout(row, attended, raw=raw)


def to_session(row: Row, device: Row | None, *, raw: bool = False) -> Session:
    """The session of a participant on one device, or of the participant if no device is reported."""
    part = row if device is None else device
    join, leave = known_instant(part.get("joinedTime")), known_instant(part.get("leftTime"))
    duration = seconds_between(join, leave)
    correlation = None if device is None else as_text(device.get("correlationId"))
    return Session(
        key=session_key(as_text(row.get("id")), correlation),
        stay="waiting_room" if row.get("state") == "lobby" else "meeting",
        user_id=as_text(row.get("id")),
        user_name=as_text(row.get("displayName")),
        email=as_text(row.get("email")),
        user_type="phone" if device is not None and _is_phone(row, device) else None,
        role=_role(row),
        device=None if device is None else as_text(device.get("deviceType")),
        join_time=join,
        leave_time=leave,
        duration=duration if duration is not None else _seconds(part.get("durationSecond")),
        vendor_data=_raw(row, "device", device) if raw else None,
    )


def _to_breakout(row: Row, attended: Row, *, raw: bool) -> Session:
    join, leave = known_instant(attended.get("joinedTime")), known_instant(attended.get("leftTime"))
    breakout = as_text(attended.get("id"))
    return Session(
        key=session_key(as_text(row.get("id")), None, breakout, join),
        stay="breakout",
        breakout_id=breakout,
        user_id=as_text(row.get("id")),
        user_name=as_text(row.get("displayName")),
        email=as_text(row.get("email")),
        role=_role(row),
        join_time=join,
        leave_time=leave,
        duration=seconds_between(join, leave),
        vendor_data=_raw(row, "breakoutSession", attended) if raw else None,
    )


def known_instant(value: Any) -> datetime | None:
    """An instant; `None` also for 1970-01-01, which stands for an unknown one."""
    when = parse_instant(value)
    return None if when is None or when < _UNKNOWN_BEFORE else when


def _host(row: Row) -> Host | None:
    host = Host(
        host_id=as_text(row.get("hostUserId")),
        name=as_text(row.get("hostDisplayName")),
        email=as_text(row.get("hostEmail")),
    )
    return None if host == Host() else host


def _role(row: Row) -> Role | None:
    if row.get("host") is True:
        return "host"
    if row.get("coHost") is True:
        return "cohost"
    return "attendee" if row.get("host") is False else None


def _is_phone(row: Row, device: Row) -> bool:
    """Whether the participant used only a telephone.

    A participant at a computer may use telephone audio too, but has an address or a client.
    """
    kind = (as_text(device.get("deviceType")) or "phone").lower()
    return device.get("audioType") == "pstn" and as_text(row.get("email")) is None and kind in _PHONES


_PHONES = frozenset({"phone", "pstn", "telephone"})


def _devices(row: Row) -> Sequence[Row]:
    return as_dicts(row.get("devices"))


def _seconds(value: Any) -> int | None:
    # 0 with an unknown end means "not known".
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**9:
        return None
    return int(value)


def _raw(row: Row, name: str, part: Row | None) -> Row:
    """The participant's row, with this one part instead of all devices and breakout sessions."""
    own = {key: value for key, value in row.items() if key not in {"devices", "breakoutSessionsAttended"}}
    return own if part is None else {**own, name: part}
