"""Who meets, and with which clients."""

from __future__ import annotations

from harvester.analysis.duckdb_database import Database
from harvester.analysis.figures.table import Table

LEAST_PEOPLE = 5
"""Groups of fewer people are not shown: a figure would be about one person."""
MOST = 15


def units(database: Database, *, least: int) -> Table:
    """`least`: how many people a group must have."""
    rows = database.rows(
        f"""
        WITH person AS (
          SELECT coalesce(unit, 'not known') AS unit, whole, sum(us) AS us FROM rated GROUP BY ALL
        )
        SELECT unit, count(DISTINCT whole) AS people, sum(us) / 3600e6 AS hours FROM person
        GROUP BY unit HAVING count(DISTINCT whole) >= {least} AND unit <> 'not known'
        ORDER BY hours DESC NULLS LAST, people DESC, unit LIMIT {MOST}
        """
    )
    return Table(
        name="units", columns={"unit": "text", "people": "count", "participant-hours": "hours"}, rows=rows
    )


def hosts(database: Database) -> Table:
    """One e-mail is one host, whatever the vendors."""
    rows = database.rows(
        f"""
        SELECT coalesce(min(host_name), min(host_email)) AS host, string_agg(DISTINCT vendor, ', ' ORDER BY vendor) AS vendors,
               count(*) AS meetings, sum(seconds) / 3600 AS hours
        FROM fact WHERE was_held AND host_email IS NOT NULL
        GROUP BY lower(host_email) ORDER BY meetings DESC, hours DESC NULLS LAST, lower(host_email) LIMIT {MOST}
        """
    )
    return Table(
        name="hosts",
        columns={"host": "text", "vendors": "text", "meetings": "count", "participant-hours": "hours"},
        rows=rows,
    )


def versions(database: Database, *, least: int) -> Table:
    """The most used client versions of each vendor, the newest first."""
    rows = database.rows(
        f"""
        WITH counted AS (
          SELECT vendor, app_version AS version, count(DISTINCT whole) AS people, count(*) AS stays
          FROM rated WHERE app_version IS NOT NULL GROUP BY vendor, app_version HAVING count(DISTINCT whole) >= {least}
          QUALIFY row_number() OVER (PARTITION BY vendor ORDER BY stays DESC, version) <= 8
        )
        SELECT * FROM counted
        ORDER BY vendor, list_transform(regexp_extract_all(version, '[0-9]{{1,9}}'), lambda part: CAST(part AS BIGINT)) DESC, version
        """
    )
    return Table(
        name="client-versions",
        columns={"vendor": "text", "version": "text", "people": "count", "sessions": "count"},
        rows=rows,
    )


def systems(database: Database, *, least: int) -> Table:
    """Vendors spell one system in capital and in small letters; it is one row."""
    rows = database.rows(
        f"""
        SELECT min(os) AS name, count(DISTINCT whole) AS people, count(*) AS stays FROM rated WHERE os IS NOT NULL
        GROUP BY lower(os) HAVING count(DISTINCT whole) >= {least} ORDER BY stays DESC, name LIMIT {MOST}
        """
    )
    return Table(
        name="systems", columns={"system": "text", "people": "count", "sessions": "count"}, rows=rows
    )
