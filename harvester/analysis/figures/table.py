"""A table of figures: what a chart draws, what stands under it, and what `--csv` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "count", "share", "minutes", "hours", "number", "instant"]
"""How a value is shown. A share is a fraction of 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    name: str
    """The name of its CSV file."""
    columns: Mapping[str, Kind]
    rows: Sequence[Sequence[Any]]

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def __bool__(self) -> bool:
        return bool(self.rows)
