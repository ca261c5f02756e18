"""What opens a meeting must not leave the connector: it is asked for as little as possible, and taken out where it comes.

A space holds `phoneAccess[].pin` and `gatewaySipAccess[].sipAccessCode`, an event's `conferenceData.entryPoints[]` a
`pin`, `accessCode`, `meetingCode`, `passcode` and `password`, and what people write into a description may be any of
them (discovery documents meet.v2 and calendar.v3, 2026-10). Of both, only what is named here is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EVENT_FIELDS = (
    "id,iCalUID,recurringEventId,originalStartTime,status,summary,visibility,eventType,start,end,organizer(email,self),"
    "attendees(email,displayName,responseStatus,resource,organizer),attendeesOmitted,"
    "conferenceData(conferenceId,conferenceSolution(key))"
)
"""What Calendar is asked for: nothing that opens a meeting, and no text but the title."""

SPACE_FIELDS = "name,meetingCode"

_EVENT = frozenset(
    (
        *("id", "iCalUID", "recurringEventId", "originalStartTime", "status", "summary", "visibility"),
        *("eventType", "start", "end", "organizer", "attendees", "attendeesOmitted"),
    )
)
_RECORDING = frozenset(("name", "state", "startTime", "endTime"))
_OPENS = (
    *(
        "pin",
        "passcode",
        "password",
        "accesscode",
        "secret",
        "token",
        "phoneaccess",
        "sipaccess",
        "entrypoint",
    ),
    *("hangoutlink", "joinuri", "meetinguri", "exporturi", "dialin"),
)


def redact_event(told: Mapping[str, Any]) -> dict[str, Any]:
    """An event with what may be kept of it; of the way into its conference only the code and whose it is."""
    kept = {key: redact_row(value) for key, value in told.items() if key in _EVENT}
    conference = told.get("conferenceData")
    if isinstance(conference, Mapping):
        solution = conference.get("conferenceSolution")
        key = solution.get("key") if isinstance(solution, Mapping) else None
        kind = key.get("type") if isinstance(key, Mapping) else None
        kept["conference"] = {"id": conference.get("conferenceId"), "type": kind}
    return kept


def redact_recording(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key in _RECORDING}


def redact_row(value: Any) -> Any:
    """Anything without what opens a meeting by its name, at any depth."""
    if isinstance(value, Mapping):
        return {key: redact_row(inner) for key, inner in value.items() if not _opens(key)}
    if isinstance(value, list):
        return [redact_row(inner) for inner in value]
    return value


def _opens(key: str) -> bool:
    name = key.lower().replace("_", "")
    return any(part in name for part in _OPENS)
