"""How rooms are used: how much of the time they are booked, and whether what was booked was held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.models import Window
from harvester.analysis.booking_tables import OUTCOMES
from harvester.analysis.duckdb_database import Database
from harvester.analysis.figures.fact_tables import Period, to_period
from harvester.analysis.figures.table import Kind, Table
from harvester.analysis.figures.usage import WEEKDAYS
from harvester.analysis.selection import Selection

FIRST_HOUR, LAST_HOUR = 8, 17
"""The first and the last of the working hours, from Monday to Friday: 8:00 to 18:00."""
_WORKING = f"weekday < 5 AND hour BETWEEN {FIRST_HOUR} AND {LAST_HOUR}"

SLOT = "INTERVAL 15 MINUTE"
"""The offsets of all zones are multiples of it, so no slot is in two hours of the clock on the wall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomUse:
    """The figures of the rooms that have a booking on the days of the period."""

    period: Period
    rooms: Table
    by_hour: Table
    by_room_and_hour: Table
    hours_of_the_week: Table
    """Of each room: for CSV files only, since it has 168 rows for each."""
    outcomes: Table
    never_held: Table
    conferences: int
    """Conferences of Meet that began on these days, and while bookings are known."""
    not_booked: int
    """Those of them for which no room was booked."""
    not_booked_with_room: int
    """Those of them in which a device of a room was."""

    def tables(self) -> list[Table]:
        tables = self.rooms, self.by_hour, self.by_room_and_hour, self.hours_of_the_week
        return [*tables, self.outcomes, self.never_held]


def room_use(
    database: Database, selection: Selection, period: Period | None, *, shows_people: bool
) -> RoomUse | None:
    """None if there is no booking in the period, which by default is that of the bookings themselves."""
    days = period or _period(database, selection)
    if days is None or not _create_slots(database, days, selection.zone):
        return None
    conferences, not_booked, with_room = database.row(
        """
        SELECT count(*), count(*) FILTER (WHERE NOT is_booked), count(*) FILTER (WHERE NOT is_booked AND has_room)
        FROM conference CROSS JOIN (SELECT min(starts) AS first, max(ends) AS last FROM booking) AS known
        WHERE began >= known.first AND began < known.last AND CAST(local(began) AS DATE) BETWEEN ? AND ?
        """,
        [days.first, days.last],
    )
    return RoomUse(
        period=days,
        rooms=_rooms(database),
        by_hour=_by_hour(database),
        by_room_and_hour=_by_room_and_hour(database),
        hours_of_the_week=_hours_of_the_week(database),
        outcomes=_outcomes(database, not_booked),
        never_held=_never_held(database, shows_people=shows_people),
        conferences=conferences,
        not_booked=not_booked,
        not_booked_with_room=with_room,
    )


def _period(database: Database, selection: Selection) -> Period | None:
    first, last = database.row(
        "SELECT CAST(local(min(starts)) AS DATE), CAST(local(max(ends) - INTERVAL 1 MICROSECOND) AS DATE) FROM booking"
    )
    return None if first is None else to_period(selection.first or first, selection.last or last)


def _create_slots(database: Database, period: Period, zone: ZoneInfo) -> int:
    """The tables `chosen` (bookings that start in the period), `slot` (its quarters of an hour) and `used` (the seconds of each
    for which each room was booked). Returns how many rooms are booked in the period."""
    begin, end = Window.day(period.first, zone).start, Window.day(period.last, zone).end
    bounds = [begin.isoformat(), end.isoformat()]
    database.run("CREATE TABLE chosen AS FROM booking WHERE starts >= ? AND starts < ?", bounds)
    database.run(
        f"""
        CREATE TABLE slot AS
        SELECT moment AS begins, moment + {SLOT} AS ends, isodow(local(moment)) - 1 AS weekday, hour(local(moment)) AS hour
        FROM (SELECT unnest(generate_series(?::TIMESTAMPTZ, ?::TIMESTAMPTZ - {SLOT}, {SLOT})) AS moment)
        """,
        bounds,
    )
    _create_occupied(database, begin, end)
    database.run(
        """
        CREATE TABLE used AS
        SELECT calendar, slot.begins, weekday, hour,
               sum(epoch_us(least(occupied.ends, slot.ends)) - epoch_us(greatest(occupied.starts, slot.begins))) / 1e6 AS seconds
        FROM occupied JOIN slot ON occupied.starts < slot.ends AND occupied.ends > slot.begins GROUP BY ALL
        """
    )
    (rooms,) = database.row("SELECT count(*) FROM room")
    return int(rooms)


def _create_occupied(database: Database, begin: datetime, end: datetime) -> None:
    """The tables `room`, and `occupied`: the intervals in which each room is booked, overlapping ones as one."""
    database.run(
        """
        CREATE TABLE occupied AS
        WITH part AS (
          SELECT calendar, greatest(starts, ?::TIMESTAMPTZ) AS starts, least(ends, ?::TIMESTAMPTZ) AS ends FROM booking
          WHERE starts < ?::TIMESTAMPTZ AND ends > ?::TIMESTAMPTZ
        ),
        step AS (
          SELECT *, starts > max(ends) OVER (PARTITION BY calendar ORDER BY starts, ends ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                   AS is_apart
          FROM part
        ),
        island AS (
          SELECT *, count(*) FILTER (WHERE is_apart) OVER (PARTITION BY calendar ORDER BY starts, ends) AS number FROM step
        )
        SELECT calendar, min(starts) AS starts, max(ends) AS ends FROM island GROUP BY calendar, number
        """,
        [begin.isoformat(), end.isoformat(), end.isoformat(), begin.isoformat()],
    )
    database.run(
        """
        CREATE TABLE room AS
        WITH named AS (
          SELECT calendar, max(room) AS room FROM booking WHERE calendar IN (SELECT calendar FROM occupied) GROUP BY calendar
        )
        SELECT calendar, CASE WHEN count(*) OVER (PARTITION BY room) > 1 THEN room || ' ' || calendar ELSE room END AS room FROM named
        """
    )


def _rooms(database: Database) -> Table:
    places = range(len(OUTCOMES))
    counted = ", ".join(f"count(*) FILTER (WHERE outcome = '{OUTCOMES[n]}') AS count_{n}" for n in places)
    counts = ", ".join(f"coalesce(count_{n}, 0)" for n in places)
    rows = database.rows(
        f"""
        WITH time AS (
          SELECT calendar, sum(seconds) AS seconds, sum(seconds) FILTER (WHERE {_WORKING}) AS working FROM used GROUP BY calendar
        ),
        wanted AS (SELECT nullif(count(*), 0) * 900 AS seconds FROM slot WHERE {_WORKING}),
        number AS (SELECT calendar, count(*) AS bookings, {counted} FROM chosen GROUP BY calendar)
        SELECT room, coalesce(bookings, 0), time.seconds / 3600, coalesce(working, 0) / wanted.seconds AS share, {counts}
        FROM room JOIN time USING (calendar) CROSS JOIN wanted LEFT JOIN number USING (calendar)
        ORDER BY share DESC, time.seconds DESC, room, calendar
        """
    )
    return Table(
        name="rooms",
        columns={
            "room": "text",
            "bookings": "count",
            "booked hours": "hours",
            "working hours booked": "share",
            **dict.fromkeys(OUTCOMES, "count"),
        },
        rows=rows,
    )


def _by_hour(database: Database) -> Table:
    """The share of all rooms that is booked in each hour of the week."""
    rows = database.rows(
        """
        WITH wanted AS (SELECT weekday, hour, count(*) * 900 * (SELECT count(*) FROM room) AS available FROM slot GROUP BY ALL),
        taken AS (SELECT weekday, hour, sum(seconds) AS seconds FROM used GROUP BY ALL)
        SELECT weekday, hour, round(coalesce(seconds, 0) / available, 4) FROM wanted LEFT JOIN taken USING (weekday, hour)
        ORDER BY weekday, hour
        """
    )
    return Table(
        name="rooms-by-hour-of-the-week",
        columns={"weekday": "text", "hour": "count", "booked": "share"},
        rows=[(WEEKDAYS[weekday], hour, share) for weekday, hour, share in rows],
    )


def _by_room_and_hour(database: Database) -> Table:
    """The share of each hour of the day for which each room is booked, from Monday to Friday."""
    rows = database.rows(
        """
        WITH wanted AS (SELECT hour, count(*) * 900 AS available FROM slot WHERE weekday < 5 GROUP BY ALL),
        taken AS (SELECT calendar, hour, sum(seconds) AS seconds FROM used WHERE weekday < 5 GROUP BY ALL)
        SELECT room, hour, round(coalesce(seconds, 0) / available, 4)
        FROM room CROSS JOIN wanted LEFT JOIN taken USING (calendar, hour) ORDER BY room, calendar, hour
        """
    )
    return Table(name="room-hours", columns={"room": "text", "hour": "count", "booked": "share"}, rows=rows)


def _hours_of_the_week(database: Database) -> Table:
    rows = database.rows(
        """
        WITH wanted AS (SELECT weekday, hour, count(*) * 900 AS available FROM slot GROUP BY ALL),
        taken AS (SELECT calendar, weekday, hour, sum(seconds) AS seconds FROM used GROUP BY ALL)
        SELECT room, weekday, hour, round(coalesce(seconds, 0) / available, 4)
        FROM room CROSS JOIN wanted LEFT JOIN taken USING (calendar, weekday, hour) ORDER BY room, calendar, weekday, hour
        """
    )
    return Table(
        name="room-hours-of-the-week",
        columns={"room": "text", "weekday": "text", "hour": "count", "booked": "share"},
        rows=[(room, WEEKDAYS[weekday], hour, share) for room, weekday, hour, share in rows],
    )


def _outcomes(database: Database, not_booked: int) -> Table:
    found = dict(database.rows("SELECT outcome, count(*) FROM chosen GROUP BY outcome"))
    titles = (
        "booked and held",
        "booked, never held",
        "booked, no Meet code",
        "booked, not known",
    )
    rows = [(title, found.get(outcome, 0)) for title, outcome in zip(titles, OUTCOMES, strict=True)]
    return Table(
        name="bookings-and-meetings",
        columns={"outcome": "text", "count": "count"},
        rows=[*rows, ("held, not booked", not_booked)],
    )


def _never_held(database: Database, *, shows_people: bool) -> Table:
    more = "topic, coalesce(host_name, host_email)" if shows_people else "NULL, NULL"
    rows = database.rows(
        f"""
        SELECT room, iso(starts), epoch(ends - starts) / 60, {more} FROM chosen WHERE outcome = 'never held'
        ORDER BY starts, room, document_id
        """
    )
    columns: dict[str, Kind] = {"room": "text", "start": "instant", "length": "minutes"}
    if shows_people:
        columns |= {"topic": "text", "organizer": "text"}
    return Table(name="booked-and-never-held", columns=columns, rows=[row[: len(columns)] for row in rows])
