"""Changes of a batch, grouped by statement: a statement that runs for many rows at once costs far less CPU than one for
each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Values = Sequence[Any]


class GroupedChanges:
    """Changes in the order in which they are to be made. All changes to one row keep the order in which they were added;
    a change to another row may come before them. Not safe for threads.
    """

    def __init__(self) -> None:
        self._closed: list[tuple[str, list[Values]]] = []
        """Groups that no further change may join."""
        self._groups: dict[str, list[Values]] = {}
        """Groups that come after those, in the order of their places."""
        self._places: dict[str, int] = {}
        self._last_places: dict[str, int] = {}
        """The place of the last of these groups that changes a row."""
        self._rows: set[str] = set()
        """The rows that the closed groups change."""
        self._changes_any_row = False

    def __bool__(self) -> bool:
        return bool(self._groups or self._closed)

    def add(self, statement: str, values: Values, row: str | None) -> None:
        """`row`: the key of the only row that the statement changes. `None`: it may change any row, so no change is moved past
        it."""
        if row is None:
            self._close()
            self._closed.append((statement, [values]))
            self._changes_any_row = True
            return
        group = self._groups.get(statement)
        if group is None or self._last_places.get(row, 0) > self._places[statement]:
            if group is not None:
                self._close()
            self._places[statement] = len(self._groups)
            group = self._groups[statement] = []
        group.append(values)
        self._last_places[row] = self._places[statement]

    def may_change(self, rows: Sequence[str]) -> bool:
        """Whether a change may concern any of these rows."""
        return (
            self._changes_any_row
            or not self._last_places.keys().isdisjoint(rows)
            or not self._rows.isdisjoint(rows)
        )

    def groups(self) -> list[tuple[str, list[Values]]]:
        """Statements, each with the values for which it is run."""
        return [*self._closed, *self._groups.items()]

    def _close(self) -> None:
        self._closed += self._groups.items()
        self._rows.update(self._last_places)
        self._groups, self._places, self._last_places = {}, {}, {}
