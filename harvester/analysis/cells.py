"""Values as texts: in the page, and in CSV files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from harvester.analysis.figures.table import Kind, Table
from harvester.analysis.safe_text import clean, vendor_title

UNKNOWN = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    text: str
    value: str
    """As `--csv` writes it."""
    is_text: bool


def to_cell(name: str, kind: Kind, value: Any) -> Cell:
    if value is None:
        return Cell(
            text="" if name in {"partial", "stands out"} else UNKNOWN, value="", is_text=kind == "text"
        )
    return Cell(text=shown(name, kind, value), value=plain_value(kind, value), is_text=kind == "text")


def plain_value(kind: Kind, value: Any) -> str:
    """As a CSV file has it: that of `--csv`, and the one that the page saves."""
    return "" if value is None else clean(str(value)) if kind == "text" else str(value)


def plain_rows(table: Table) -> list[list[str]]:
    kinds = list(table.columns.values())
    return [[plain_value(kind, value) for kind, value in zip(kinds, row, strict=True)] for row in table.rows]


def shown(name: str, kind: Kind, value: Any) -> str:
    if kind == "share":
        return f"{value * 100:.1f} %" if 0 < value < 0.1 else f"{value * 100:.0f} %"
    if kind == "minutes":
        return minutes(value)
    if kind in {"count", "hours"}:
        return f"{value:,.0f}" if kind == "count" or value >= 10 else f"{value:.1f}"
    if kind == "number":
        return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"
    if kind == "instant":
        return instant(str(value))
    return vendor_title(value) if name == "vendor" else clean(str(value))


def minutes(value: float) -> str:
    whole = round(value)
    return (
        f"{whole // 60} h {whole % 60:02d}"
        if whole >= 60
        else f"{whole} min"
        if value >= 1
        else "under 1 min"
    )


def instant(text: str) -> str:
    return f"{datetime.fromisoformat(text):%a %-d %b %Y %H:%M}"


def day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"


def span(first: date, last: date) -> str:
    """`1 to 30 June 2026`: what the two days have in common is written once."""
    if first == last:
        return day(last)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {day(last)}"
    return (
        f"{first.day} {first:%B} to {day(last)}"
        if first.year == last.year
        else f"{day(first)} to {day(last)}"
    )
