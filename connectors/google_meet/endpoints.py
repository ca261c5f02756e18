"""Google's APIs that are read here: where each is, the one scope that it takes, and how fast it may be asked.

Scopes and paths: the discovery documents in the google-api-python-client wheel (meet.v2, admin.reports_v1,
admin.directory_v1, calendar.v3; 2026-11). A token is asked for with one scope at a time: a scope that the admin has not
allowed costs the API that needs it, and no other. Rates: https://developers.google.com/workspace/meet/api/guides/limits,
…/admin-sdk/reports/v1/limits, …/admin-sdk/directory/v1/limits, …/calendar/api/guides/quota (2026).
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """One API. `title` is its name in the Cloud console, `library` its name in the addresses there. `a_minute`: requests
    of one user; `of_project`: of all users together, where that is another limit."""

    name: str
    version: str
    title: str
    library: str
    scope: str
    setting: str
    url: str
    per_minute_user: int
    per_minute_project: int | None = None


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
    per_minute_user=250,  # every call here names an event, and so counts as filtered
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

RECORD_RETENTION = timedelta(days=30)
"""A conference record and all below it is deleted so long after the conference ended (`expireTime`)."""

REPORTS_RETENTION = timedelta(days=180)

LOOKBACK = timedelta(days=3)
"""Reports' rows arrive minutes after an endpoint has left, sometimes days."""

MAX_WINDOW = timedelta(days=7)
"""No longest range is documented. Each listing is read a day wider on both sides, which a longer one does less often."""

WINDOW_PADDING = timedelta(hours=24)
"""A row is stamped when its endpoint leaves: a conference of this window may have rows so much after it, and one that has
rows in it may have begun so much before."""

SETTLING_TIME = timedelta(hours=2)
"""Whoever reads a conference sooner after its end reads it once more. Google names no delay for Meet's rows: 30 to 60
minutes were measured (Microsoft Sentinel's connector), a few by others."""

REFETCH_INTERVAL = timedelta(hours=1)
