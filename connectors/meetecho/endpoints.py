"""What is asked of whom: two hosts, their calls by name, and how much time their data takes and lasts."""

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
"""No rate is published; a harvest asks once per group."""

DATATRACKER_CALLS_PER_SECOND = 10.0
"""A tenth of a second between requests, as the public client of glasgow-ipl/ietfdata keeps (2026-06)."""

PAGE_SIZE = 100

MAX_WINDOW = timedelta(days=92)

LOOKBACK = timedelta(days=7)
"""Attendance is pushed while a session runs, and again afterwards; when the last push comes is not documented."""

RETENTION = timedelta(days=3650)
"""The datatracker drops nothing."""

DATES_BEFORE, DATES_AFTER = timedelta(days=14), timedelta(days=2)
"""A meeting's `date` is its first day in its own zone, and its sessions may be on any of its days."""


def call_name(path: str) -> str:
    """A call to the datatracker, for people."""
    return f"datatracker GET {path}"
