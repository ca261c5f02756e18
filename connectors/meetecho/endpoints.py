"""The calls to Meetecho and the datatracker, their rates, and how late and how long their data is available."""

from __future__ import annotations

from datetime import timedelta

VENDOR = "Meetecho"

TOKENS = "/auth/ietfservice/tokens"
ROOMS = "/meeting/interim/fetchRooms"

GROUPS = "/api/v1/group/group/"
MEETINGS = "/api/v1/meeting/meeting/"
SESSIONS = "/api/v1/meeting/session/"
ASSIGNMENTS = "/api/v1/meeting/schedtimesessassignment/"
TIMESLOTS = "/api/v1/meeting/timeslot/"
STATUSES = "/api/v1/meeting/schedulingevent/"
ATTENDED = "/api/v1/meeting/attended/"
PEOPLE = "/api/v1/person/person/"

MEETECHO_CALLS_PER_SECOND = 2.0
"""No rate is published. A harvest makes one call per group."""

DATATRACKER_CALLS_PER_SECOND = 10.0
"""A tenth of a second between requests, as in the public client glasgow-ipl/ietfdata (2026-06)."""

PAGE_SIZE = 100

MAX_WINDOW = timedelta(days=92)

LOOKBACK = timedelta(days=7)
"""Meetecho pushes attendance while a session runs, and again afterwards. When it ends is not documented."""

RETENTION = timedelta(days=3650)
"""The datatracker deletes nothing."""

DATES_BEFORE, DATES_AFTER = timedelta(days=14), timedelta(days=2)
"""Days added to a window of meeting dates: a meeting's `date` is its first day, in its own time zone, and its sessions
may be on any of its days."""


def call_name(path: str) -> str:
    """The name of a call to the datatracker in messages."""
    return f"datatracker GET {path}"
