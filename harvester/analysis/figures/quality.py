"""How well the calls worked."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from harvester.analysis.duckdb_database import Database
from harvester.analysis.figures.fact_tables import Period, bucket_sql
from harvester.analysis.figures.table import Table

LEAST_STAYS = 30
"""Groups with fewer measured sessions are left out: their interval would span the chart."""
NOTABLE = 1.25
"""A group stands out if even the lower end of its interval is this many times the share of everyone."""
_Z = 1.959963984540054
MOST = 12

NETWORK = """
CASE lower(network_type) WHEN 'ethernet' THEN 'wired' WHEN 'mobile' THEN 'cellular' ELSE lower(network_type) END
"""
"""Webex says ethernet for what Zoom and Teams call wired; Teams says mobile for what Zoom and Webex call cellular."""

GROUPS = {
    "network": NETWORK,
    "country": "country",
    "client version": "vendor || ' ' || app_version",
    "unit": "unit",
}


def rates_over_time(database: Database, period: Period) -> Table:
    rows = database.rows(
        f"""
        SELECT {bucket_sql(period)} AS step, count(rating), count(*) FILTER (WHERE rating = 'poor') / count(rating),
               count(*) FILTER (WHERE rating = 'fair') / count(rating)
        FROM rated WHERE rating IS NOT NULL GROUP BY step ORDER BY step
        """
    )
    return Table(
        name="quality-over-time",
        columns={
            period.bucket: "text",
            "measured sessions": "count",
            "poor": "share",
            "fair": "share",
            "partial": "text",
        },
        rows=[
            (day.isoformat(), *values, "partial" if period.is_partial(day) else None) for day, *values in rows
        ],
    )


def measures_over_time(database: Database, period: Period) -> Table:
    """The median and the 95th percentile of each measure, per vendor."""
    names = ("latency_ms", "jitter_ms", "packet_loss_pct")
    wanted = ", ".join(
        f"quantile_cont({name}, 0.5) AS {name}_half, quantile_cont({name}, 0.95) AS {name}_most"
        for name in names
    )
    rows = database.rows(
        f"SELECT {bucket_sql(period)} AS step, vendor, {wanted} FROM rated WHERE rating IS NOT NULL GROUP BY ALL ORDER BY step, vendor"
    )
    columns = (
        "latency ms, median",
        "latency ms, 95 %",
        "jitter ms, median",
        "jitter ms, 95 %",
        "loss %, median",
        "loss %, 95 %",
    )
    return Table(
        name="latency-jitter-loss",
        columns={period.bucket: "text", "vendor": "text", **dict.fromkeys(columns, "number")},
        rows=[
            (day.isoformat(), vendor, *(None if value is None else round(value, 2) for value in values))
            for day, vendor, *values in rows
        ],
    )


def wilson(poor: int, measured: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    share = poor / measured
    scale = 1 + _Z**2 / measured
    middle = (share + _Z**2 / (2 * measured)) / scale
    half = _Z * sqrt(share * (1 - share) / measured + _Z**2 / (4 * measured**2)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def groups(database: Database, name: str, *, least: int) -> Table:
    """The share of poor sessions of each network, country …, the worst first."""
    found = database.rows(
        f"""
        SELECT min({GROUPS[name]}) AS label, count(*) FILTER (WHERE rating = 'poor') AS poor, count(rating) AS measured,
               count(DISTINCT whole) AS people
        FROM rated WHERE rating IS NOT NULL AND {GROUPS[name]} IS NOT NULL
        GROUP BY lower({GROUPS[name]}) HAVING count(rating) >= {LEAST_STAYS} AND count(DISTINCT whole) >= {least}
        ORDER BY measured DESC, label LIMIT {MOST}
        """
    )
    poor, measured = database.row("SELECT count(*) FILTER (WHERE rating = 'poor'), count(rating) FROM rated")
    mean = poor / measured if measured else 0.0
    rows = [_group(label, bad, total, mean) for label, bad, total, _ in found]
    rows.sort(key=lambda row: (-row[2], row[0]))
    return Table(
        name=f"poor-by-{name.replace(' ', '-')}",
        columns={
            name: "text",
            "measured sessions": "count",
            "poor": "share",
            "from": "share",
            "to": "share",
            "stands out": "text",
        },
        rows=rows,
    )


def _group(
    label: str, poor: int, measured: int, mean: float
) -> tuple[str, int, float, float, float, str | None]:
    low, high = wilson(poor, measured)
    return label, measured, poor / measured, low, high, "yes" if _is_notable(poor, measured, mean) else None


def _is_notable(poor: int, measured: int, mean: float) -> bool:
    """Whether the share of poor sessions is surely at least a quarter above that of everyone."""
    return poor > 0 and wilson(poor, measured)[0] > NOTABLE * mean


def worst_step(rates: Table) -> tuple[str, float] | None:
    """The first day and the share of the worst day, week or month; `None` if none is much worse than all of them together."""
    steps = [(row[2], row[0], round(row[1] * row[2]), row[1]) for row in rates.rows if row[1] >= LEAST_STAYS]
    if not steps:
        return None
    mean = sum(row[1] * row[2] for row in rates.rows) / sum(row[1] for row in rates.rows)
    share, when, poor, measured = max(steps)
    return (when, share) if _is_notable(poor, measured, mean) else None


def standing_out(tables: Sequence[Table]) -> tuple[str, str, float] | None:
    """The kind, the name and the share of the group that stands out most."""
    found = [
        (row[2], next(iter(table.columns)), row[0])
        for table in tables
        for row in table.rows
        if row[5] == "yes"
    ]
    if not found:
        return None
    share, kind, label = max(found)
    return kind, label, share
