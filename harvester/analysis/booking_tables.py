"""Bookings of rooms and the conferences of Google Meet that may have been held in them, as tables of DuckDB.

- `booking`: each booking once, as its newest reading has it, with its times and its Meet code.
- `conference`: every record of a conference of Meet with a code, of the days of the report and the days beside them, since a
  booking of the last evening may be held after midnight.

One code belongs to all occurrences of a series, so a booking and a conference belong together if they have the same code and
at least one instant in common.
"""

from __future__ import annotations

from collections.abc import Sequence

from harvester.analysis.duckdb_database import Database
from harvester.analysis.selection import Selection

BOOKING_FIELDS = {"room": "VARCHAR", "calendar": "VARCHAR"}
"""What a booking has beside the fields that it shares with meetings."""

MEET = "google-meet"

OUTCOMES = ("held", "never held", "no Meet code", "not known")
"""What became of a booking. `never held`: Meet's records of the time are there, and none has the code of the booking. That is
not known of a booking whose organizer is of another company than all hosts: Meet does not list such conferences."""


def create_bookings(database: Database, selection: Selection) -> tuple[int, int]:
    """Fill the tables from `line` and `latest`. Returns the bookings, and how many older versions and copies there were."""
    window = selection.window()
    bounds = [window.start.isoformat(), window.end.isoformat()] if window else []
    within = " AND end_time >= ? AND start_time < ?" if window else ""
    (lines,) = database.row(f"SELECT count(*) FROM line WHERE is_booking{within}", bounds)
    database.run(
        f"""
        CREATE TABLE plan AS
        SELECT document_id, coalesce(calendar, room, '') AS calendar, coalesce(room, calendar, '') AS room, topic,
               host.name AS host_name, host.email AS host_email, {_company("host.email")} AS company, {_plain("meeting_code")} AS code,
               start_time AS starts, end_time AS ends
        FROM line WHERE is_booking{within}
        QUALIFY row_number() OVER (PARTITION BY document_id ORDER BY version DESC, hash(line)) = 1
        """,
        bounds,
    )
    is_chosen = bool(lines) and (not selection.vendors or MEET in selection.vendors)
    _create_conferences(database, " AND stamp >= ? AND stamp < ?" if window else "", bounds, wanted=is_chosen)
    database.run(
        f"""
        CREATE TABLE booking AS
        SELECT plan.*, CASE WHEN EXISTS (FROM conference WHERE conference.code = plan.code AND {_meets("plan")}) THEN 'held'
                 WHEN plan.code IS NULL THEN 'no Meet code'
                 WHEN starts >= known.first AND ends <= known.last
                   AND (companies IS NULL OR company IS NULL OR list_contains(companies, company)) THEN 'never held'
                 ELSE 'not known' END AS outcome
        FROM plan CROSS JOIN
          (SELECT min(began) AS first, max(began) AS last, list(DISTINCT company) FILTER (WHERE company IS NOT NULL) AS companies
           FROM conference) AS known
        """
    )
    database.run("DROP TABLE plan")
    (bookings,) = database.row("SELECT count(*) FROM booking")
    return bookings, lines - bookings


def _create_conferences(database: Database, within: str, bounds: Sequence[str], *, wanted: bool) -> None:
    """`is_booked`: whether a room was booked for it; `has_room`: whether a device of a room was in it."""
    key = "vendor, account, uuid, version"
    database.run(
        f"""
        CREATE TABLE conference AS
        WITH device AS (
          SELECT DISTINCT {key} FROM line WHERE NOT is_meeting AND vendor = '{MEET}' AND user_type = 'room' AND {wanted}
        ),
        record AS (
          SELECT {_plain("meeting_code")} AS code, coalesce(start_time, first_join) AS began,
                 coalesce(end_time, start_time + to_microseconds(CAST(duration * 1000000 AS BIGINT)), last_leave,
                   CASE WHEN state = 'live' THEN CAST(make_timestamp_ms(version % 10000000000000) AS TIMESTAMPTZ) END) AS ended,
                 device.uuid IS NOT NULL AS has_room, {_company("host.email")} AS company
          FROM line JOIN latest USING ({key}) LEFT JOIN device USING ({key})
          WHERE is_meeting AND line.vendor = '{MEET}' AND {wanted}{within}
          QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY hash(line)) = 1
        )
        SELECT *, EXISTS (FROM plan WHERE plan.code = record.code AND {_meets("plan", "record")}) AS is_booked
        FROM record WHERE code IS NOT NULL AND began IS NOT NULL
        """,
        bounds,
    )


def _plain(code: str) -> str:
    """A code as its letters, since it is written with and without hyphens."""
    return f"nullif(regexp_replace(lower({code}), '[^a-z]', '', 'g'), '')"


def _company(email: str) -> str:
    """The domain of an address; NULL if there is none."""
    return f"nullif(split_part(lower({email}), '@', 2), '')"


def _meets(booking: str, conference: str = "conference") -> str:
    """Whether they have an instant in common. A conference that ended in the instant in which it began has that one."""
    return (
        f"{conference}.began < {booking}.ends AND "
        f"({conference}.began >= {booking}.starts OR {conference}.ended > {booking}.starts)"
    )
