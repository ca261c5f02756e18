"""Rows of `/meetings`, `/meetings/{id}` and `/admin/meetings/{id}`.

For ended instances, Webex's table of attributes (https://developer.webex.com/docs/meetings) has little more
than people, times and title. The example published since 2026-02 adds attributes of the scheduled meeting:
passwords, the host key, dial-in data. Both forms are sent here, and a caller must not pass on the secrets.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from harvester.simulator.organisation import DAY, seeded_random
from harvester.simulator.webex.account import SITE, Instance, Quirk, person_id
from harvester.simulator.webex.formats import stamp

LEFTOVERS = (
    "hasChat",
    "hasRecording",
    "hasTranscription",
    "hasSummary",
    "hasClosedCaption",
    "hasPolls",
    "hasQA",
    "hasSlido",
)
_HIDDEN = (
    "agenda",
    "hostKey",
    "password",
    "phoneAndVideoSystemPassword",
    "webLink",
    "sipAddress",
    "dialInIpAddress",
)
_OPTIONS: dict[str, Any] = {
    "meetingOptions": {
        "enabledChat": True,
        "enabledVideo": True,
        "enabledPolling": False,
        "enabledNote": True,
        "noteType": "allowAll",
        "enabledFileTransfer": False,
        "enabledUCFRichMedia": False,
    },
    "attendeePrivileges": {
        "enabledShareContent": True,
        "enabledAnnotate": False,
        "enabledViewParticipantList": True,
    },
    "audioConnectionOptions": {"audioConnectionType": "webexAudio", "enabledTollFreeCallIn": True},
    "trackingCodes": [{"name": "Department", "value": "Engineering"}],
    "simultaneousInterpretation": {"enabled": False},
    "excludePassword": False,
    "publicMeeting": False,
    "enableAutomaticLock": False,
    "sessionTypeId": 3,
    "enabledBreakoutSessions": True,
    "enabledVisualWatermark": True,
    "visualWatermarkOpacity": 10,
}


def flags(instance: Instance) -> dict[str, bool]:
    """Return the artefacts that an ended instance has left behind."""
    seed = instance.meeting.seed
    values = {name: seed >> position & 3 == 1 for position, name in enumerate(LEFTOVERS)}
    return values | {"hasRecording": instance.meeting.recorded}


def listing_row(instance: Instance, instant: int) -> dict[str, Any]:
    """Return an instance as listed."""
    row = _instance(instance, instant)
    if Quirk.padded in instance.quirks:
        row |= {**_OPTIONS, **secrets(instance)}
    if Quirk.numbered in instance.quirks or row["state"] != "ended":
        row["meetingNumber"] = instance.number
    return row


def admin_row(instance: Instance, instant: int) -> dict[str, Any]:
    """Return a meeting for an administrator, without its secrets."""
    row = listing_row(instance, instant)
    for name in _HIDDEN:
        row.pop(name, None)
    row.pop("liveStream", None)
    row["telephony"] = {"callInNumbers": _NUMBERS}
    return row


def detail_row(instance: Instance, instant: int) -> dict[str, Any]:
    """Return a meeting looked up by id. The published schema has neither the series nor the artefacts."""
    row = listing_row(instance, instant)
    for name in ("meetingSeriesId", "scheduledMeetingId", *LEFTOVERS):
        row.pop(name, None)
    return row


def secrets(instance: Instance) -> dict[str, Any]:
    """Return the fields that let uninvited people into a meeting."""
    digits = seeded_random.digest("webex secrets", instance.id).hex()
    return {
        "password": f"Pw-{digits[:8]}",
        "phoneAndVideoSystemPassword": f"9{int(digits[8:16], 16):010}",
        "panelistPassword": f"Pp-{digits[16:24]}",
        "phoneAndVideoSystemPanelistPassword": f"8{int(digits[24:32], 16):010}",
        "hostKey": f"7{int(digits[:6], 16):08}",
        "webLink": f"{_link(instance)}&pw={digits[4:16]}",
        "sipAddress": f"{instance.number}@{SITE}",
        "telephony": {
            "accessCode": f"6{int(digits[6:14], 16):010}",
            "callInNumbers": _NUMBERS,
            "links": [
                {
                    "rel": "globalCallinNumbers",
                    "href": f"/api/v1/meetings/{instance.series}/globalCallinNumbers?pin={digits[2:14]}",
                    "method": "GET",
                }
            ],
        },
        "liveStream": {
            "destination": "Other",
            "rtmpUrl": f"rtmps://stream.example.org/live?key={digits[12:28]}",
            "streamUrl": "https://stream.example.org/watch",
        },
    }


_NUMBERS = [{"label": "US Toll", "callInNumber": "+1-555-0100", "tollType": "toll"}]


def _link(instance: Instance) -> str:
    return f"https://{SITE}/inventedorg/j.php?MTID={instance.id}"


def _instance(instance: Instance, instant: int) -> dict[str, Any]:
    meeting, host = instance.meeting, instance.meeting.host
    state = instance.state(instant)
    row: dict[str, Any] = {
        "id": instance.id,
        "meetingSeriesId": instance.series,
        "title": instance.title,
        "agenda": "",
        "meetingType": "meeting",
        "state": state,
        "timezone": "UTC",
        "start": stamp(meeting.start),
        "hostUserId": person_id(host),
        "hostDisplayName": host.name,
        "hostEmail": host.email,
        "siteUrl": SITE,
        "webLink": _link(instance),
        "scheduledType": "webinar" if meeting.webinar else "meeting",
    }
    if instance.scheduled is not None:
        row["scheduledMeetingId"] = instance.scheduled
    if state == "ended":
        row["end"] = stamp(meeting.end)
        row |= flags(instance)
    if meeting.seed % 23 == 0:
        row["aFieldOfTomorrow"] = {"nobody": ["knows", 1, None]}
    return row


def planned_rows(instance: Instance, first: int, last: int, *, series: bool) -> Iterator[dict[str, Any]]:
    """Yield a series, or its weekly occurrences that start in [first, last): planned meetings, not held ones."""
    meeting, week = instance.meeting, 7 * DAY
    start = meeting.planned_start + max(0, -(-(first - meeting.planned_start) // week)) * week
    while start < last:
        yield _planned(instance, start, series=series)
        if series:
            return
        start += week


def _planned(instance: Instance, start: int, *, series: bool) -> dict[str, Any]:
    meeting = instance.meeting
    row = listing_row(instance, meeting.end) | {**_OPTIONS, **secrets(instance)}
    for name in (*LEFTOVERS, "scheduledMeetingId"):
        row.pop(name, None)
    clock = f"{datetime.fromtimestamp(start / 1000, UTC):%Y%m%dT%H%M%SZ}"
    row |= {
        "id": instance.series if series else f"{instance.series}_{clock}",
        "meetingNumber": instance.number,
        "meetingType": "meetingSeries" if series else "scheduledMeeting",
        "state": "active" if series else "ready",
        "start": stamp(start),
        "end": stamp(start + meeting.planned_end - meeting.planned_start),
    }
    if series:
        row["recurrence"] = "FREQ=WEEKLY;INTERVAL=1"
    return row
