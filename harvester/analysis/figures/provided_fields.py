"""What the vendors do not provide."""

from __future__ import annotations

from harvester.analysis.duckdb_database import Database
from harvester.analysis.figures.table import Table

_MEETING = {
    "start and end": "start_time IS NOT NULL AND (end_time IS NOT NULL OR duration IS NOT NULL)",
    "topic": "topic IS NOT NULL",
    "host": "host_email IS NOT NULL",
    "recorded or not": "recording IS NOT NULL",
}
_SESSION = {
    "join time": "join_time IS NOT NULL",
    "leave time": "leave_time IS NOT NULL",
    "e-mail": "email IS NOT NULL",
    "kind of participant": "user_type IS NOT NULL",
    "client version": "app_version IS NOT NULL",
    "operating system": "os IS NOT NULL",
    "network": "network_type IS NOT NULL",
    "country": "country IS NOT NULL",
    "quality": "rating IS NOT NULL",
    "quality over time": "has_series",
}


def known(database: Database) -> Table:
    """Of each vendor, the share of meetings or sessions with each field."""
    meetings = ", ".join(f"avg(CAST({each} AS INTEGER))" for each in _MEETING.values())
    sessions = ", ".join(f"avg(CAST({each} AS INTEGER))" for each in _SESSION.values())
    of_meetings = database.rows(
        f"SELECT vendor, count(*), {meetings} FROM fact WHERE was_held GROUP BY vendor ORDER BY count(*) DESC, vendor"
    )
    of_sessions = {
        vendor: values
        for vendor, *values in database.rows(
            f"""
            SELECT vendor, count(*), {sessions} FROM rated GROUP BY vendor ORDER BY vendor
            """
        )
    }
    rows = [
        (vendor, count, *values, *of_sessions.get(vendor, [0, *[None] * len(_SESSION)]))
        for vendor, count, *values in of_meetings
    ]
    return Table(
        name="what-is-known",
        columns={
            "vendor": "text",
            "meetings": "count",
            **dict.fromkeys(_MEETING, "share"),
            "sessions": "count",
            **dict.fromkeys(_SESSION, "share"),
        },
        rows=rows,
    )
