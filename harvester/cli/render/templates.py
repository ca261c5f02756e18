"""Differences between the shipped index templates and the cluster, as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harvester.cli.render.table import table_lines

if TYPE_CHECKING:
    from harvester.sinks.elastic.templates import Difference

TEMPLATE_REMEDY = "to install the shipped templates: `harvester templates install`"
INDEX_REMEDY = (
    "an existing index keeps its mappings: `harvester templates install` adds a missing field (absent); a field mapped "
    "differently needs a new index: export the index, delete it, and load it again"
)


def difference_lines(differences: Sequence[Difference], remedy: str) -> list[str]:
    if not differences:
        return []
    rows = [_row(difference) for difference in differences]
    return [*table_lines(("TEMPLATE OR INDEX", "FIELD", "IN THE CLUSTER", "SHIPPED"), rows), remedy]


def _row(difference: Difference) -> tuple[str, str, str, str]:
    if not difference.field:
        return difference.template, "", "not installed", ""
    return (
        difference.template,
        difference.field,
        _value(difference.installed),
        _value(difference.shipped),
    )


def _value(value: Any) -> str:
    if value is None:
        return "absent"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
