"""Attendance by series: a row per person, a column per meeting, as a teacher keeps it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from connectors.errors import ConfigurationError
from harvester.analysis.attendance import EXPECTED
from harvester.analysis.duckdb_database import Database

FIRST_COLUMNS = ("vendor", "account", "series", "topic", "name", "email", "person_id")
LAST_COLUMNS = ("meetings", "present", "held")
MAX_MEETINGS = 1_000
"""More columns than a register can have: a spreadsheet program shows 16,384, and a person far fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    columns: Sequence[str]
    rows: Iterator[tuple[Any, ...]]


def to_register(database: Database, *, marks: bool, roster: bool) -> Register:
    """One row per series and person. A cell holds the minutes, or `yes` if they are not known; with `marks`, `yes` or `no`.
    It is empty if the person was not there.

    Raises ConfigurationError for more than MAX_MEETINGS columns.
    """
    database.run(
        """
        CREATE TABLE series AS
        SELECT number, vendor, account, coalesce(meeting_series_id, uuid) AS series, topic, local(began) AS began FROM meeting
        """
    )
    labels = _labels(database)
    dates = sorted(set(labels.values()))
    if len(dates) > MAX_MEETINGS:
        raise ConfigurationError(
            f"{len(dates):,} meetings are too many columns: choose a series with --series, or days with --from and --to"
        )
    more = [EXPECTED] if roster else []
    columns = [*FIRST_COLUMNS, *dates, *LAST_COLUMNS, *more]
    return Register(columns=columns, rows=_rows(database, labels, dates, marks=marks, roster=roster))


def _labels(database: Database) -> Mapping[int, str]:
    """The head of each meeting's column: its day, in all columns with the time if a series met twice in a day."""
    meetings = database.rows(
        """
        SELECT number, concat_ws(chr(31), vendor, account, series) AS series, strftime(began, '%Y-%m-%d'),
               strftime(began, '%Y-%m-%d %H:%M') FROM series ORDER BY number
        """
    )
    with_time = len({(series, day) for _, series, day, _ in meetings}) < len(meetings)
    at_minute: Counter[tuple[str, str]] = Counter()
    labels = {}
    for number, series, day, minute in meetings:
        label = minute if with_time else day
        at_minute[series, label] += 1
        labels[number] = label if at_minute[series, label] == 1 else f"{label} ({at_minute[series, label]})"
    return labels


def _rows(
    database: Database, labels: Mapping[int, str], dates: Sequence[str], *, marks: bool, roster: bool
) -> Iterator[tuple[Any, ...]]:
    series_rows = database.rows(
        "SELECT vendor, account, series, count(*), arg_max(topic, number) FROM series GROUP BY ALL"
    )
    all_series = {tuple(key): (held, topic) for *key, held, topic in series_rows}
    stream = database.stream(
        """
        WITH person AS (
          SELECT person, arg_max(name, number) AS name, min(email) AS email, min(person_id) AS person_id,
                 bool_or(place IS NOT NULL) AS expected
          FROM attended GROUP BY person
        )
        SELECT vendor, account, series, person.name, person.email, person.person_id, expected, person,
               number, sessions, round(seconds / 60, 1), present
        FROM attended JOIN series USING (number) JOIN person USING (person)
        ORDER BY vendor, account, series, lower(trim(coalesce(person.name, person.email))) NULLS LAST, person.email NULLS LAST, person, number
        """
    )
    for head, group in groupby(stream, key=lambda row: row[:8]):
        vendor, account, series, name, email, person_id, expected, _ = head
        cells: dict[str, Any] = {}
        meetings = present = 0
        for *_, number, sessions, minutes, is_present in group:
            meetings += sessions > 0
            present += bool(is_present)
            if sessions:
                cells[labels[number]] = _cell(minutes, is_present, marks=marks)
        held, topic = all_series[vendor, account, series]
        yield (
            *(vendor, account, series, topic, name, email, person_id),
            *(cells.get(date) for date in dates),
            *(meetings, present, held),
            *(("yes" if expected else "no",) if roster else ()),
        )


def _cell(minutes: float | None, present: bool | None, *, marks: bool) -> float | str | None:
    if marks:
        return None if present is None else "yes" if present else "no"
    return "yes" if minutes is None else minutes
