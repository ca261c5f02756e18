"""Parts of a section: a chart with its legend, and the table of its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harvester.analysis.cells import Cell, to_cell
from harvester.analysis.figures.table import Table
from harvester.analysis.safe_text import vendor_class, vendor_title
from harvester.optional_libraries import require


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    title: str | None = None
    note: str | None = None
    legend: Sequence[tuple[str, str]] = ()
    """CSS name of the colour, and text."""
    charts: Sequence[str] = ()
    """Markup of jinja2, which is not escaped again: only `to_markup` makes it."""
    table: Table | None = None
    is_open: bool = False
    """Whether the table stands in the page by itself, instead of behind "The figures behind this chart"."""
    summary: str = ""
    """What the closed table is, if it is not that of the figures of a chart."""
    half: bool = False

    @property
    def header(self) -> list[tuple[str, bool]]:
        return [(name, kind == "text") for name, kind in self.table.columns.items()] if self.table else []

    @property
    def cells(self) -> list[list[Cell]]:
        if self.table is None:
            return []
        kinds = list(self.table.columns.items())
        return [
            [to_cell(*kind, value) for kind, value in zip(kinds, row, strict=True)] for row in self.table.rows
        ]


def to_markup(drawing: str) -> str:
    """The only place that makes markup: from `svg.draw`, which builds it from an allow-list."""
    markup: str = require("markupsafe").Markup(drawing)  # see above
    return markup


def vendor_legend(vendors: Sequence[str]) -> list[tuple[str, str]]:
    return [(vendor_class(vendor), vendor_title(vendor)) for vendor in vendors]
