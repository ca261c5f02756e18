"""The Google APIs that the connector reads: URL, scope and rate limits of each.

Scopes and paths: the discovery documents in the google-api-python-client wheel (meet.v2, admin.reports_v1,
admin.directory_v1, calendar.v3; 2026-11). Each token has one scope: a scope that the
admin has not allowed then affects only the API that needs it. Rates: https://developers.google.com/workspace/meet/api/guides/limits,
…/admin-sdk/reports/v1/limits, …/admin-sdk/directory/v1/limits, …/calendar/api/guides/quota (2026).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

VENDOR = "Google Meet"
LOGIN = "run `harvester login google-meet`"
CONSOLE = "console.cloud.google.com"
DELEGATION = (
    "admin.google.com, Security > Access and data control > API controls > Manage domain-wide delegation"
)

_SCOPE = "https://www.googleapis.com/auth/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One API."""

    name: str
    version: str
    title: str
    """Its name in the Cloud console."""
    library: str
    """Its name in URLs of the Cloud console."""
    scope: str
    setting: str
    """The setting that overrides `url`."""
    url: str
    per_minute_user: int
    """The requests that one user may make in a minute."""
    per_minute_project: int | None = None
    """The requests of all users together, if there is such a limit."""


MEET = Service(
    name="meet",
    version="v2",
    title="Google Meet REST API",
    library="meet.googleapis.com",
    scope=_SCOPE + "meetings.space.readonly",
    setting="GOOGLE_MEET_API_URL",
    url="https://meet.googleapis.com",
    per_minute_user=600,
    per_minute_project=6000,
)
REPORTS = Service(
    name="admin",
    version="reports_v1",
    title="Admin SDK API (Reports)",
    library="admin.googleapis.com",
    scope=_SCOPE + "admin.reports.audit.readonly",
    setting="GOOGLE_ADMIN_API_URL",
    url="https://admin.googleapis.com",
    per_minute_user=250,  # every call names an event, and so counts as filtered
)
DIRECTORY = Service(
    name="admin",
    version="directory_v1",
    title="Admin SDK API (Directory)",
    library="admin.googleapis.com",
    scope=_SCOPE + "admin.directory.user.readonly",
    setting="GOOGLE_ADMIN_API_URL",
    url="https://admin.googleapis.com",
    per_minute_user=2400,
)
CALENDAR = Service(
    name="calendar",
    version="v3",
    title="Google Calendar API",
    library="calendar-json.googleapis.com",
    scope=_SCOPE + "calendar.events.readonly",
    setting="GOOGLE_CALENDAR_API_URL",
    url="https://www.googleapis.com/calendar/v3",
    per_minute_user=600,
    per_minute_project=10_000,
)
SERVICES = (REPORTS, MEET, DIRECTORY, CALENDAR)
"""What the harvest reads."""

CALENDAR_BOOKING = replace(CALENDAR, scope=_SCOPE + "calendar.events")
"""Reads events, and inserts and deletes them: only if booking is switched on."""

CALENDAR_FREE_BUSY = replace(CALENDAR, scope=_SCOPE + "calendar.freebusy")
"""When calendars are busy, without the events."""

ROOM_RESOURCES = replace(DIRECTORY, scope=_SCOPE + "admin.directory.resource.calendar.readonly")
"""The rooms of a company."""

RECORD_RETENTION = timedelta(days=30)
"""A conference record and its participants are deleted this long after the conference ended (`expireTime`)."""

REPORTS_RETENTION = timedelta(days=180)

LOOKBACK = timedelta(days=3)
"""Rows of Reports arrive minutes after an endpoint left, sometimes days."""

MAX_WINDOW = timedelta(days=7)
"""No maximum is documented. Each listing is read a day wider on both sides; long windows make that rarer."""

WINDOW_PADDING = timedelta(hours=24)
"""Added to a window on both sides. A row has the time at which its endpoint left, so a conference of the window may have
later rows, and one with rows in the window may have begun earlier."""

SETTLING_TIME = timedelta(hours=2)
"""A conference read sooner than this after its end is read once more. Google documents no delay for the rows of Meet: 30
to 60 minutes were measured by Microsoft Sentinel's connector, a few minutes by others."""

REFETCH_INTERVAL = timedelta(hours=1)
