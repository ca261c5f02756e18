"""How much, when, how many at once, how long and how big."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from harvester.analysis.duckdb_database import Database
from harvester.analysis.figures.fact_tables import Period, bucket_sql
from harvester.analysis.figures.table import Table

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EVERYTHING = "all vendors"

LENGTHS = (
    *(("under 5 min", 0), ("5–15 min", 5), ("15–30 min", 15), ("30–45 min", 30), ("45–60 min", 45)),
    *(("1–1½ h", 60), ("1½–2 h", 90), ("2–4 h", 120), ("over 4 h", 240)),
)
SIZES = (
    ("1", 1),
    ("2", 2),
    ("3–4", 3),
    ("5–9", 5),
    ("10–19", 10),
    ("20–49", 20),
    ("50–99", 50),
    ("100 and more", 100),
)


def over_time(database: Database, period: Period) -> Table:
    """Meetings and participant-hours of each vendor in each step."""
    rows = database.rows(
        f"""
        SELECT {bucket_sql(period)} AS step, vendor, count(*) AS meetings, sum(seconds) / 3600 AS hours
        FROM fact WHERE was_held GROUP BY ALL ORDER BY step, vendor
        """
    )
    return Table(
        name="meetings-over-time",
        columns={
            period.bucket: "text",
            "vendor": "text",
            "meetings": "count",
            "participant-hours": "hours",
            "partial": "text",
        },
        rows=[
            (day.isoformat(), vendor, meetings, hours, "partial" if period.is_partial(day) else None)
            for day, vendor, meetings, hours in rows
        ],
    )


def by_vendor(database: Database) -> Table:
    rows = database.rows(
        """
        WITH people AS (
          SELECT vendor, count(DISTINCT whole) AS people FROM named JOIN fact USING (number) WHERE was_held GROUP BY vendor
        ),
        stays AS (
          SELECT vendor, count(*) FILTER (WHERE rating = 'poor') / nullif(count(rating), 0) AS poor FROM rated GROUP BY vendor
        )
        SELECT vendor, count(*), sum(seconds) / 3600, any_value(people.people), nullif(count(DISTINCT lower(host_email)), 0),
               median(fact.people), median(length) / 60,
               count(*) FILTER (WHERE fact.people = 1) / nullif(count(fact.people), 0),
               sum(rejoined) / nullif(sum(fact.people) FILTER (WHERE sessions > 0), 0),
               count(*) FILTER (WHERE recording) / nullif(count(recording), 0), any_value(stays.poor)
        FROM fact LEFT JOIN people USING (vendor) LEFT JOIN stays USING (vendor)
        WHERE was_held GROUP BY vendor ORDER BY count(*) DESC, vendor
        """
    )
    return Table(
        name="vendors",
        columns={
            "vendor": "text",
            "meetings": "count",
            "participant-hours": "hours",
            "people": "count",
            "hosts": "count",
            "median people": "number",
            "median length": "minutes",
            "one person only": "share",
            "rejoined": "share",
            "recorded": "share",
            "poor quality": "share",
        },
        rows=rows,
    )


def by_hour(database: Database, period: Period) -> Table:
    """Meetings running at once in each hour of the week, on average over the days of the period.

    The hours are those of the clock on the wall: the one that is repeated in autumn counts as one, and the one that is left
    out in spring as none.
    """
    days = [0] * 7
    for offset in range(period.days):
        days[(period.first + timedelta(days=offset)).weekday()] += 1
    seconds: dict[tuple[int, int], float] = {
        (weekday, hour): total
        for weekday, hour, total in database.rows(
            """
            WITH slot AS (
              SELECT started, ended, unnest(generate_series(date_trunc('hour', local(started)) - INTERVAL 1 HOUR,
                       local(ended) + INTERVAL 1 HOUR, INTERVAL 1 HOUR)) AS hour
              FROM fact WHERE was_held AND length IS NOT NULL
            ),
            part AS (
              SELECT hour, greatest(0, epoch_us(least(ended, timezone(getvariable('zone'), hour + INTERVAL 1 HOUR)))
                       - epoch_us(greatest(started, timezone(getvariable('zone'), hour)))) AS us
              FROM slot WHERE CAST(hour AS DATE) BETWEEN ? AND ?
            )
            SELECT isodow(hour) - 1, hour(hour), sum(us) / 1e6 FROM part GROUP BY ALL ORDER BY ALL
            """,
            [period.first, period.last],
        )
    }
    return Table(
        name="hours-of-the-week",
        columns={"weekday": "text", "hour": "count", "meetings at once": "number"},
        rows=[
            (WEEKDAYS[weekday], hour, round(seconds.get((weekday, hour), 0.0) / 3600 / days[weekday], 3))
            for weekday in range(7)
            for hour in range(24)
            if days[weekday]
        ],
    )


def create_levels(database: Database) -> None:
    """The table `level`: how many meetings ran from one instant to the next, of each vendor and of all."""
    database.run(
        f"""
        CREATE TABLE level AS
        WITH span AS (
          SELECT vendor, started, ended FROM fact WHERE was_held AND length IS NOT NULL
          UNION ALL
          SELECT '{EVERYTHING}', started, ended FROM fact WHERE was_held AND length IS NOT NULL
        ),
        step AS (
          SELECT vendor, moment, sum(change) AS change FROM (
            SELECT vendor, started AS moment, 1 AS change FROM span UNION ALL SELECT vendor, ended, -1 FROM span)
          GROUP BY vendor, moment
        )
        SELECT vendor, moment, sum(change) OVER (PARTITION BY vendor ORDER BY moment) AS level,
               lead(moment) OVER (PARTITION BY vendor ORDER BY moment) AS until
        FROM step
        """
    )


def peaks_by_day(database: Database, period: Period) -> Table:
    rows = database.rows(
        f"""
        WITH part AS (
          SELECT vendor, level, unnest(generate_series(CAST(local(moment) AS DATE),
                   CAST(local(coalesce(until, moment) - INTERVAL 1 MICROSECOND) AS DATE), INTERVAL 1 DAY)) AS day
          FROM level WHERE level > 0
        )
        SELECT {bucket_sql(period)} AS step, vendor, CAST(max(level) AS BIGINT) AS peak
        FROM part WHERE CAST(day AS DATE) BETWEEN ? AND ? GROUP BY ALL ORDER BY step, vendor
        """,
        [period.first, period.last],
    )
    return Table(
        name="peaks",
        columns={period.bucket: "text", "vendor": "text", "peak": "count"},
        rows=[(day.isoformat(), vendor, peak) for day, vendor, peak in rows],
    )


def peaks(database: Database) -> Table:
    """The peak of each vendor, when it was reached first, and the levels reached for an hour and for ten hours in all."""
    rows = database.rows(
        """
        WITH at_level AS (
          SELECT vendor, level, sum(epoch(until - moment)) AS seconds FROM level WHERE level > 0 AND until IS NOT NULL GROUP BY ALL
        ),
        reached AS (
          SELECT vendor, level, sum(seconds) OVER (PARTITION BY vendor ORDER BY level DESC) AS seconds FROM at_level
        ),
        top AS (
          SELECT vendor, max(level) AS peak, arg_min(moment, struct_pack(l := -level, moment := moment)) AS moment FROM level WHERE level > 0 GROUP BY vendor
        ),
        hosts AS (SELECT vendor, nullif(count(DISTINCT lower(host_email)), 0) AS hosts FROM fact WHERE was_held GROUP BY vendor)
        SELECT top.vendor, CAST(top.peak AS BIGINT), iso(top.moment),
               CAST(max(reached.level) FILTER (WHERE seconds >= 3600) AS BIGINT),
               CAST(max(reached.level) FILTER (WHERE seconds >= 36000) AS BIGINT), any_value(hosts.hosts)
        FROM top JOIN reached USING (vendor) LEFT JOIN hosts USING (vendor)
        GROUP BY top.vendor, top.peak, top.moment ORDER BY top.peak DESC, top.vendor
        """
    )
    return Table(
        name="peak-of-each-vendor",
        columns={
            "vendor": "text",
            "peak": "count",
            "at": "instant",
            "enough but for 1 h": "count",
            "enough but for 10 h": "count",
            "hosts": "count",
        },
        rows=rows,
    )


def _histogram(
    database: Database, name: str, head: str, value: str, steps: tuple[tuple[str, int], ...]
) -> Table:
    cases = " ".join(
        f"WHEN {value} >= {low} THEN {place}" for place, (_, low) in reversed(list(enumerate(steps)))
    )
    found = dict(
        database.rows(
            f"SELECT CASE {cases} END AS place, count(*) FROM fact WHERE was_held AND {value} >= {steps[0][1]} GROUP BY ALL ORDER BY ALL"
        )
    )
    rows = [(label, found.get(place, 0)) for place, (label, _) in enumerate(steps)] if found else []
    return Table(name=name, columns={head: "text", "meetings": "count"}, rows=rows)


def lengths(database: Database) -> Table:
    return _histogram(database, "lengths", "length", "length / 60", LENGTHS)


def sizes(database: Database) -> Table:
    return _histogram(database, "sizes", "people", "people", SIZES)


def totals(database: Database) -> dict[str, Any]:
    """One row of figures about all meetings."""
    (row,) = database.dicts(
        """
        SELECT count(*) FILTER (WHERE was_held) AS held, count(*) FILTER (WHERE was_held AND people = 1) AS one_person,
               count(people) FILTER (WHERE was_held) AS sized,
               count(*) FILTER (WHERE was_missed AND people = 0) AS missed,
               string_agg(DISTINCT vendor, ',' ORDER BY vendor) FILTER (WHERE was_missed AND people = 0) AS missed_at,
               count(*) FILTER (WHERE was_missed AND people IS NULL) AS unattested,
               string_agg(DISTINCT vendor, ',' ORDER BY vendor) FILTER (WHERE was_missed AND people IS NULL) AS unattested_at,
               count(*) FILTER (WHERE length > 86400 AND was_held) AS over_a_day,
               count(*) FILTER (WHERE state = 'live') AS live, sum(seconds) FILTER (WHERE was_held) / 3600 AS hours,
               median(length) FILTER (WHERE was_held) / 60 AS median_minutes, median(people) FILTER (WHERE was_held) AS median_people,
               count(*) FILTER (WHERE was_held AND end_from = 'leave') AS end_from_leave,
               count(*) FILTER (WHERE was_held AND end_from = 'plan') AS end_from_plan,
               count(*) FILTER (WHERE was_held AND length IS NULL) AS no_length,
               (SELECT count(DISTINCT whole) FROM named) AS people,
               (SELECT count(*) FROM rated) AS stays, (SELECT count(rating) FROM rated) AS measured,
               (SELECT count(*) FILTER (WHERE rating = 'poor') FROM rated) AS poor,
               (SELECT count(*) FILTER (WHERE join_time IS NULL) FROM rated) AS no_join
        FROM fact
        """
    )
    return row
