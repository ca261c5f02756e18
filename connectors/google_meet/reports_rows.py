"""The rows of Reports: one for each endpoint that left a conference.

An activity `call_ended` has a list of parameters (https://developers.google.com/workspace/admin/reports/v1/appendix/activity/meet,
2026). It becomes a flat dict; the activity's own values get names that begin with `@`. Google omits what was not measured
and what the reader may not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.errors import BrokenResponse
from connectors.google_meet.endpoints import VENDOR
from connectors.parsing import as_dict, as_dicts, as_text, parse_instant

Row = Mapping[str, Any]

EVENT = "call_ended"
_NOT_LETTERS = re.compile(r"[^a-z]")

LONGEST_STAY = timedelta(days=30)
"""A row with a longer one has a wrong start or duration. Its join would be that of the whole conference, which then is listed
for none of the days asked for."""


def flatten(item: Row) -> Iterator[dict[str, Any]]:
    """The rows of an activity. Google sends a whole activity if any of its events matches.

    Raises BrokenResponse if none does, or one has no list of parameters: its row would be missing without a word.
    """
    events = as_dicts(item.get("events"))
    ended = [event for event in events if event.get("name") == EVENT]
    if not ended or not all(_has_readable_parameters(event) for event in ended):
        raise BrokenResponse(f"{VENDOR}: activities.list: an activity without the event {EVENT}")
    activity_id, actor = as_dict(item.get("id")), as_dict(item.get("actor"))
    own_values = {
        "@time": as_text(activity_id.get("time")),
        "@qualifier": as_text(activity_id.get("uniqueQualifier")),
        "@profile": as_text(actor.get("profileId")),
        "@email": as_text(actor.get("email")),
    }
    for event in ended:
        row = {name: value for name, value in own_values.items() if value is not None}
        for parameter in as_dicts(event.get("parameters")):
            name, value = parameter.get("name"), _value(parameter)
            if isinstance(name, str) and value is not None:
                row.setdefault(name, value)
        yield row


def _has_readable_parameters(event: Row) -> bool:
    parameters = event.get("parameters", [])
    return isinstance(parameters, list) and all(
        isinstance(each, dict) and isinstance(each.get("name"), str) for each in parameters
    )


def _value(parameter: Row) -> Any:
    if "intValue" in parameter:
        return parse_integer(parameter["intValue"])
    for name in ("value", "boolValue", "multiValue", "multiIntValue"):
        if name in parameter:
            value = parameter[name]
            return value or None if isinstance(value, str) else value
    return None


def row_identity(row: Row) -> tuple[str, str, str]:
    """Identifies a row; the same row may be on two pages."""
    return str(row.get("@time")), str(row.get("@qualifier")), str(row.get("endpoint_id"))


def leave_time(row: Row) -> datetime | None:
    """When the endpoint left: the time of the row."""
    return parse_instant(row.get("@time"))


def join_time(row: Row) -> datetime | None:
    """When the endpoint joined: reported since 2025; before that, the leave time minus the duration.

    `None` if the row has neither.
    """
    end, start, stayed = (
        leave_time(row),
        parse_integer(row.get("start_timestamp_seconds")),
        parse_integer(row.get("duration_seconds")),
    )
    if start is not None and 0 < start < 32_503_680_000:
        joined = datetime.fromtimestamp(start, UTC)
        if end is None or joined <= end <= joined + LONGEST_STAY:
            return joined
    if end is None or stayed is None or not 0 <= stayed <= LONGEST_STAY.total_seconds():
        return None
    return end - timedelta(seconds=stayed)


def normalize_code(code: object) -> str | None:
    """`wkt-imxi-vuk` for `WKTIMXIVUK`, `wktimxivuk` and `wkt-imxi-vuk`. Codes of another length are only lower-cased."""
    if not isinstance(code, str):
        return None
    letters = _NOT_LETTERS.sub("", code.lower())
    if len(letters) == 10:
        return f"{letters[:3]}-{letters[3:7]}-{letters[7:]}"
    return code.strip().lower() or None


def code_spellings(code: str) -> tuple[str, ...]:
    """The spellings of a code to filter by: filters of Reports are case-sensitive."""
    letters = code.replace("-", "")
    return tuple(dict.fromkeys((letters.upper(), code, letters)))


def first_text(rows: Iterable[Row], name: str) -> str | None:
    """A value that all rows of a conference should share, from the first row that has it."""
    return next((text for row in rows if (text := as_text(row.get(name))) is not None), None)


def has_phone(rows: Iterable[Row]) -> bool | None:
    return True if any(is_phone(row) for row in rows) else None


def has_pictures(rows: Iterable[Row], medium: str) -> bool | None:
    """True if any endpoint sent or received `video` or `screencast`, whichever `medium` is; else `None`."""
    names = (f"{medium}_send_seconds", f"{medium}_recv_seconds")
    return True if any((parse_integer(row.get(name)) or 0) > 0 for row in rows for name in names) else None


def email_address(row: Row) -> str | None:
    """The e-mail address, unless it is masked, as those of external participants may be."""
    address = as_text(row.get("identifier")) if row.get("identifier_type") == "email_address" else None
    return None if address is None or "*" in address else address


def is_phone(row: Row) -> bool:
    device = row.get("device_type")
    return row.get("identifier_type") == "phone_number" or (
        isinstance(device, str) and device.startswith("pstn")
    )


def parse_integer(value: Any) -> int | None:
    """A whole number of 64 bits, also sent as a string: Google's JSON has them as strings."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if number.bit_length() < 64 else None
