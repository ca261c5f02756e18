"""Attendance as a table for people, with totals at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from harvester.cli.render.table import table_lines
from harvester.formatting import plural

if TYPE_CHECKING:
    from harvester.analysis.attendance import Totals

_LEFT_OUT = frozenset({"vendor", "account", "meeting", "person_id"})
"""For programs; CSV and JSON have them."""
_INSTANTS = frozenset({"start", "first_join", "last_leave"})
_WIDEST = 40
"""Longer names and topics are cut; CSV and JSON have them whole."""
_HEADERS = {"first_join": "first join", "last_leave": "last leave"}


def attendance_lines(columns: Sequence[str], rows: Sequence[Sequence[Any]], totals: Totals) -> Iterator[str]:
    shown = [(place, name) for place, name in enumerate(columns) if name not in _LEFT_OUT]
    shown.sort(key=lambda column: column[1] != "start")  # the start of a meeting comes before its topic
    headers = [_HEADERS.get(name, name).upper() for _, name in shown]
    cells = ([_cell(name, row[place]) for place, name in shown] for row in rows)
    if rows:
        yield from table_lines(headers, cells)
        yield ""
    minutes = "" if totals.seconds is None else f", {totals.seconds / 60:,.1f} minutes"
    yield f"{plural(totals.meetings, 'meeting')}, {_people(totals)}{minutes}"
    if "meeting" in columns and len({row[columns.index("vendor")] for row in rows}) > 1:
        yield "A person at two vendors counts twice here; --by person merges them."


def _people(totals: Totals) -> str:
    return plural(totals.people, "person")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in _INSTANTS:
        return str(value)[:16].replace("T", " ")
    if name == "share":
        return f"{value} %"
    text = str(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
