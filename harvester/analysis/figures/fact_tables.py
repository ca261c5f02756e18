"""What every figure is computed from: the tables `fact` (a row per meeting) and `rated` (a row per session).

A meeting was held if it has a start, a session or a participant. Its end is the vendor's, else the last leave, else the
planned one, but not later than the harvest: what had not happened by then is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from harvester.analysis.attendance import Threshold, create_attendance, name_attended_across_meetings
from harvester.analysis.duckdb_database import Database
from harvester.analysis.org_units import Units
from harvester.analysis.selection import Selection

POOR = {"packet_loss_pct": 5.0, "jitter_ms": 50.0, "latency_ms": 300.0}
FAIR = {"packet_loss_pct": 2.0, "jitter_ms": 30.0, "latency_ms": 150.0}
"""From where a stay is poor or fair, by its averages in the worse direction of the sound (of the picture if there is no
sound). No vendor publishes such a table; these are near the one of Google's Meet quality tool."""

Bucket = Literal["day", "week", "month"]
MAX_DAYS, MAX_WEEK_DAYS = 92, 731


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The days of the report, and the steps of its charts over time."""

    first: date
    last: date
    bucket: Bucket

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def buckets(self) -> list[date]:
        """The first day of each step, whether anything happened in it or not."""
        found: list[date] = []
        day = start_of(self.first, self.bucket)
        while day <= self.last:
            found.append(day)
            day = _next(day, self.bucket)
        return found

    def is_partial(self, day: date) -> bool:
        """Whether a part of the step lies outside the days of the report."""
        return day < self.first or _next(day, self.bucket) - timedelta(days=1) > self.last


def start_of(day: date, bucket: Bucket) -> date:
    if bucket == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if bucket == "month" else day


def _next(day: date, bucket: Bucket) -> date:
    if bucket == "month":
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=7 if bucket == "week" else 1)


def create_facts(database: Database, selection: Selection, units: Units) -> Period | None:
    """Returns the period; `None` if no meeting was held."""
    create_attendance(database, zone=selection.zone.key, by="meeting", threshold=Threshold())
    name_attended_across_meetings(database)
    _create_fact(database)
    _create_rated(database, units)
    return _period(database, selection)


def _create_fact(database: Database) -> None:
    database.run(
        """
        CREATE TABLE fact AS
        WITH there AS (
          SELECT number, count(*) AS people, sum(seconds) AS seconds, sum(sessions) AS sessions,
                 count(*) FILTER (WHERE sessions > 1) AS rejoined
          FROM attended GROUP BY number
        ),
        planned AS (
          SELECT number, least(scheduled_end_time, CASE WHEN harvested_ms > 0 THEN CAST(make_timestamp_ms(harvested_ms) AS TIMESTAMPTZ) END)
                   AS plan_end
          FROM meeting WHERE scheduled_end_time IS NOT NULL
        ),
        timed AS (
          SELECT meeting.*, there.sessions, there.rejoined,
                 coalesce(there.people, participants) AS people,
                 coalesce(there.seconds, participant_seconds) AS seconds,
                 coalesce(start_time, first_join, scheduled_start_time, began) AS started,
                 coalesce(end_time, start_time + to_microseconds(CAST(duration * 1000000 AS BIGINT)), last_leave, plan_end)
                   AS ended,
                 CASE WHEN end_time IS NOT NULL OR start_time IS NOT NULL AND duration IS NOT NULL THEN 'vendor'
                      WHEN last_leave IS NOT NULL THEN 'leave' WHEN plan_end IS NOT NULL THEN 'plan' END AS end_from,
                 start_time IS NOT NULL OR coalesce(there.sessions, participants, 0) > 0 AS was_held
          FROM meeting LEFT JOIN there USING (number) LEFT JOIN planned USING (number)
        )
        SELECT *, CAST(local(started) AS DATE) AS day,
               CASE WHEN ended > started THEN epoch(ended - started) END AS length,
               NOT was_held AND state IS DISTINCT FROM 'live'
                 AND epoch_ms(coalesce(scheduled_end_time, scheduled_start_time)) < harvested_ms AS was_missed
        FROM timed
        """
    )


def _create_rated(database: Database, units: Units) -> None:
    units.create_table(database)
    database.run(
        f"""
        CREATE TABLE rated AS
        SELECT session.* EXCLUDE (stay, id, user_id, user_name), fact.vendor, fact.day, named.whole,
               coalesce(unit.unit, CASE user_type WHEN 'guest' THEN 'guest' WHEN 'phone' THEN 'phone' WHEN 'room' THEN 'room' END) AS unit,
               CASE WHEN join_time <= leave_time THEN epoch_us(leave_time) - epoch_us(join_time) END AS us,
               CASE WHEN {_reaches(POOR)} THEN 'poor' WHEN {_reaches(FAIR)} THEN 'fair'
                    WHEN latency_ms IS NOT NULL OR jitter_ms IS NOT NULL OR packet_loss_pct IS NOT NULL THEN 'good' END AS rating
        FROM session JOIN fact USING (number) LEFT JOIN named USING (number, person)
        LEFT JOIN unit ON unit.email = lower(session.email)
        WHERE stay IS DISTINCT FROM 'waiting_room'
        """
    )


def _reaches(limits: dict[str, float]) -> str:
    return " OR ".join(f"{name} >= {limit!r}" for name, limit in limits.items())


def _period(database: Database, selection: Selection) -> Period | None:
    first, last = database.row("SELECT min(day), max(day) FROM fact WHERE was_held")
    if first is None:
        return None
    return to_period(selection.first or first, selection.last or last)


def to_period(first: date, last: date) -> Period:
    days = (last - first).days + 1
    bucket: Bucket = "day" if days <= MAX_DAYS else "week" if days <= MAX_WEEK_DAYS else "month"
    return Period(first=first, last=last, bucket=bucket)


def bucket_sql(period: Period, day: str = "day") -> str:
    """The first day of the step of a day, in SQL."""
    return f"CAST(date_trunc('{period.bucket}', {day}) AS DATE)"


def vendors(database: Database) -> Sequence[str]:
    """The vendors with most meetings first."""
    return [
        vendor
        for (vendor,) in database.rows(
            "SELECT vendor FROM fact WHERE was_held GROUP BY vendor ORDER BY count(*) DESC, vendor"
        )
    ]
