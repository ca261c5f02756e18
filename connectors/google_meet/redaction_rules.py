"""Google Meet: which fields are requested and kept, and which are removed.

A space has `phoneAccess[].pin` and `gatewaySipAccess[].sipAccessCode`; an event's `conferenceData.entryPoints[]` has a
`pin`, `accessCode`, `meetingCode`, `passcode` and `password`; and people write any of these into a description (discovery
documents meet.v2 and calendar.v3, 2026-10). Of events and recordings, only the fields named here are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.row_redaction import RedactionRules, redact_value

RULES = RedactionRules(titles=frozenset(("summary", "displayName", "display_name", "name")))

EVENT_FIELDS = (
    "id,iCalUID,recurringEventId,originalStartTime,status,summary,visibility,eventType,start,end,organizer(email,self),"
    "attendees(email,displayName,responseStatus,resource,organizer),attendeesOmitted,"
    "conferenceData(conferenceId,conferenceSolution(key))"
)
"""The fields requested from Calendar: nothing that opens a meeting, and no text but the title."""

SPACE_FIELDS = "name,meetingCode"

_EVENT = frozenset(
    (
        *("id", "iCalUID", "recurringEventId", "originalStartTime", "status", "summary", "visibility"),
        *("eventType", "start", "end", "organizer", "attendees", "attendeesOmitted"),
    )
)
_RECORDING = frozenset(("name", "state", "startTime", "endTime"))


def redact_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event with the fields that are kept; of its conference data only the meeting code and the type."""
    kept = {key: redact_row(value) for key, value in event.items() if key in _EVENT}
    conference = event.get("conferenceData")
    if isinstance(conference, Mapping):
        solution = conference.get("conferenceSolution")
        key = solution.get("key") if isinstance(solution, Mapping) else None
        kind = key.get("type") if isinstance(key, Mapping) else None
        kept["conference"] = {"id": conference.get("conferenceId"), "type": kind}
    return kept


def redact_recording(recording: Mapping[str, Any]) -> dict[str, Any]:
    """The recording without the link to its file."""
    return {key: value for key, value in recording.items() if key in _RECORDING}


def redact_row(value: Any) -> Any:
    """A row, or a part of one, without what opens a meeting."""
    return redact_value(value, RULES)
